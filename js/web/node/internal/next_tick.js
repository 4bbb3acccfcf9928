// The queue behind `process.nextTick`: the microtask queue. Node drains its ticks before promise
// reactions; here both share one queue, in the order in which they were added.

import { validateFunction } from "ext:orilla_web/node/internal/validate.js";

const enqueue = globalThis.queueMicrotask;

/**
 * Calls back once the running synchronous code has ended.
 * @param {(...args: unknown[]) => void} callback
 * @param {...unknown} args
 */
export function nextTick(callback, ...args) {
  validateFunction(callback, "callback");
  enqueue(args.length === 0 ? () => callback() : () => callback(...args));
}
