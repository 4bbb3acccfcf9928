// Warnings to the developer: one line on the standard error stream, and the `warning` event of
// `process` when that module is loaded. `process` hooks in here, so that `events` need not load it.

import { writeOutput } from "ext:orilla_web/node_host.js";
import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";

let onWarning = () => {};

/** @param {(warning: Error) => void} listener the one receiver of every warning */
export function setWarningListener(listener) {
  onWarning = listener;
}

/**
 * @param {string | Error} warning
 * @param {{ type?: string, code?: string, detail?: string }} [options]
 */
export function emitWarning(warning, { type = "Warning", code, detail } = {}) {
  const error = warning instanceof Error ? warning : new Error(warning);
  if (error !== warning) {
    error.name = String(type);
    if (code !== undefined) error.code = code;
    if (detail !== undefined) error.detail = detail;
  }
  nextTick(() => {
    const label = error.code ? `[${error.code}] ${error.name}` : error.name;
    const extra = error.detail ? `\n${error.detail}` : "";
    writeOutput("stderr", `${label}: ${error.message}${extra}\n`);
    onWarning(error);
  });
}

const deprecationsShown = new Set();

/**
 * Wraps a function so that its first call warns.
 * @template {Function} F
 * @param {F} fn
 * @param {string} message
 * @param {string} [code] warnings with one code are shown once in all
 * @returns {F}
 */
export function deprecate(fn, message, code) {
  let warned = false;
  function deprecated(...args) {
    if (!warned) {
      warned = true;
      if (code === undefined || !deprecationsShown.has(code)) {
        if (code !== undefined) deprecationsShown.add(code);
        emitWarning(message, { type: "DeprecationWarning", code });
      }
    }
    return new.target ? Reflect.construct(fn, args, new.target) : Reflect.apply(fn, this, args);
  }
  Object.setPrototypeOf(deprecated, fn);
  if (fn.prototype) deprecated.prototype = fn.prototype;
  return deprecated;
}
