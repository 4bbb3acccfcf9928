// `node:https`: the client of `node:http` with TLS, for which the host decides whom to trust. What serves is there in name only.

import { absent } from "ext:orilla_web/node/internal/absent.js";
import { Agent as HttpAgent } from "ext:orilla_web/node/internal/http/agent.js";
import { ClientRequest } from "ext:orilla_web/node/internal/http/client.js";
import { requestOptions } from "ext:orilla_web/node/internal/http/options.js";

const [servers, server] = absent("https", "an app is called by the host; export a fetch function");

export const { Server, createServer } = servers;

/** @param {object} [options] as for `http.Agent` */
export function Agent(options) {
  if (!(this instanceof Agent)) return new Agent(options);
  HttpAgent.call(this, { defaultPort: 443, protocol: "https:", ...options });
  this.maxCachedSessions = this.options.maxCachedSessions ?? 100;
}
Object.setPrototypeOf(Agent, HttpAgent);
Object.setPrototypeOf(Agent.prototype, HttpAgent.prototype);

export const globalAgent = new Agent({ keepAlive: true, scheduling: "lifo", timeout: 5000 });

/**
 * @param {string | URL | object} url
 * @param {object | Function} [options]
 * @param {(response: object) => void} [callback]
 * @returns {object} to be written to, and ended
 */
export function request(url, options, callback) {
  const asked = requestOptions(url, options, callback);
  return new ClientRequest({ _defaultAgent: globalAgent, ...asked.options }, asked.callback);
}

/** As `request`, and ended. */
export function get(url, options, callback) {
  return request(url, options, callback).end();
}

export default Object.assign({}, server, { Agent, get, globalAgent, request });
