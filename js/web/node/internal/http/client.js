// `http.ClientRequest`: a request over fetch's client. It begins when its body is there as a whole, or as soon as it is clear that
// the rest comes later; then the body is sent piece by piece, and whoever writes it waits for the server.

import { Buffer } from "node:buffer";
import { clearImmediate, setImmediate } from "node:timers";
import { AbortError, notSupported } from "ext:orilla_web/node/internal/errors.js";
import { globalAgent } from "ext:orilla_web/node/internal/http/agent.js";
import { connectionReset, incomingMessage } from "ext:orilla_web/node/internal/http/incoming.js";
import {
  destination,
  originOf,
  requestOptions,
} from "ext:orilla_web/node/internal/http/options.js";
import { OutgoingMessage, headerPairs } from "ext:orilla_web/node/internal/http/outgoing.js";
import { ClientSocket } from "ext:orilla_web/node/internal/http/socket.js";
import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";
import {
  validateAbortSignal,
  validateFunction,
  validateNumber,
} from "ext:orilla_web/node/internal/validate.js";
import { beginRequest } from "ext:orilla_web/node_host.js";

/** Bytes of a body that wait to be sent as a whole. */
const BYTES_TOGETHER = 64 << 10;
/** Characters that the client beneath does not send in a path. */
const NOT_IN_TARGETS = /["#<>\\^`{|}\x7f-\xff]/g;
/** What is not said to have a body has none. */
const WITHOUT_BODY = ["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"];

const kOrigin = Symbol("kOrigin");
/** What is written, and how far it is on its way. */
const kBody = Symbol("kBody");
const kSent = Symbol("kSent");
const kLetGo = Symbol("kLetGo");
/** What it was destroyed with while the answer came. */
const kReason = Symbol("kReason");

/**
 * @constructor
 * @param {string | URL | object} input
 * @param {object | Function} [given]
 * @param {(response: object) => void} [givenCallback]
 */
export function ClientRequest(input, given, givenCallback) {
  if (!(this instanceof ClientRequest)) return new ClientRequest(input, given, givenCallback);
  OutgoingMessage.call(this);
  const { options, callback } = requestOptions(input, given, givenCallback);
  const where = destination(options, options._defaultAgent ?? globalAgent);
  const { origin, hostHeader } = originOf(where);
  const { agent, protocol, host, path, method } = where;
  Object.assign(this, { agent, protocol, host, path, method });
  Object.assign(this, { aborted: false, res: null, reusedSocket: false, timeout: undefined });
  this.maxHeadersCount = null;
  this[kOrigin] = origin;
  this[kBody] = { pieces: [], size: 0, pull: null, written: null, later: null };
  this[kSent] = null;
  this[kLetGo] = () => {};
  this[kReason] = undefined;
  setHeaders(this, options, hostHeader);
  if (callback !== undefined) {
    validateFunction(callback, "callback");
    this.once("response", callback);
  }
  const isSecure = protocol === "https:";
  const socket = new ClientSocket(this, isSecure).on("timeout", () => this.emit("timeout"));
  nextTick(() => assignSocket(this, socket));
  const timeout = options.timeout ?? options.agent?.options?.timeout;
  if (timeout !== undefined) this.setTimeout(timeout);
  if (options.signal !== undefined) follow(this, options.signal);
}
Object.setPrototypeOf(ClientRequest, OutgoingMessage);
Object.setPrototypeOf(ClientRequest.prototype, OutgoingMessage.prototype);

function setHeaders(request, { headers, setHost = true, auth }, hostHeader) {
  if (Array.isArray(headers)) {
    const pairs = Array.isArray(headers[0]) ? headers : pairsOf(headers);
    for (const [name, value] of pairs) request.appendHeader(name, value);
  } else if (headers) {
    for (const name of Object.keys(headers)) request.setHeader(name, headers[name]);
  }
  if (request.hasHeader("upgrade")) {
    throw notSupported("An upgrade of a request", "use WebSocket for what it is made for");
  }
  if (setHost && !request.hasHeader("host")) request.setHeader("Host", hostHeader);
  if (auth && !request.hasHeader("authorization")) {
    request.setHeader("Authorization", `Basic ${Buffer.from(auth).toString("base64")}`);
  }
}

function pairsOf(list) {
  return Array.from({ length: list.length / 2 }, (_, at) => [list[2 * at], list[2 * at + 1]]);
}

function follow(request, signal) {
  validateAbortSignal(signal, "options.signal");
  const abort = () => request.destroy(new AbortError(undefined, { cause: signal.reason }));
  if (signal.aborted) {
    abort();
    return;
  }
  signal.addEventListener("abort", abort, { once: true });
  request[kLetGo] = () => signal.removeEventListener("abort", abort);
}

function assignSocket(request, socket) {
  request.socket = socket;
  if (request.timeout !== undefined) socket.setTimeout(request.timeout);
  if (request.destroyed) {
    socket.close();
    return;
  }
  request.emit("socket", socket);
  // Whoever asks to be told when to go on would wait for ever: the client beneath never asks the server.
  if (/100-continue/i.test(request.getHeader("expect") ?? "")) request.emit("continue");
}

ClientRequest.prototype._write = function _write(chunk, encoding, callback) {
  const body = this[kBody];
  this.socket?.touch();
  if (this[kSent] !== null) {
    body.written = callback;
    giveOrKeep(body, chunk);
    return;
  }
  body.pieces.push(chunk);
  body.size += chunk.length;
  if (body.size > BYTES_TOGETHER) {
    body.written = callback;
    send(this, true);
    return;
  }
  // The end may follow at once.
  body.later ??= setImmediate(() => send(this, true));
  callback();
};

ClientRequest.prototype._final = function _final(callback) {
  if (this[kSent] === null) send(this, false);
  else giveOrKeep(this[kBody], null);
  callback();
};

/** Hands a piece, or the end, to who waits for it. */
function giveOrKeep(body, piece) {
  if (body.pull === null) {
    body.pieces.push(piece);
    return;
  }
  const { pull } = body;
  body.pull = null;
  pull(piece);
  taken(body);
}

function taken(body) {
  const { written } = body;
  body.written = null;
  written?.();
}

/** The next piece of the body, once the server takes it; null at the end. */
function nextPiece(request) {
  const body = request[kBody];
  request.socket?.touch();
  const piece = body.pieces.shift();
  if (piece === undefined) return new Promise((pull) => (body.pull = pull));
  if (body.pieces.length === 0) nextTick(taken, body);
  return Promise.resolve(piece);
}

function escaped(character) {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function send(request, isStreamed) {
  const body = request[kBody];
  clearImmediate(body.later);
  if (request.destroyed || request[kSent] !== null) return;
  request.headersSent = true;
  const { method } = request;
  const target = request.path.replace(NOT_IN_TARGETS, escaped);
  const head = { method, origin: request[kOrigin], target, headers: headerPairs(request) };
  let content = () => nextPiece(request);
  if (!isStreamed) content = body.size > 0 ? Buffer.concat(body.pieces) : null;
  try {
    request[kSent] = beginRequest(head, content);
  } catch (error) {
    request.destroy(error);
    return;
  }
  request[kSent].answer.then(
    (answer) => receive(request, answer),
    (error) => request.destroy(error),
  );
}

function receive(request, answer) {
  if (request.destroyed) {
    answer.cancel();
    return;
  }
  request.socket?.touch();
  const message = incomingMessage(request, answer);
  request.res = message;
  message.once("close", () => end(request, request[kReason]));
  if (!request.emit("response", message)) message._dump();
}

/** Says that it is over, once. */
function end(request, error) {
  const state = request._writableState;
  if (state.closeEmitted) return;
  Object.assign(state, { destroyed: true, closed: true, closeEmitted: true });
  request[kLetGo]();
  clearImmediate(request[kBody].later);
  request.socket?.close();
  if (error) {
    Object.assign(state, { errored: error, errorEmitted: true });
    request.emit("error", error);
  }
  request.emit("close");
}

/** @param {Error} [error] @returns {ClientRequest} this */
ClientRequest.prototype.destroy = function destroy(error) {
  const state = this._writableState;
  if (state.destroyed) return this;
  state.destroyed = true;
  this[kSent]?.abort();
  this[kBody].pull?.(null);
  taken(this[kBody]);
  if (this.res) {
    this[kReason] = error;
    nextTick(() => this.res.destroy(connectionReset("aborted")));
  } else {
    nextTick(end, this, error ?? connectionReset());
  }
  return this;
};

/** The old way to destroy. */
ClientRequest.prototype.abort = function abort() {
  if (this.aborted) return;
  this.aborted = true;
  nextTick(() => this.emit("abort"));
  this.destroy();
};

/** @param {number} milliseconds in which nothing comes and nothing is sent @param {() => void} [callback] */
ClientRequest.prototype.setTimeout = function setTimeout(milliseconds, callback) {
  validateNumber(milliseconds, "msecs", 0);
  if (callback !== undefined) {
    validateFunction(callback, "callback");
    this.once("timeout", callback);
  }
  this.timeout = milliseconds;
  this.socket?.setTimeout(milliseconds);
  return this;
};

/** Sends the headers before the first piece of the body. Without a body they go with the end. */
ClientRequest.prototype.flushHeaders = function flushHeaders() {
  if (!WITHOUT_BODY.includes(this.method)) send(this, true);
};

ClientRequest.prototype.setNoDelay = function setNoDelay() {};
ClientRequest.prototype.setSocketKeepAlive = function setSocketKeepAlive() {};
ClientRequest.prototype.clearTimeout = function clearTimeout(callback) {
  this.setTimeout(0);
  if (callback) this.removeListener("timeout", callback);
};
