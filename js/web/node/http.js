// `node:http`, in name only, with what needs no network: agents can be made, and the tables and checks of headers work.

import { absent, lateClass } from "ext:orilla_web/node/internal/absent.js";
import { METHODS, STATUS_CODES } from "ext:orilla_web/node/internal/constants/http.js";
import { codedError } from "ext:orilla_web/node/internal/errors.js";
import { ADVICE, Agent } from "ext:orilla_web/node/internal/http_agent.js";

export { Agent, METHODS, STATUS_CODES };

const [clients, client] = absent("http", ADVICE);
const [servers, server] = absent("http", "an app is called by the host; export a fetch function");

export const { ClientRequest, get, request, setMaxIdleHTTPParsers } = clients;
export const { IncomingMessage, OutgoingMessage, Server, ServerResponse, createServer } = servers;
export const { CloseEvent, MessageEvent } = globalThis;
export const WebSocket = lateClass("WebSocket");
export const globalAgent = new Agent({ keepAlive: true, scheduling: "lifo", timeout: 5000 });
export const maxHeaderSize = 16384;

/** @param {string} name @param {string} [label] what it is, for the error */
export function validateHeaderName(name, label = "Header name") {
  if (typeof name !== "string" || !/^[\^_`a-zA-Z\-0-9!#$%&'*+.|~]+$/.test(name)) {
    const message = `${label} must be a valid HTTP token ["${name}"]`;
    throw codedError(TypeError, "ERR_INVALID_HTTP_TOKEN", message);
  }
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

export default Object.assign({}, client, server, {
  Agent,
  CloseEvent,
  METHODS,
  MessageEvent,
  STATUS_CODES,
  WebSocket,
  globalAgent,
  maxHeaderSize,
  validateHeaderName,
  validateHeaderValue,
});
