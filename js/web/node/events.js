// `node:events`: EventEmitter and the promise and iterator forms of waiting for events. Listener
// lists are copied on change, so that an emit in progress walks the list it started with.

import { codedError, invalidArgType } from "ext:orilla_web/node/internal/errors.js";
import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";
import {
  validateBoolean,
  validateFunction,
  validateNumber,
} from "ext:orilla_web/node/internal/validate.js";
import { emitWarning } from "ext:orilla_web/node/internal/warning.js";
import { on, once } from "ext:orilla_web/node/internal/event_waiting.js";
import { loadBuiltin } from "ext:orilla_web/node_host.js";

export { on, once };

const kCapture = Symbol("kCapture");
export const errorMonitor = Symbol("events.errorMonitor");
export const captureRejectionSymbol = Symbol.for("nodejs.rejection");
const NO_LISTENERS = Object.freeze([]);

let captureByDefault = false;
let defaultLimit = 10;

// What these names say when the module is loaded, as in Node: to set them is to set the properties
// of EventEmitter, and those alone show it.
export const captureRejections = captureByDefault;
export const defaultMaxListeners = defaultLimit;
/** There is no `node:domain`. */
export const usingDomains = false;

/**
 * @constructor
 * @param {{ captureRejections?: boolean }} [options]
 */
export function EventEmitter(options) {
  EventEmitter.init.call(this, options);
}

// Subclasses in the old style call this through `EventEmitter.call(this)`; an object whose own
// table is already there keeps it, one that only inherits its prototype's table gets a new one.
export const init = function (options) {
  if (this._events === undefined || this._events === Object.getPrototypeOf(this)._events) {
    this._events = Object.create(null);
    this._eventsCount = 0;
  }
  this._maxListeners = this._maxListeners || undefined;
  if (options?.captureRejections) {
    validateBoolean(options.captureRejections, "options.captureRejections");
    this[kCapture] = true;
  } else {
    this[kCapture] = captureByDefault;
  }
};

EventEmitter.init = init;

EventEmitter.prototype._events = undefined;
EventEmitter.prototype._eventsCount = 0;
EventEmitter.prototype._maxListeners = undefined;
Object.defineProperty(EventEmitter.prototype, kCapture, { value: false, writable: true });

/** @param {number} n 0 or Infinity lifts the limit @returns {EventEmitter} this */
EventEmitter.prototype.setMaxListeners = function setMaxListeners(n) {
  validateNumber(n, "setMaxListeners", 0);
  this._maxListeners = n;
  return this;
};

/** @returns {number} */
EventEmitter.prototype.getMaxListeners = function getMaxListeners() {
  return this._maxListeners ?? defaultLimit;
};

/**
 * @param {string | symbol} type
 * @param {...unknown} args
 * @returns {boolean} whether anyone listened
 */
EventEmitter.prototype.emit = function emit(type, ...args) {
  const events = this._events;
  if (type === "error") {
    if (events?.[errorMonitor] !== undefined) this.emit(errorMonitor, ...args);
    if (events?.error === undefined) throw unhandledError(args[0]);
  }
  const listeners = events?.[type];
  if (listeners === undefined) return false;
  const capture = this[kCapture];
  for (let i = 0; i < listeners.length; i++) {
    const result = Reflect.apply(listeners[i], this, args);
    if (capture && typeof result?.then === "function") captureRejection(this, result, type, args);
  }
  return true;
};

function unhandledError(error) {
  if (error instanceof Error) return error;
  const wrapped = codedError(Error, "ERR_UNHANDLED_ERROR", `Unhandled error. (${shown(error)})`);
  wrapped.context = error;
  return wrapped;
}

function shown(error) {
  try {
    // Loaded with the first such error: few apps ever see one.
    return loadBuiltin("util").inspect(error);
  } catch {
    return Object.prototype.toString.call(error);
  }
}

function captureRejection(emitter, promise, type, args) {
  promise.then(undefined, (error) => {
    nextTick(() => {
      if (typeof emitter[captureRejectionSymbol] === "function") {
        emitter[captureRejectionSymbol](error, type, ...args);
        return;
      }
      // An error listener that itself rejects must not be called again for its own rejection.
      const before = emitter[kCapture];
      try {
        emitter[kCapture] = false;
        emitter.emit("error", error);
      } finally {
        emitter[kCapture] = before;
      }
    });
  });
}

