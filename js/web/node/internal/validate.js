// Argument checks that several modules share; each throws the coded error that Node throws.

import {
  invalidArgType,
  invalidArgValue,
  outOfRange,
} from "ext:orilla_web/node/internal/errors.js";

/** @param {unknown} value @param {string} name */
export function validateString(value, name) {
  if (typeof value !== "string") throw invalidArgType(name, "of type string", value);
}

/** @param {unknown} value @param {string} name */
export function validateFunction(value, name) {
  if (typeof value !== "function") throw invalidArgType(name, "of type function", value);
}

/** @param {unknown} value @param {string} name */
export function validateBoolean(value, name) {
  if (typeof value !== "boolean") throw invalidArgType(name, "of type boolean", value);
}

/** @param {unknown} value @param {string} name */
export function validateObject(value, name) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw invalidArgType(name, "of type object", value);
  }
}

/**
 * NaN is a number as long as there are no bounds.
 * @param {unknown} value @param {string} name @param {number} [min] @param {number} [max]
 */
export function validateNumber(value, name, min = -Infinity, max = Infinity) {
  if (typeof value !== "number") throw invalidArgType(name, "of type number", value);
  const isBounded = min !== -Infinity || max !== Infinity;
  if (isBounded && !(value >= min && value <= max)) {
    throw outOfRange(name, describeRange(min, max), value);
  }
}

/** @param {unknown} value @param {string} name @param {number} [min] @param {number} [max] */
export function validateInteger(
  value,
  name,
  min = Number.MIN_SAFE_INTEGER,
  max = Number.MAX_SAFE_INTEGER,
) {
  if (typeof value !== "number") throw invalidArgType(name, "of type number", value);
  if (!Number.isInteger(value)) throw outOfRange(name, "an integer", value);
  if (value < min || value > max) throw outOfRange(name, describeRange(min, max), value);
}

/** @param {unknown} value @param {string} name @param {readonly unknown[]} allowed */
export function validateOneOf(value, name, allowed) {
  if (allowed.includes(value)) return;
  const list = allowed.map((item) => (typeof item === "string" ? `'${item}'` : String(item)));
  throw invalidArgValue(name, value, `must be one of: ${list.join(", ")}`);
}

/** @param {unknown} signal @param {string} name */
export function validateAbortSignal(signal, name) {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalidArgType(name, "an instance of AbortSignal", signal);
  }
}

function describeRange(min, max) {
  if (max === Infinity) return `>= ${min}`;
  if (min === -Infinity) return `<= ${max}`;
  return `>= ${min} && <= ${max}`;
}
