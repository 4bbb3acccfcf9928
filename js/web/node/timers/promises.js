// `node:timers/promises`.

import { AbortError } from "ext:orilla_web/node/internal/errors.js";
import { eventIterator } from "ext:orilla_web/node/internal/event_iterator.js";
import {
  validateAbortSignal,
  validateBoolean,
  validateNumber,
  validateObject,
} from "ext:orilla_web/node/internal/validate.js";

// Called by these names alone: the web's timers refuse to be methods of another object.
const {
  setTimeout: startTimeout,
  clearTimeout: stopTimeout,
  setInterval: startInterval,
  clearInterval: stopInterval,
} = globalThis;

/** @typedef {{ signal?: AbortSignal, ref?: boolean }} TimerOptions `ref` has no effect here */

function signalOf(delay, options) {
  if (delay !== undefined) validateNumber(delay, "delay");
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
  const signal = signalOf(delay, options);
  if (signal?.aborted) throw new AbortError(undefined, { cause: signal.reason });
  return await new Promise((resolve, reject) => {
    const abort = () => {
      stopTimeout(id);
      reject(new AbortError(undefined, { cause: signal.reason }));
    };
    const id = startTimeout(() => {
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
  const signal = signalOf(delay, options);
  if (signal?.aborted) throw new AbortError(undefined, { cause: signal.reason });
  const ticks = eventIterator((sink) => {
    const id = startInterval(() => sink.push(value), delay);
    const abort = () => sink.fail(new AbortError(undefined, { cause: signal.reason }));
    signal?.addEventListener("abort", abort, { once: true });
    return () => {
      stopInterval(id);
      signal?.removeEventListener("abort", abort);
    };
  });
  for await (const tick of ticks) yield tick;
}

export const scheduler = {
  /** @param {number} delay milliseconds @param {TimerOptions} [options] @returns {Promise<void>} */
  wait: (delay, options) => setTimeout(delay, undefined, options),
  /** @returns {Promise<void>} after the events that are due now */
  yield: () => setImmediate(),
};

export default { scheduler, setImmediate, setInterval, setTimeout };
