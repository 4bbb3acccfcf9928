// `node:timers/promises`.

import { AbortError } from "ext:orilla_web/node/internal/errors.js";
import { eventIterator } from "ext:orilla_web/node/internal/event_iterator.js";
import {
  validateAbortSignal,
  validateBoolean,
  validateObject,
} from "ext:orilla_web/node/internal/validate.js";

const timers = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
};

/** @typedef {{ signal?: AbortSignal, ref?: boolean }} TimerOptions `ref` has no effect here */

function signalOf(options) {
  validateObject(options, "options");
  validateAbortSignal(options.signal, "options.signal");
  if (options.ref !== undefined) validateBoolean(options.ref, "options.ref");
  return options.signal;
}

/**
 * @template T
 * @param {number} [delay] milliseconds
 * @param {T} [value]
 * @param {TimerOptions} [options]
 * @returns {Promise<T>}
 */
export async function setTimeout(delay, value, options = {}) {
  const signal = signalOf(options);
  if (signal?.aborted) throw new AbortError(undefined, { cause: signal.reason });
  return await new Promise((resolve, reject) => {
    const abort = () => {
      timers.clearTimeout(id);
      reject(new AbortError(undefined, { cause: signal.reason }));
    };
    const id = timers.setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve(value);
    }, delay);
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/** @template T @param {T} [value] @param {TimerOptions} [options] @returns {Promise<T>} */
export function setImmediate(value, options = {}) {
  return setTimeout(0, value, options);
}

/**
 * @template T
 * @param {number} [delay] milliseconds
 * @param {T} [value]
 * @param {TimerOptions} [options]
 * @returns {AsyncIterableIterator<T>} one value per interval
 */
export async function* setInterval(delay, value, options = {}) {
  const signal = signalOf(options);
  if (signal?.aborted) throw new AbortError(undefined, { cause: signal.reason });
  yield* eventIterator((sink) => {
    const id = timers.setInterval(() => sink.push(value), delay);
    const abort = () => sink.fail(new AbortError(undefined, { cause: signal.reason }));
    signal?.addEventListener("abort", abort, { once: true });
    return () => {
      timers.clearInterval(id);
      signal?.removeEventListener("abort", abort);
    };
  });
}

export const scheduler = {
  /** @param {number} delay milliseconds @param {TimerOptions} [options] @returns {Promise<void>} */
  wait: (delay, options) => setTimeout(delay, undefined, options),
  /** @returns {Promise<void>} after the events that are due now */
  yield: () => setImmediate(),
};

export default { scheduler, setImmediate, setInterval, setTimeout };
