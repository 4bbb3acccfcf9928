// `node:async_hooks`: values that follow an asynchronous chain of calls. A frame is what the engine
// carries along such a chain; it maps each AsyncLocalStorage to its value.

import {
  currentFrame,
  frameGet,
  frameWith,
  runInFrame,
  setAsyncContext,
} from "ext:orilla_web/node_host.js";
import {
  validateFunction,
  validateInteger,
  validateString,
} from "ext:orilla_web/node/internal/validate.js";

/** Keeps one value per asynchronous chain of calls. */
export class AsyncLocalStorage {
  #isEnabled = true;
  #defaultValue;

  /** @param {{ defaultValue?: unknown, name?: string }} [options] */
  constructor({ defaultValue, name = "" } = {}) {
    validateString(name, "options.name");
    this.#defaultValue = defaultValue;
    Object.defineProperty(this, "name", { value: name });
  }

  /**
   * Calls back with `store` as the value, for the callback and all that it starts.
   * @template R
   * @param {unknown} store
   * @param {(...args: any[]) => R} callback
   * @param {...any} args
   * @returns {R}
   */
  run(store, callback, ...args) {
    this.#isEnabled = true;
    return runInFrame(frameWith(this, store), callback, undefined, args);
  }

  /** @template R @param {(...args: any[]) => R} callback @param {...any} args @returns {R} */
  exit(callback, ...args) {
    return runInFrame(frameWith(this, undefined), callback, undefined, args);
  }

  /** @param {unknown} store the value from here on, in the running chain */
  enterWith(store) {
    this.#isEnabled = true;
    setAsyncContext(frameWith(this, store));
  }

  /** @returns {unknown} the value of the running chain */
  getStore() {
    if (!this.#isEnabled) return undefined;
    const store = frameGet(this);
    return store === undefined ? this.#defaultValue : store;
  }

  /** No chain has a value until the next `run` or `enterWith`. */
  disable() {
    this.#isEnabled = false;
  }

  /** @template {Function} F @param {F} fn @returns {F} runs in the chain of this call */
  static bind(fn) {
    return AsyncResource.bind(fn);
  }

  /**
   * @returns {(fn: Function, ...args: any[]) => unknown} runs any function in the chain of this
   *   call
   */
  static snapshot() {
    const frame = currentFrame();
    return (fn, ...args) => runInFrame(frame, fn, undefined, args);
  }
}

let lastAsyncId = 1;

/** A piece of work that belongs to the chain it was made in, whoever later calls it. */
export class AsyncResource {
  #frame = currentFrame();
  #asyncId = ++lastAsyncId;
  #triggerAsyncId;

  /** @param {string} type @param {number | { triggerAsyncId?: number }} [options] */
  constructor(type, options = {}) {
    validateString(type, "type");
    const trigger = typeof options === "number" ? options : options.triggerAsyncId;
    if (trigger !== undefined) validateInteger(trigger, "triggerAsyncId", -1);
    this.#triggerAsyncId = trigger ?? executionAsyncId();
  }

  /**
   * @template R
   * @param {(...args: any[]) => R} fn
   * @param {unknown} [thisArg]
   * @param {...any} args
   * @returns {R}
   */
  runInAsyncScope(fn, thisArg, ...args) {
    return runInFrame(this.#frame, fn, thisArg, args);
  }

  /** @template {Function} F @param {F} fn @param {unknown} [thisArg] @returns {F} */
  bind(fn, thisArg) {
    validateFunction(fn, "fn");
    const frame = this.#frame;
    function bound(...args) {
      return runInFrame(frame, fn, thisArg === undefined ? this : thisArg, args);
    }
    return Object.defineProperty(bound, "length", { value: fn.length, configurable: true });
  }

  /**
   * @template {Function} F
   * @param {F} fn
   * @param {string} [type]
   * @param {unknown} [thisArg]
   * @returns {F}
   */
  static bind(fn, type, thisArg) {
    return new AsyncResource(type || fn.name || "bound-anonymous-fn").bind(fn, thisArg);
  }

  /** @returns {AsyncResource} this; nothing observes destruction here */
  emitDestroy() {
    return this;
  }

  /** @returns {number} */
  asyncId() {
    return this.#asyncId;
  }

  /** @returns {number} */
  triggerAsyncId() {
    return this.#triggerAsyncId;
  }
}

/**
 * Accepted for compatibility: the callbacks are never called.
 * @returns {{ enable(): object, disable(): object }}
 */
export function createHook() {
  const hook = { enable: () => hook, disable: () => hook };
  return hook;
}

/** @returns {number} the same everywhere: chains have no numbers here */
export function executionAsyncId() {
  return 1;
}

/** @returns {number} the same everywhere */
export function triggerAsyncId() {
  return 0;
}

const topLevel = {};

/** @returns {object} the same everywhere */
export function executionAsyncResource() {
  return topLevel;
}

export default {
  AsyncLocalStorage,
  AsyncResource,
  createHook,
  executionAsyncId,
  executionAsyncResource,
  triggerAsyncId,
};
