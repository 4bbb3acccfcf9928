// `events.once` and `events.on`: the next event as a promise, and all that come as an iterator. The
// source may be any object with Node's listener methods, or an EventTarget.

import { AbortError, invalidArgType } from "ext:orilla_web/node/internal/errors.js";
import { eventIterator } from "ext:orilla_web/node/internal/event_iterator.js";
import {
  validateAbortSignal,
  validateInteger,
  validateObject,
} from "ext:orilla_web/node/internal/validate.js";

/** @returns {AbortSignal | undefined} of valid options; not aborted yet */
function signalOf(options) {
  validateObject(options, "options");
  const { signal } = options;
  validateAbortSignal(signal, "options.signal");
  if (signal?.aborted) throw new AbortError(undefined, { cause: signal.reason });
  return signal;
}

/**
 * @param {EventEmitter | EventTarget} target
 * @param {string | symbol} type
 * @param {{ signal?: AbortSignal }} [options]
 * @returns {Promise<unknown[]>} the arguments of the next such event; rejects on `error`
 */
export async function once(target, type, options = {}) {
  const signal = signalOf(options);
  return await new Promise((resolve, reject) => {
    const stop = [];
    const settle = (action) => (value) => {
      for (const remove of stop) remove();
      action(value);
    };
    stop.push(listen(target, type, (...args) => settle(resolve)(args)));
    if (type !== "error" && typeof target.on === "function") {
      stop.push(listen(target, "error", settle(reject)));
    }
    if (signal) {
      const abort = () => settle(reject)(new AbortError(undefined, { cause: signal.reason }));
      stop.push(listen(signal, "abort", abort));
    }
  });
}

/**
 * Listens on either kind of event source.
 * @returns {() => void} stops listening
 */
function listen(target, type, listener) {
  if (typeof target?.on === "function") {
    target.on(type, listener);
    return () => target.removeListener(type, listener);
  }
  if (typeof target?.addEventListener === "function") {
    target.addEventListener(type, listener);
    return () => target.removeEventListener(type, listener);
  }
  throw invalidArgType("emitter", "an instance of EventEmitter or EventTarget", target);
}

/**
 * @param {EventEmitter | EventTarget} target
 * @param {string | symbol} type
 * @param {{ signal?: AbortSignal, close?: string[], highWaterMark?: number, lowWaterMark?: number }}
 *   [options] `close` names the events that end it; while more events than `highWaterMark` wait, and
 *   until there are fewer than `lowWaterMark`, the target is paused by its own `pause` and `resume`
 * @returns {AsyncIterableIterator<unknown[]>} one array of arguments per event
 */
export function on(target, type, options = {}) {
  const signal = signalOf(options);
  const pressure = pressureOf(target, options);
  return eventIterator((sink) => {
    const stop = [listen(target, type, (...args) => sink.push(args))];
    if (type !== "error" && typeof target.on === "function") {
      stop.push(listen(target, "error", sink.fail));
    }
    for (const name of options.close ?? []) stop.push(listen(target, name, sink.end));
    if (signal) {
      const abort = () => sink.fail(new AbortError(undefined, { cause: signal.reason }));
      stop.push(listen(signal, "abort", abort));
    }
    return () => stop.forEach((remove) => remove());
  }, pressure);
}

/** When a target is to wait, in Node's newer and older spelling; it is only asked to if it must. */
function pressureOf(target, options) {
  const high = options.highWaterMark ?? options.highWatermark ?? Number.MAX_SAFE_INTEGER;
  const low = options.lowWaterMark ?? options.lowWatermark ?? 1;
  validateInteger(high, "options.highWaterMark", 1);
  validateInteger(low, "options.lowWaterMark", 1);
  return { high, low, pause: () => target.pause(), resume: () => target.resume() };
}
