// `node:querystring`.

import { Buffer } from "node:buffer";
import { codedError } from "ext:orilla_web/node/internal/errors.js";

/** Pairs that `parse` reads when the caller sets no other bound. */
const DEFAULT_MAX_KEYS = 1000;

/** @param {unknown} value @returns {string} percent-encoded */
export function escape(value) {
  const text = typeof value === "object" ? String(value) : `${value}`;
  if (!text.isWellFormed()) throw codedError(URIError, "ERR_INVALID_URI", "URI malformed");
  return encodeURIComponent(text);
}

/** @param {string} text @returns {Buffer} each `%xx` as its byte, other characters by low byte */
export function unescapeBuffer(text) {
  const bytes = Buffer.alloc(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const isEscape = text[i] === "%" && /^[\da-f]{2}$/i.test(text.slice(i + 1, i + 3));
    bytes[length++] = isEscape ? Number.parseInt(text.slice(i + 1, i + 3), 16) : text.charCodeAt(i);
    if (isEscape) i += 2;
  }
  return bytes.subarray(0, length);
}

/** @param {string} text @returns {string} decoded; malformed text is taken byte by byte */
export function unescape(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return unescapeBuffer(text).toString();
  }
}

function primitiveText(value) {
  if (typeof value === "string") return value;
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "";
  return typeof value === "bigint" || typeof value === "boolean" ? String(value) : "";
}

/**
 * @param {Record<string, unknown>} object
 * @param {string} [separator] @param {string} [equals]
 * @param {{ encodeURIComponent?: (text: string) => string }} [options]
 * @returns {string}
 */
export function stringify(object, separator = "&", equals = "=", options = undefined) {
  if (object === null || typeof object !== "object") return "";
  const encode = options?.encodeURIComponent ?? querystring.escape;
  const encodeText = (value) => encode(primitiveText(value));
  const pairs = Object.keys(object).flatMap((key) => {
    const values = Array.isArray(object[key]) ? object[key] : [object[key]];
    return values.map((value) => `${encodeText(key)}${equals || "="}${encodeText(value)}`);
  });
  return pairs.join(separator || "&");
}

/**
 * @param {string} text
 * @param {string} [separator] @param {string} [equals]
 * @param {{ maxKeys?: number, decodeURIComponent?: (text: string) => string }} [options] `maxKeys`:
 *   0
 *   lifts the bound of 1000
 * @returns {Record<string, string | string[]>} without a prototype
 */
export function parse(text, separator = "&", equals = "=", options = undefined) {
  const result = Object.create(null);
  if (typeof text !== "string" || text === "") return result;
  const decode = options?.decodeURIComponent ?? querystring.unescape;
  const maxKeys = typeof options?.maxKeys === "number" ? options.maxKeys : DEFAULT_MAX_KEYS;
  const sign = equals || "=";
  const pairs = text.split(separator || "&").filter((pair) => pair !== "");
  for (const pair of maxKeys > 0 ? pairs.slice(0, maxKeys) : pairs) {
    const at = pair.indexOf(sign);
    const key = decodeText(at === -1 ? pair : pair.slice(0, at), decode);
    const value = at === -1 ? "" : decodeText(pair.slice(at + sign.length), decode);
    const existing = result[key];
    if (existing === undefined) result[key] = value;
    else if (Array.isArray(existing)) existing.push(value);
    else result[key] = [existing, value];
  }
  return result;
}

function decodeText(text, decode) {
  const spaced = text.replaceAll("+", " ");
  if (decode === unescape && !/%[\da-f]{2}/i.test(spaced)) return spaced;
  try {
    return decode(spaced);
  } catch {
    return unescape(spaced);
  }
}

export const encode = stringify;
export const decode = parse;

const querystring = { decode, encode, escape, parse, stringify, unescape, unescapeBuffer };
export default querystring;
