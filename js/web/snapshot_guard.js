// Keeps what must be fresh out of an app's snapshot. While a snapshot is made, each draw of time or randomness and each
// piece of work that cannot be frozen is reported to the host with the place it came from; the host then declines the
// snapshot. Everywhere else these functions only pass through.
import { op_snapshot_hazard } from "ext:core/ops";

/** V8's own: frames that the stack of an error has at most. */
const DEFAULT_STACK_TRACE_LIMIT = 10;

let guarding = false;

/** What stands in for something of the platform while the guard is up. */
const standIns = [];

/** What puts those in their place that V8 brings only when it loads the snapshot. */
const lateComers = [];

function report(what) {
  if (guarding) op_snapshot_hazard(what, false);
}

/** @returns {boolean} whether an app's module is being evaluated into a snapshot */
export function isGuarding() {
  return guarding;
}

/**
 * Stops what cannot be done while a snapshot is made: it needs V8's C++ heap, which is not there yet.
 * @param {string} what The call, as a user would write it.
 */
export function refuseWhileGuarding(what) {
  if (!guarding) return;
  op_snapshot_hazard(what, true);
  throw new Error(`${what} cannot be used at module scope of an app that is to have a snapshot`);
}

/**
 * Wraps the clocks, `Math.random`, what starts work at module scope and what is kept outside the heap. Called once, before
 * the app's module runs, and only where a snapshot is made.
 */
export function guard() {
  guarding = true;
  standInFor(Math, "random", calls("Math.random()"));
  standInFor(Date, "now", calls("Date.now()"));
  for (const name of ["setTimeout", "setInterval", "fetch"])
    standInFor(globalThis, name, calls(`${name}()`));
  for (const name of [
    "WebSocket",
    "EventSource",
    "CompressionStream",
    "DecompressionStream",
    "BroadcastChannel",
  ]) {
    standInFor(globalThis, name, constructions(name, refuseWhileGuarding));
  }
  // The host keeps their bytes, and the ends of channels.
  for (const name of ["Blob", "File", "MessageChannel"])
    standInFor(globalThis, name, constructions(name, report));
  for (const name of Object.getOwnPropertyNames(Intl)) {
    if (Intl[name]?.prototype !== undefined) standInFor(Intl, name, formatters(`Intl.${name}`));
  }
  standInFor(globalThis, "Date", dates());
  guardPerformance();
  guardStackTraceLimit();
  guardLateGlobals();
}

/**
 * Ends the guard: what it stood in for is back.
 * @returns {unknown[]} The stand-ins. One that the app has kept is still there when all garbage is collected, and has to
 *   {@link stay}.
 */
export function release() {
  guarding = false;
  return standIns.map((standIn) => standIn.remove());
}

/**
 * Leaves a stand-in in place for good: an app that has kept it finds that it is the same as what there is.
 * @param {number} index Its place among the stand-ins.
 * @param {object} kept
 */
export function stay(index, kept) {
  standIns[index].stay(kept);
}

/**
 * Puts a proxy in the place of a function or a class, and of its prototype's `constructor`. From the first look, for many are
 * only compiled then.
 */
function standInFor(holder, name, handlerOf) {
  const before = Object.getOwnPropertyDescriptor(holder, name);
  if (before === undefined) return;
  let original = before.get === undefined ? before.value : undefined;
  let proxy;
  const asValue = (value) => ({
    value,
    writable: true,
    enumerable: before.enumerable,
    configurable: true,
  });
  const constructorIs = (value) => {
    const { prototype } = original;
    if (Object.hasOwn(prototype ?? {}, "constructor"))
      Object.defineProperty(prototype, "constructor", { ...asValue(value), enumerable: false });
  };
  const look = () => {
    if (proxy !== undefined) return proxy;
    original ??= Reflect.apply(before.get, holder, []);
    const handler = handlerOf();
    proxy = new Proxy(original, handler);
    handler.proxy = proxy;
    constructorIs(proxy);
    // One that is compiled at the first look has just taken this place.
    Object.defineProperty(holder, name, descriptor);
    return proxy;
  };
  const descriptor = {
    configurable: true,
    enumerable: before.enumerable,
    get: look,
    set: (value) => Object.defineProperty(holder, name, asValue(value)),
  };
  Object.defineProperty(holder, name, descriptor);
  let isBack = false;
  standIns.push({
    remove() {
      const now = Object.getOwnPropertyDescriptor(holder, name);
      // Unless the app has put something else there.
      isBack = now?.get === descriptor.get;
      if (isBack)
        Object.defineProperty(holder, name, original === undefined ? before : asValue(original));
      const removed = proxy;
      proxy = undefined;
      if (removed !== undefined) constructorIs(original);
      return removed;
    },
    stay(kept) {
      if (isBack) Object.defineProperty(holder, name, asValue(kept));
      constructorIs(kept);
    },
  });
}

/** Reports calls. */
function calls(what) {
  return () => ({
    apply(target, thisArg, args) {
      report(what);
      return Reflect.apply(target, thisArg, args);
    },
  });
}

/** Tells of each construction. */
function constructions(name, tell) {
  return () => ({
    construct(target, args, newTarget) {
      tell(`new ${name}()`);
      return Reflect.construct(target, args, newTarget === this.proxy ? target : newTarget);
    },
    apply(target, thisArg, args) {
      tell(`${name}()`);
      return Reflect.apply(target, thisArg, args);
    },
  });
}

