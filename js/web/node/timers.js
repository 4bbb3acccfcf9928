// `node:timers`: the platform's timers behind Node's objects. What waits for a timer here is the
// invocation, not a process: `ref` and `unref` only remember what was asked for.

import { validateFunction } from "ext:orilla_web/node/internal/validate.js";
import promises from "node:timers/promises";

const { setTimeout: start, clearTimeout: stop } = globalThis;
const dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");
/** The longest delay in milliseconds; longer ones are over at once, as in Node. */
const MAX_DELAY = 2 ** 31 - 1;

/** What `setTimeout` and `setInterval` return. */
class Timeout {
  #callback;
  #delay;
  #repeats;
  #id;
  #isRef = true;

  constructor(callback, delay, repeats) {
    const milliseconds = Number(delay);
    this.#callback = callback;
    this.#delay = milliseconds >= 1 && milliseconds <= MAX_DELAY ? Math.trunc(milliseconds) : 1;
    this.#repeats = repeats;
    this.refresh();
  }

  ref() {
    this.#isRef = true;
    return this;
  }

  unref() {
    this.#isRef = false;
    return this;
  }

  hasRef() {
    return this.#isRef;
  }

  /** Starts the delay again. */
  refresh() {
    stop(this.#id);
    this.#id = start(() => {
      if (this.#repeats) this.refresh();
      this.#callback();
    }, this.#delay);
    return this;
  }

  close() {
    stop(this.#id);
    this.#repeats = false;
    return this;
  }

  /** What the global `clearTimeout` takes. */
  [Symbol.toPrimitive]() {
    return Number(this.#id);
  }

  [dispose]() {
    this.close();
  }
}

/** What `setImmediate` returns. */
class Immediate extends Timeout {
  constructor(callback) {
    super(callback, 0, false);
  }
}

/** @param {Function} callback @param {number} [delay] milliseconds @param {...any} args */
export function setTimeout(callback, delay, ...args) {
  validateFunction(callback, "callback");
  return new Timeout(() => callback(...args), delay, false);
}

/** @param {Function} callback @param {number} [delay] milliseconds @param {...any} args */
export function setInterval(callback, delay, ...args) {
  validateFunction(callback, "callback");
  return new Timeout(() => callback(...args), delay, true);
}

/** @param {Function} callback called after the events that are due now @param {...any} args */
export function setImmediate(callback, ...args) {
  validateFunction(callback, "callback");
  return new Immediate(() => callback(...args));
}

/** @param {Timeout | number | string} [timeout] from here or from the global `setTimeout` */
export function clearTimeout(timeout) {
  if (timeout instanceof Timeout) timeout.close();
  else if (timeout !== undefined && timeout !== null) stop(Number(timeout));
}

export { clearTimeout as clearInterval, clearTimeout as clearImmediate };

const custom = Symbol.for("nodejs.util.promisify.custom");
Object.defineProperty(setTimeout, custom, { value: promises.setTimeout });
Object.defineProperty(setImmediate, custom, { value: promises.setImmediate });

export { promises };
export default {
  clearImmediate: clearTimeout,
  clearInterval: clearTimeout,
  clearTimeout,
  promises,
  setImmediate,
  setInterval,
  setTimeout,
};