function insertListener(emitter, type, listener, prepend) {
  validateFunction(listener, "listener");
  if (emitter._events === undefined) {
    emitter._events = Object.create(null);
    emitter._eventsCount = 0;
  } else if (emitter._events.newListener !== undefined) {
    emitter.emit("newListener", type, listener.listener ?? listener);
  }
  const events = emitter._events;
  const existing = events[type];
  if (existing === undefined) emitter._eventsCount++;
  const listeners = existing ?? NO_LISTENERS;
  const updated = prepend ? [listener, ...listeners] : [...listeners, listener];
  if (listeners.warned) updated.warned = true;
  events[type] = updated;
  warnAboutLeak(emitter, type, updated);
  return emitter;
}

function warnAboutLeak(emitter, type, listeners) {
  const limit = emitter.getMaxListeners();
  if (!(limit > 0) || listeners.length <= limit || listeners.warned) return;
  listeners.warned = true;
  const name = emitter.constructor?.name ?? "EventEmitter";
  const warning = new Error(
    `Possible EventEmitter memory leak detected. ${listeners.length} ${String(type)} listeners ` +
      `added to [${name}]. MaxListeners is ${limit}. ` +
      "Use emitter.setMaxListeners() to increase limit",
  );
  warning.name = "MaxListenersExceededWarning";
  Object.assign(warning, { emitter, type, count: listeners.length });
  emitWarning(warning);
}

function onceWrapper(emitter, type, listener) {
  validateFunction(listener, "listener");
  let fired = false;
  function wrapped(...args) {
    if (fired) return undefined;
    fired = true;
    emitter.removeListener(type, wrapped);
    return Reflect.apply(listener, emitter, args);
  }
  wrapped.listener = listener;
  return wrapped;
}

/** @param {string | symbol} type @param {Function} listener @returns {EventEmitter} this */
EventEmitter.prototype.addListener = function addListener(type, listener) {
  return insertListener(this, type, listener, false);
};
EventEmitter.prototype.on = EventEmitter.prototype.addListener;

/** @param {string | symbol} type @param {Function} listener @returns {EventEmitter} this */
EventEmitter.prototype.prependListener = function prependListener(type, listener) {
  return insertListener(this, type, listener, true);
};

/** @param {string | symbol} type @param {Function} listener @returns {EventEmitter} this */
EventEmitter.prototype.once = function once(type, listener) {
  return this.on(type, onceWrapper(this, type, listener));
};

/** @param {string | symbol} type @param {Function} listener @returns {EventEmitter} this */
EventEmitter.prototype.prependOnceListener = function prependOnceListener(type, listener) {
  return this.prependListener(type, onceWrapper(this, type, listener));
};

/** @param {string | symbol} type @param {Function} listener @returns {EventEmitter} this */
EventEmitter.prototype.removeListener = function removeListener(type, listener) {
  validateFunction(listener, "listener");
  const events = this._events;
  const listeners = events?.[type];
  if (listeners === undefined) return this;
  let index = listeners.length - 1;
  while (index >= 0 && listeners[index] !== listener && listeners[index].listener !== listener) {
    index--;
  }
  if (index < 0) return this;
  const removed = listeners[index];
  if (listeners.length === 1) {
    delete events[type];
    this._eventsCount--;
  } else {
    const updated = listeners.toSpliced(index, 1);
    if (listeners.warned) updated.warned = true;
    events[type] = updated;
  }
  if (events.removeListener !== undefined) {
    this.emit("removeListener", type, removed.listener ?? removed);
  }
  return this;
};
EventEmitter.prototype.off = EventEmitter.prototype.removeListener;

/** @param {string | symbol} [type] all events when left out @returns {EventEmitter} this */
EventEmitter.prototype.removeAllListeners = function removeAllListeners(...types) {
  const events = this._events;
  if (events === undefined) return this;
  const announce = events.removeListener !== undefined;
  if (types.length === 0) {
    if (announce) {
      for (const type of Reflect.ownKeys(events)) {
        if (type !== "removeListener") this.removeAllListeners(type);
      }
      this.removeAllListeners("removeListener");
    }
    this._events = Object.create(null);
    this._eventsCount = 0;
    return this;
  }
  const [type] = types;
  const listeners = events[type];
  if (listeners === undefined) return this;
  if (announce) {
    for (const listener of listeners.toReversed()) this.removeListener(type, listener);
  } else {
    delete events[type];
    this._eventsCount--;
  }
  return this;
};

