// `node:http`: its client, over the connections that fetch has too. An app is no server of its own: what serves is there in name
// only.

import { absent, lateClass } from "ext:orilla_web/node/internal/absent.js";
import { METHODS, STATUS_CODES } from "ext:orilla_web/node/internal/constants/http.js";
import { Agent, globalAgent } from "ext:orilla_web/node/internal/http/agent.js";
import { ClientRequest } from "ext:orilla_web/node/internal/http/client.js";
import {
  validateHeaderName,
  validateHeaderValue,
} from "ext:orilla_web/node/internal/http/headers.js";
import { IncomingMessage } from "ext:orilla_web/node/internal/http/incoming.js";
import { OutgoingMessage } from "ext:orilla_web/node/internal/http/outgoing.js";

export {
  Agent,
  ClientRequest,
  IncomingMessage,
  METHODS,
  OutgoingMessage,
  STATUS_CODES,
  globalAgent,
  validateHeaderName,
  validateHeaderValue,
};

const [servers, server] = absent("http", "an app is called by the host; export a fetch function");

export const { Server, ServerResponse, createServer } = servers;
export const { CloseEvent, MessageEvent } = globalThis;
export const WebSocket = lateClass("WebSocket");
export const maxHeaderSize = 16384;

/**
 * @param {string | URL | object} url
 * @param {object | Function} [options]
 * @param {(response: IncomingMessage) => void} [callback]
 * @returns {ClientRequest} to be written to, and ended
 */
export function request(url, options, callback) {
  return new ClientRequest(url, options, callback);
}

/** As `request`, and ended. */
export function get(url, options, callback) {
  return request(url, options, callback).end();
}

/** @param {number} [max] is not needed: there are no parsers of an app's own */
export function setMaxIdleHTTPParsers(max) {}

export default Object.assign({}, server, {
  Agent,
  ClientRequest,
  CloseEvent,
  IncomingMessage,
  METHODS,
  MessageEvent,
  OutgoingMessage,
  STATUS_CODES,
  WebSocket,
  get,
  globalAgent,
  maxHeaderSize,
  request,
  setMaxIdleHTTPParsers,
  validateHeaderName,
  validateHeaderValue,
});