/** Reports dates that depend on when they are made. */
function dates() {
  return () => ({
    construct(target, args, newTarget) {
      if (args.length === 0) report("new Date()");
      return Reflect.construct(target, args, newTarget === this.proxy ? target : newTarget);
    },
    apply(target, thisArg, args) {
      report("Date()");
      return Reflect.apply(target, thisArg, args);
    },
  });
}

/** Has formatters made when they are first used: no snapshot can hold one. */
function formatters(name) {
  return () => ({
    construct(target, args, newTarget) {
      const made = newTarget === this.proxy ? target : newTarget;
      return guarding ? madeLater(name, target, args, made) : Reflect.construct(target, args, made);
    },
    apply(target, thisArg, args) {
      return guarding
        ? madeLater(name, target, args, target)
        : Reflect.apply(target, thisArg, args);
    },
  });
}

function madeLater(name, target, [locales, options], newTarget) {
  // As they are now: neither may change until then. This also finds out what no locale can be.
  const args = [
    locales === undefined
      ? undefined
      : Intl.getCanonicalLocales(String(locales) === locales ? locales : [...locales]),
    options === undefined ? undefined : { ...options },
  ];
  let formatter;
  const methods = new Map();
  return new Proxy(Object.create(newTarget.prototype), {
    get(blank, key) {
      if (key === "constructor" || (guarding && typeof key === "symbol"))
        return Reflect.get(blank, key);
      refuseWhileGuarding(name);
      formatter ??= Reflect.construct(target, args, newTarget);
      const value = Reflect.get(formatter, key, formatter);
      if (typeof value !== "function") return value;
      if (!methods.has(value)) methods.set(value, value.bind(formatter));
      return methods.get(value);
    },
  });
}

// The clock of an isolate starts at its boot. A module evaluated into a snapshot is evaluated at the boot of every
// isolate made from it, as far as it can tell, so the time it reads there is 0.
function guardPerformance() {
  standInFor(Performance.prototype, "now", () => ({
    apply: (target, thisArg, args) => (guarding ? 0 : Reflect.apply(target, thisArg, args)),
  }));
  const origin = Object.getOwnPropertyDescriptor(Performance.prototype, "timeOrigin");
  const guarded = {
    ...origin,
    get() {
      report("performance.timeOrigin");
      return Reflect.apply(origin.get, this, []);
    },
  };
  Object.defineProperty(Performance.prototype, "timeOrigin", guarded);
  standIns.push({
    remove: () => void Object.defineProperty(Performance.prototype, "timeOrigin", origin),
    stay() {},
  });
}

// V8 adds it when it loads a snapshot, and ends the process where it is there already or cannot be added.
function guardStackTraceLimit() {
  const name = "stackTraceLimit";
  Error[name] = DEFAULT_STACK_TRACE_LIMIT;
  standIns.push({
    remove() {
      const kept = Object.getOwnPropertyDescriptor(Error, name);
      if (kept === undefined) lateComers.push(() => void delete Error[name]);
      else if (kept.value !== DEFAULT_STACK_TRACE_LIMIT)
        lateComers.push(() => Object.defineProperty(Error, name, kept));
      const isGone = Reflect.deleteProperty(Error, name);
      if (!isGone || !Object.isExtensible(Error)) op_snapshot_hazard("Object.freeze(Error)", false);
    },
    stay() {},
  });
}

// V8 puts these in place only when it loads a snapshot. Meanwhile something stands there for those who look whether there is
// one; whoever wants more than that has to wait for a request.
function guardLateGlobals() {
  for (const name of ["WebAssembly", "SharedArrayBuffer"]) {
    if (Object.hasOwn(globalThis, name)) continue;
    const blank = name === "WebAssembly" ? {} : function () {}.bind();
    let real;
    const thereOf = () => {
      if (real === undefined) op_snapshot_hazard(name, true);
      return real ?? blank;
    };
    const handler = {
      get: (_, key) =>
        key === "prototype" && real === undefined && name === "SharedArrayBuffer"
          ? prototypeOfShared
          : Reflect.get(thereOf(), key),
      has: (_, key) => Reflect.has(thereOf(), key),
      construct: (_, args, newTarget) =>
        Reflect.construct(thereOf(), args, newTarget === handler.proxy ? thereOf() : newTarget),
      apply: (_, thisArg, args) => Reflect.apply(thereOf(), thisArg, args),
    };
    const property = { writable: true, enumerable: false, configurable: true };
    handler.proxy = new Proxy(blank, handler);
    Object.defineProperty(globalThis, name, { ...property, value: handler.proxy });
    standIns.push({
      remove() {
        const removed = handler.proxy;
        handler.proxy = undefined;
        if (globalThis[name] === removed) delete globalThis[name];
        return removed;
      },
      stay(kept) {
        handler.proxy = kept;
        lateComers.push(() => {
          real = globalThis[name];
          Object.defineProperty(globalThis, name, { ...property, value: kept });
        });
      },
    });
  }
}

// Packages take this getter to tell shared buffers from others, which it does by throwing. Before a request there are none.
const prototypeOfShared = Object.defineProperty({}, "byteLength", {
  configurable: true,
  get() {
    if (guarding) throw new TypeError("this is no SharedArrayBuffer");
    return Reflect.get(globalThis.SharedArrayBuffer.prototype, "byteLength", this);
  },
});

/** Puts what V8 has put in place behind what an app has kept in its place. The host calls it at every boot. */
export function welcomeLateComers() {
  for (const welcome of lateComers) welcome();
}
