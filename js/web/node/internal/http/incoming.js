// `http.IncomingMessage`: the answer to a request, as a stream.

import { Readable } from "node:stream";
import { codedError } from "ext:orilla_web/node/internal/errors.js";
import { distinct, joined } from "ext:orilla_web/node/internal/http/headers.js";
import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";

const kSource = Symbol("kSource");
const kPairs = Symbol("kPairs");
const kHeaders = Symbol("kHeaders");

/** @param {string} [message] @returns {Error} for a connection that ended too early */
export function connectionReset(message = "socket hang up") {
  return codedError(Error, "ECONNRESET", message);
}

/**
 * @constructor
 * @param {object} [socket]
 */
export function IncomingMessage(socket) {
  if (!(this instanceof IncomingMessage)) return new IncomingMessage(socket);
  Readable.call(this, { highWaterMark: socket?.readableHighWaterMark });
  this[kSource] = null;
  this[kPairs] = [];
  this.socket = socket;
  this.httpVersionMajor = 1;
  this.httpVersionMinor = 1;
  this.httpVersion = "1.1";
  this.complete = false;
  this.aborted = false;
  this.rawHeaders = [];
  this.rawTrailers = [];
  this.trailers = {};
  this.trailersDistinct = { __proto__: null };
  this.url = "";
  this.method = null;
  this.statusCode = null;
  this.statusMessage = null;
}
Object.setPrototypeOf(IncomingMessage, Readable);
Object.setPrototypeOf(IncomingMessage.prototype, Readable.prototype);

/**
 * @param {object} request that it answers
 * @param {{ status: number, statusText: string, headers: [string, string][], read: () => Promise<Uint8Array | null>,
 *   cancel: () => void }} answer
 * @returns {IncomingMessage}
 */
export function incomingMessage(request, answer) {
  const message = new IncomingMessage(request.socket);
  message[kSource] = answer;
  message[kPairs] = answer.headers;
  message.rawHeaders = answer.headers.flat();
  message.statusCode = answer.status;
  message.statusMessage = answer.statusText;
  message.req = request;
  return message;
}

Object.defineProperties(IncomingMessage.prototype, {
  connection: property(
    (message) => message.socket,
    (message, value) => (message.socket = value),
  ),
  headers: property(
    (message) => (message[kHeaders] ??= joined(message[kPairs])),
    (message, value) => (message[kHeaders] = value),
  ),
  headersDistinct: property((message) => distinct(message[kPairs])),
});

function property(get, set) {
  return {
    configurable: true,
    get() {
      return get(this);
    },
    set(value) {
      set?.(this, value);
    },
  };
}

IncomingMessage.prototype._read = function _read() {
  const source = this[kSource];
  if (source === null) return;
  source.read().then(
    (bytes) => {
      if (this.destroyed) return;
      this.socket?.touch?.();
      if (bytes === null) this.complete = true;
      this.push(bytes);
    },
    () => this.destroy(connectionReset("aborted")),
  );
};

IncomingMessage.prototype._destroy = function _destroy(error, callback) {
  if (!this.readableEnded || !this.complete) {
    this.aborted = true;
    this.emit("aborted");
  }
  if (!this.complete) this[kSource]?.cancel();
  const failure = error ?? (this.readableEnded ? null : connectionReset("aborted"));
  // Nobody has to listen: an answer that is let go is not an error of the program.
  nextTick(() => callback(this.listenerCount("error") > 0 ? failure : null));
};

/** @param {number} milliseconds @param {() => void} [callback] */
IncomingMessage.prototype.setTimeout = function setTimeout(milliseconds, callback) {
  if (callback) this.on("timeout", callback);
  this.socket?.setTimeout(milliseconds);
  return this;
};

/** Reads what nobody wants. */
IncomingMessage.prototype._dump = function _dump() {
  this.resume();
};