/** @param {string | symbol} type @returns {Function[]} without the wrappers of `once` */
EventEmitter.prototype.listeners = function listeners(type) {
  return (this._events?.[type] ?? NO_LISTENERS).map((listener) => listener.listener ?? listener);
};

/** @param {string | symbol} type @returns {Function[]} with the wrappers of `once` */
EventEmitter.prototype.rawListeners = function rawListeners(type) {
  return [...(this._events?.[type] ?? NO_LISTENERS)];
};

/** @param {string | symbol} type @param {Function} [listener] count only this one */
EventEmitter.prototype.listenerCount = function listenerCount(type, listener) {
  const listeners = this._events?.[type] ?? NO_LISTENERS;
  if (listener == null) return listeners.length;
  return listeners.filter((entry) => entry === listener || entry.listener === listener).length;
};

/** @returns {(string | symbol)[]} */
EventEmitter.prototype.eventNames = function eventNames() {
  return this._events === undefined ? [] : Reflect.ownKeys(this._events);
};

/** @param {EventEmitter} emitter @param {string | symbol} type @returns {number} */
export function listenerCount(emitter, type) {
  if (typeof emitter.listenerCount === "function") return emitter.listenerCount(type);
  return EventEmitter.prototype.listenerCount.call(emitter, type);
}

/** @param {EventEmitter} emitter @param {string | symbol} type @returns {Function[]} */
export function getEventListeners(emitter, type) {
  if (typeof emitter?.listeners === "function") return emitter.listeners(type);
  throw invalidArgType("emitter", "an instance of EventEmitter", emitter);
}

/** @param {EventEmitter | EventTarget} emitter @returns {number} */
export function getMaxListeners(emitter) {
  if (typeof emitter?.getMaxListeners === "function") return emitter.getMaxListeners();
  if (emitter instanceof EventTarget) return defaultLimit;
  throw invalidArgType("emitter", "an instance of EventEmitter or EventTarget", emitter);
}

/**
 * @param {number} [n] @param {...(EventEmitter | EventTarget)} targets the default of all when none
 *   is
 *   given; an EventTarget never warns, so for one of those there is nothing to set
 */
export function setMaxListeners(n = defaultLimit, ...targets) {
  validateNumber(n, "setMaxListeners", 0);
  if (targets.length === 0) defaultLimit = n;
  for (const target of targets) {
    if (typeof target?.setMaxListeners === "function") target.setMaxListeners(n);
    else if (!(target instanceof EventTarget)) {
      throw invalidArgType("eventTargets", "an instance of EventEmitter or EventTarget", target);
    }
  }
}

/**
 * @param {AbortSignal} signal @param {(event: Event) => void} listener called once, at once when
 *   the signal is already aborted
 * @returns {{ [Symbol.dispose](): void }} stops listening
 */
export function addAbortListener(signal, listener) {
  if (!(signal instanceof AbortSignal)) {
    throw invalidArgType("signal", "an instance of AbortSignal", signal);
  }
  validateFunction(listener, "listener");
  const dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");
  if (signal.aborted) {
    queueMicrotask(() => listener());
    return { [dispose]() {} };
  }
  signal.addEventListener("abort", listener, { once: true });
  return { [dispose]: () => signal.removeEventListener("abort", listener) };
}

Object.assign(EventEmitter, {
  EventEmitter,
  addAbortListener,
  captureRejectionSymbol,
  errorMonitor,
  getEventListeners,
  getMaxListeners,
  listenerCount,
  on,
  once,
  setMaxListeners,
  usingDomains,
});
Object.defineProperties(EventEmitter, {
  captureRejections: {
    enumerable: true,
    get: () => captureByDefault,
    set(value) {
      validateBoolean(value, "EventEmitter.captureRejections");
      captureByDefault = value;
    },
  },
  defaultMaxListeners: {
    enumerable: true,
    get: () => defaultLimit,
    set(value) {
      validateNumber(value, "defaultMaxListeners", 0);
      defaultLimit = value;
    },
  },
});

export default EventEmitter;
