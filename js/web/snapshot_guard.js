// Keeps what must be fresh out of an app's snapshot. While a snapshot is made, each draw of time or randomness and each
// piece of work that cannot be frozen is reported to the host with the place it came from; the host then declines the
// snapshot. Everywhere else these functions only pass through.
import { op_snapshot_hazard } from "ext:core/ops";

let guarding = false;

function report(what) {
  if (guarding) op_snapshot_hazard(what);
}

/**
 * Stops what cannot be done while a snapshot is made: it needs V8's C++ heap, which is not there yet.
 * @param {string} what The call, as a user would write it.
 */
export function refuseWhileGuarding(what) {
  if (!guarding) return;
  report(what);
  throw new Error(`${what} cannot be used at module scope of an app that is to have a snapshot`);
}

/**
 * Wraps the clocks, `Math.random` and what starts work at module scope. Called once, before the app's module runs, and
 * only where a snapshot is made.
 */
export function guard() {
  guarding = true;
  guardMethod(Math, "random", "Math.random()");
  guardMethod(Date, "now", "Date.now()");
  for (const name of ["setTimeout", "setInterval", "fetch"])
    guardMethod(globalThis, name, `${name}()`);
  for (const name of [
    "WebSocket",
    "EventSource",
    "CompressionStream",
    "DecompressionStream",
    "BroadcastChannel",
  ]) {
    guardConstructor(globalThis, name, name);
  }
  for (const name of Object.getOwnPropertyNames(Intl)) {
    if (Intl[name]?.prototype !== undefined) guardConstructor(Intl, name, `Intl.${name}`);
  }
  guardDate();
  guardPerformance();
}

/** Ends the guard: from here on everything passes through. */
export function release() {
  guarding = false;
}

function guardMethod(target, name, what) {
  const descriptor = Object.getOwnPropertyDescriptor(target, name);
  const original = target[name];
  const guarded = {
    [name](...args) {
      report(what);
      return Reflect.apply(original, this, args);
    },
  }[name];
  Object.defineProperty(guarded, "length", { value: original.length, configurable: true });
  for (const symbol of Object.getOwnPropertySymbols(original)) {
    Object.defineProperty(guarded, symbol, Object.getOwnPropertyDescriptor(original, symbol));
  }
  Object.defineProperty(target, name, {
    value: guarded,
    writable: true,
    enumerable: descriptor?.enumerable ?? false,
    configurable: true,
  });
}

function guardConstructor(holder, name, shown) {
  const descriptor = Object.getOwnPropertyDescriptor(holder, name);
  let guarded;
  Object.defineProperty(holder, name, {
    configurable: true,
    enumerable: descriptor.enumerable,
    get() {
      const original = () =>
        descriptor.get === undefined ? descriptor.value : Reflect.apply(descriptor.get, holder, []);
      guarded ??= new Proxy(original(), {
        construct(target, args, newTarget) {
          refuseWhileGuarding(`new ${shown}()`);
          return Reflect.construct(target, args, newTarget === guarded ? target : newTarget);
        },
        apply(target, thisArg, args) {
          refuseWhileGuarding(`${shown}()`);
          return Reflect.apply(target, thisArg, args);
        },
      });
      return guarded;
    },
    set(value) {
      Object.defineProperty(holder, name, {
        value,
        writable: true,
        enumerable: false,
        configurable: true,
      });
    },
  });
}

function guardDate() {
  const original = Date;
  const guarded = new Proxy(original, {
    construct(target, args, newTarget) {
      if (args.length === 0) report("new Date()");
      return Reflect.construct(target, args, newTarget === guarded ? target : newTarget);
    },
    apply(target, thisArg, args) {
      report("Date()");
      return Reflect.apply(target, thisArg, args);
    },
  });
  original.prototype.constructor = guarded;
  Object.defineProperty(globalThis, "Date", {
    value: guarded,
    writable: true,
    enumerable: false,
    configurable: true,
  });
}

// The clock of an isolate starts at its boot. A module evaluated into a snapshot is evaluated at the boot of every
// isolate made from it, as far as it can tell, so the time it reads there is 0.
function guardPerformance() {
  const original = performance.now;
  Object.defineProperty(Performance.prototype, "now", {
    value: function now() {
      return guarding ? 0 : Reflect.apply(original, this, []);
    },
    writable: true,
    enumerable: true,
    configurable: true,
  });
  const origin = Object.getOwnPropertyDescriptor(Performance.prototype, "timeOrigin");
  Object.defineProperty(Performance.prototype, "timeOrigin", {
    ...origin,
    get() {
      report("performance.timeOrigin");
      return Reflect.apply(origin.get, this, []);
    },
  });
}
