// How much a stream holds before it asks its source to wait.

import { invalidArgValue } from "ext:orilla_web/node/internal/errors.js";
import { validateInteger } from "ext:orilla_web/node/internal/validate.js";

let defaultBytes = 64 * 1024;
let defaultObjects = 16;

/** @param {boolean} objectMode @returns {number} in bytes, or in objects */
export function getDefaultHighWaterMark(objectMode) {
  return objectMode ? defaultObjects : defaultBytes;
}

/** @param {boolean} objectMode @param {number} value */
export function setDefaultHighWaterMark(objectMode, value) {
  validateInteger(value, "value", 0);
  if (objectMode) defaultObjects = value;
  else defaultBytes = value;
}

/**
 * @param {object} options of the stream
 * @param {boolean} objectMode
 * @param {string | null} sideKey `readableHighWaterMark` and the like, for one half of a Duplex
 * @returns {number}
 */
export function highWaterMarkFrom(options, objectMode, sideKey) {
  const given = options?.highWaterMark ?? (sideKey === null ? undefined : options?.[sideKey]);
  if (given === undefined || given === null) return getDefaultHighWaterMark(objectMode);
  if (!Number.isInteger(given) || given < 0) {
    const name = sideKey === null ? "options.highWaterMark" : `options.${sideKey}`;
    throw invalidArgValue(name, given);
  }
  return Math.floor(given);
}
