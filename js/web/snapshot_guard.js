// Keeps what must be fresh out of an app's snapshot. While a snapshot is made, each draw of time or randomness and each
// piece of work that cannot be frozen is reported to the host with the place it came from; the host then declines the
// snapshot. Everywhere else these functions only pass through.
import { op_snapshot_hazard } from "ext:core/ops";

let guarding = false;

/** What puts back the properties that the guard stands in for, last first. */
const restore = [];

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
 * Wraps the clocks, `Math.random`, what starts work at module scope and what is kept outside the heap. Called once, before
 * the app's module runs, and only where a snapshot is made.
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
  // The host keeps their bytes.
  for (const name of ["Blob", "File"]) guardConstructor(globalThis, name, name, report);
  for (const name of ["compileStreaming", "instantiateStreaming"]) {
    // V8 leaves them out while it makes some snapshots.
    if (globalThis.WebAssembly?.[name] !== undefined)
      guardMethod(WebAssembly, name, `WebAssembly.${name}()`, refuseWhileGuarding);
  }
  for (const name of Object.getOwnPropertyNames(Intl)) {
    if (Intl[name]?.prototype !== undefined) guardConstructor(Intl, name, `Intl.${name}`);
  }
  guardDate();
  guardPerformance();
}

/** Ends the guard: what it stood in for is back, and what the app has kept of it passes through. */
export function release() {
  guarding = false;
  while (restore.length > 0) restore.pop()();
}

/** Defines a property until the guard ends, unless the app puts something else there. */
function replace(
  holder,
  name,
  descriptor,
  original = Object.getOwnPropertyDescriptor(holder, name),
) {
  Object.defineProperty(holder, name, descriptor);
  restore.push(() => {
    const now = Object.getOwnPropertyDescriptor(holder, name);
    if (now?.get === descriptor.get && now?.value === descriptor.value)
      Object.defineProperty(holder, name, original);
  });
}

function guardMethod(target, name, what, tell = report) {
  const descriptor = Object.getOwnPropertyDescriptor(target, name);
  const original = target[name];
  const guarded = {
    [name](...args) {
      tell(what);
      return Reflect.apply(original, this, args);
    },
  }[name];
  Object.defineProperty(guarded, "length", { value: original.length, configurable: true });
  for (const symbol of Object.getOwnPropertySymbols(original)) {
    Object.defineProperty(guarded, symbol, Object.getOwnPropertyDescriptor(original, symbol));
  }
  replace(target, name, {
    value: guarded,
    writable: true,
    enumerable: descriptor?.enumerable ?? false,
    configurable: true,
  });
}

function guardConstructor(holder, name, shown, tell = refuseWhileGuarding) {
  const descriptor = Object.getOwnPropertyDescriptor(holder, name);
  const original = descriptor.get ?? (() => descriptor.value);
  let guarded;
  const guard = {
    configurable: true,
    enumerable: descriptor.enumerable,
    get() {
      if (guarded !== undefined) return guarded;
      guarded = new Proxy(Reflect.apply(original, holder, []), {
        construct(target, args, newTarget) {
          tell(`new ${shown}()`);
          return Reflect.construct(target, args, newTarget === guarded ? target : newTarget);
        },
        apply(target, thisArg, args) {
          tell(`${shown}()`);
          return Reflect.apply(target, thisArg, args);
        },
      });
      // One that is compiled at the first look has just taken this place.
      Object.defineProperty(holder, name, guard);
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
  };
  replace(holder, name, guard, descriptor);
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
  const inPlace = { value: guarded, writable: true, enumerable: false, configurable: true };
  replace(original.prototype, "constructor", inPlace);
  replace(globalThis, "Date", inPlace);
}

// The clock of an isolate starts at its boot. A module evaluated into a snapshot is evaluated at the boot of every
// isolate made from it, as far as it can tell, so the time it reads there is 0.
function guardPerformance() {
  const original = performance.now;
  replace(Performance.prototype, "now", {
    value: function now() {
      return guarding ? 0 : Reflect.apply(original, this, []);
    },
    writable: true,
    enumerable: true,
    configurable: true,
  });
  const origin = Object.getOwnPropertyDescriptor(Performance.prototype, "timeOrigin");
  replace(Performance.prototype, "timeOrigin", {
    ...origin,
    get() {
      report("performance.timeOrigin");
      return Reflect.apply(origin.get, this, []);
    },
  });
}
