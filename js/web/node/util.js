// `node:util`.

import {
  codedError,
  invalidArgType,
  invalidArgValue,
} from "ext:orilla_web/node/internal/errors.js";
import { isDeepStrictEqual } from "ext:orilla_web/node/internal/deep_equal.js";
import { format, formatWithOptions } from "ext:orilla_web/node/internal/format.js";
import { inspect } from "ext:orilla_web/node/internal/inspect.js";
import { parseEnv } from "ext:orilla_web/node/internal/parse_env.js";
import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";
import {
  validateAbortSignal,
  validateFunction,
  validateString,
} from "ext:orilla_web/node/internal/validate.js";
import { deprecate } from "ext:orilla_web/node/internal/warning.js";
import { env, writeOutput } from "ext:orilla_web/node_host.js";
import types from "node:util/types";

export { deprecate, format, formatWithOptions, inspect, isDeepStrictEqual, parseEnv, types };
export const { TextDecoder, TextEncoder } = globalThis;

const customPromisify = Symbol.for("nodejs.util.promisify.custom");

/**
 * @param {Function} original takes `(error, value) => void` as its last argument
 * @returns {(...args: unknown[]) => Promise<unknown>} or the function's own promise form
 */
export function promisify(original) {
  validateFunction(original, "original");
  const own = original[customPromisify];
  if (own) {
    validateFunction(own, "util.promisify.custom");
    return Object.defineProperty(own, customPromisify, { value: own, configurable: true });
  }
  function promisified(...args) {
    return new Promise((resolve, reject) => {
      Reflect.apply(original, this, [
        ...args,
        (error, value) => (error ? reject(error) : resolve(value)),
      ]);
    });
  }
  Object.setPrototypeOf(promisified, Object.getPrototypeOf(original));
  const properties = Object.getOwnPropertyDescriptors(original);
  return Object.defineProperties(promisified, {
    ...properties,
    [customPromisify]: { value: promisified, configurable: true },
  });
}
promisify.custom = customPromisify;

/**
 * @param {(...args: unknown[]) => Promise<unknown>} original
 * @returns {Function} takes `(error, value) => void` as its last argument
 */
export function callbackify(original) {
  validateFunction(original, "original");
  function callbackified(...args) {
    const callback = args.pop();
    validateFunction(callback, "last argument");
    Reflect.apply(original, this, args).then(
      (value) => nextTick(() => Reflect.apply(callback, this, [null, value])),
      (reason) => nextTick(() => Reflect.apply(callback, this, [reason || falsyRejection(reason)])),
    );
  }
  const properties = Object.getOwnPropertyDescriptors(original);
  if (typeof properties.length.value === "number") properties.length.value++;
  if (typeof properties.name.value === "string") properties.name.value += "Callbackified";
  return Object.defineProperties(callbackified, properties);
}

function falsyRejection(reason) {
  const message = "Promise was rejected with falsy value";
  return Object.assign(codedError(Error, "ERR_FALSY_VALUE_REJECTION", message), { reason });
}

/** @param {Function} constructor @param {Function} superConstructor its new parent */
export function inherits(constructor, superConstructor) {
  validateFunction(constructor, "ctor");
  validateFunction(superConstructor, "superCtor");
  if (superConstructor.prototype === undefined) {
    throw invalidArgType("superCtor.prototype", "of type object", superConstructor.prototype);
  }
  Object.defineProperty(constructor, "super_", {
    value: superConstructor,
    writable: true,
    configurable: true,
  });
  Object.setPrototypeOf(constructor.prototype, superConstructor.prototype);
}

/**
 * @param {string} section shown when the environment's NODE_DEBUG names it (`*` is any text)
 * @returns {((...args: unknown[]) => void) & { enabled: boolean }}
 */
export function debuglog(section) {
  const name = String(section).toUpperCase();
  const isEnabled = () => {
    const wanted = env().NODE_DEBUG;
    if (!wanted) return false;
    return wanted.split(",").some((entry) => {
      const literal = entry.trim().replace(/[|\\{}()[\]^$+?.]/g, "\\$&");
      return new RegExp(`^${literal.replaceAll("*", ".*")}$`, "i").test(name);
    });
  };
  const log = (...args) => {
    if (isEnabled()) writeOutput("stderr", `${name}: ${format(...args)}\n`);
  };
  return Object.defineProperty(log, "enabled", { get: isEnabled, enumerable: true });
}
export { debuglog as debug };

// ECMA-48: operating system commands (links, titles), control sequences (colours), other escapes.
const CONTROL_SEQUENCE =
  /\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|\u001b[ -/]*[0-~]/g;

/** @param {string} text @returns {string} without terminal colours and other control sequences */
export function stripVTControlCharacters(text) {
  validateString(text, "str");
  return text.replace(CONTROL_SEQUENCE, "");
}

/**
 * @param {string | string[]} style names in `util.inspect.colors`
 * @param {string} text
 * @returns {string}
 */
export function styleText(style, text) {
  validateString(text, "text");
  const names = Array.isArray(style) ? style : [style];
  return names.reduceRight((styled, name) => {
    const codes = inspect.colors[name];
    if (codes === undefined) throw invalidArgValue("format", name, "is not a known style");
    return `\x1b[${codes[0]}m${styled}\x1b[${codes[1]}m`;
  }, text);
}

/** @param {unknown} value @returns {string} with each lone surrogate replaced by U+FFFD */
export function toUSVString(value) {
  return String(value).toWellFormed();
}

/**
 * @param {AbortSignal} signal @param {object} resource kept alive by the caller
 * @returns {Promise<void>} fulfilled once the signal is aborted
 */
export async function aborted(signal, resource) {
  if (signal === undefined) throw invalidArgType("signal", "an instance of AbortSignal", signal);
  validateAbortSignal(signal, "signal");
  if (resource === null || typeof resource !== "object") {
    throw invalidArgType("resource", "of type object", resource);
  }
  if (signal.aborted) return;
  await new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** @param {object} target @param {unknown} source @returns {object} the target */
export const _extend = deprecate(
  (target, source) =>
    source !== null && typeof source === "object" ? Object.assign(target, source) : target,
  "The `util._extend` API is deprecated. Please use Object.assign() instead.",
  "DEP0060",
);

/** @param {...unknown} args as of `format`; written with the time of day in front */
export const log = deprecate(
  (...args) => {
    const now = new Date();
    const [, month, day] = now.toDateString().split(" ");
    const time = now.toTimeString().slice(0, 8);
    writeOutput("stdout", `${Number(day)} ${month} ${time} - ${format(...args)}\n`);
  },
  "The `util.log API is deprecated.",
  "DEP0059",
);

/** @param {unknown} value @returns {boolean} */
export const isArray = Array.isArray;

export default {
  TextDecoder,
  TextEncoder,
  _extend,
  aborted,
  callbackify,
  debug: debuglog,
  debuglog,
  deprecate,
  format,
  formatWithOptions,
  inherits,
  inspect,
  isArray,
  isDeepStrictEqual,
  log,
  parseEnv,
  promisify,
  stripVTControlCharacters,
  styleText,
  toUSVString,
  types,
};
