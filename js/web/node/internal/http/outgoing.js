// `http.OutgoingMessage`: a message under way, with its headers.

import { Writable } from "node:stream";
import { codedError, invalidArgType } from "ext:orilla_web/node/internal/errors.js";
import {
  validateHeaderName,
  validateHeaderValue,
} from "ext:orilla_web/node/internal/http/headers.js";

/** By name in lower case: the name as it was given, and the value. */
const kHeaders = Symbol("kHeaders");

/**
 * @constructor
 * @param {object} [options] those of Writable
 */
export function OutgoingMessage(options) {
  if (!(this instanceof OutgoingMessage)) return new OutgoingMessage(options);
  Writable.call(this, { ...options, autoDestroy: false, emitClose: false });
  this[kHeaders] = new Map();
  this.socket = null;
  this.headersSent = false;
  this.sendDate = false;
  this.chunkedEncoding = false;
  this.shouldKeepAlive = true;
}
Object.setPrototypeOf(OutgoingMessage, Writable);
Object.setPrototypeOf(OutgoingMessage.prototype, Writable.prototype);

Object.defineProperties(OutgoingMessage.prototype, {
  connection: {
    configurable: true,
    get() {
      return this.socket;
    },
    set(value) {
      this.socket = value;
    },
  },
  finished: {
    configurable: true,
    get() {
      return this.writableEnded;
    },
  },
});

/** Those of the message, as pairs. @param {OutgoingMessage} message @returns {[string, string][]} */
export function headerPairs(message) {
  return [...message[kHeaders].values()].flatMap(([name, value]) =>
    Array.isArray(value) ? value.map((one) => [name, String(one)]) : [[name, String(value)]],
  );
}

function refuseSent(message, what) {
  if (!message.headersSent) return;
  const text = `Cannot ${what} headers after they are sent to the client`;
  throw codedError(Error, "ERR_HTTP_HEADERS_SENT", text);
}

function keyOf(name) {
  if (typeof name !== "string") throw invalidArgType("name", "of type string", name);
  return name.toLowerCase();
}

/** The methods, which classes in the old style copy. */
const methods = {
  /** @param {string} name @param {string | number | readonly string[]} value */
  setHeader(name, value) {
    refuseSent(this, "set");
    validateHeaderName(name);
    if (Array.isArray(value)) for (const one of value) validateHeaderValue(name, one);
    else validateHeaderValue(name, value);
    this[kHeaders].set(name.toLowerCase(), [name, value]);
    return this;
  },

  /** @param {Headers | Map<string, string>} headers */
  setHeaders(headers) {
    refuseSent(this, "set");
    if (!(headers instanceof Headers) && !(headers instanceof Map)) {
      throw invalidArgType("headers", "an instance of Headers or Map", headers);
    }
    for (const [name, value] of headers) {
      if (name === "set-cookie") this.appendHeader(name, value);
      else this.setHeader(name, value);
    }
    return this;
  },

  /** @param {string} name @param {string | readonly string[]} value is added to what there is */
  appendHeader(name, value) {
    refuseSent(this, "append");
    const [given, there] = this[kHeaders].get(keyOf(name)) ?? [];
    if (there === undefined) return this.setHeader(name, value);
    return this.setHeader(given, [there, value].flat());
  },

  /** @param {string} name @returns {string | number | string[] | undefined} as it was set */
  getHeader(name) {
    return this[kHeaders].get(keyOf(name))?.[1];
  },

  /** @param {string} name @returns {boolean} */
  hasHeader(name) {
    return this[kHeaders].has(keyOf(name));
  },

  /** @returns {string[]} in lower case */
  getHeaderNames() {
    return [...this[kHeaders].keys()];
  },

  /** @returns {string[]} as they were set */
  getRawHeaderNames() {
    return [...this[kHeaders].values()].map(([name]) => name);
  },

  /** @returns {Record<string, string | number | string[]>} */
  getHeaders() {
    const headers = { __proto__: null };
    for (const [key, [, value]] of this[kHeaders]) headers[key] = value;
    return headers;
  },

  /** @param {string} name */
  removeHeader(name) {
    const key = keyOf(name);
    refuseSent(this, "remove");
    this[kHeaders].delete(key);
  },
};
for (const [name, value] of Object.entries(methods)) {
  Object.defineProperty(OutgoingMessage.prototype, name, {
    value,
    writable: true,
    configurable: true,
  });
}
