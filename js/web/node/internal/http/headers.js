// Headers as `node:http` has them: which are valid, and how those of a message that came are put together.

import { codedError } from "ext:orilla_web/node/internal/errors.js";

/** @param {string} name @param {string} [label] what it is, for the error */
export function validateHeaderName(name, label = "Header name") {
  if (!isToken(name)) {
    const message = `${label} must be a valid HTTP token ["${name}"]`;
    throw codedError(TypeError, "ERR_INVALID_HTTP_TOKEN", message);
  }
}

/** @param {unknown} text @returns {boolean} whether it can be a method or the name of a header */
export function isToken(text) {
  return typeof text === "string" && /^[\^_`a-zA-Z\-0-9!#$%&'*+.|~]+$/.test(text);
}

/** @param {string} name @param {unknown} value */
export function validateHeaderValue(name, value) {
  if (value === undefined) {
    const message = `Invalid value "${value}" for header "${name}"`;
    throw codedError(TypeError, "ERR_HTTP_INVALID_HEADER_VALUE", message);
  }
  if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) {
    const message = `Invalid character in header content ["${name}"]`;
    throw codedError(TypeError, "ERR_INVALID_CHAR", message);
  }
}

/** Of these a message has one; of more the first counts. */
const SINGLE = new Set([
  "age",
  "authorization",
  "content-length",
  "content-type",
  "etag",
  "expires",
  "from",
  "host",
  "if-modified-since",
  "if-unmodified-since",
  "last-modified",
  "location",
  "max-forwards",
  "proxy-authorization",
  "referer",
  "retry-after",
  "server",
  "user-agent",
]);

/**
 * @param {[string, string][]} pairs with names in lower case
 * @returns {Record<string, string | string[]>} one value for each name, a list for `set-cookie`
 */
export function joined(pairs) {
  const headers = {};
  for (const [name, value] of pairs) {
    if (name === "set-cookie") (headers[name] ??= []).push(value);
    else if (!Object.hasOwn(headers, name)) headers[name] = value;
    else if (!SINGLE.has(name)) headers[name] += `${name === "cookie" ? ";" : ","} ${value}`;
  }
  return headers;
}

/** @param {[string, string][]} pairs @returns {Record<string, string[]>} all values of each name */
export function distinct(pairs) {
  const headers = { __proto__: null };
  for (const [name, value] of pairs) (headers[name] ??= []).push(value);
  return headers;
}
