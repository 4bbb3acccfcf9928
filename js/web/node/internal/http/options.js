// What a request of `node:http` is asked for with: a URL, options or both, as Node takes them.

import { isIPv6 } from "node:net";
import { urlToHttpOptions } from "node:url";
import { codedError, invalidArgType, notSupported } from "ext:orilla_web/node/internal/errors.js";
import { isToken } from "ext:orilla_web/node/internal/http/headers.js";
import { validateString } from "ext:orilla_web/node/internal/validate.js";

/** Options that would change where a request goes, or as whom. Leaving them out of account would be worse than to refuse. */
const REFUSED = {
  socketPath: "there are no sockets of the system",
  cert: "the host presents no certificates of apps",
  key: "the host presents no certificates of apps",
  pfx: "the host presents no certificates of apps",
};

/**
 * @param {string | URL | object} input
 * @param {object | Function} [options]
 * @param {Function} [callback]
 * @returns {{ options: object, callback?: Function }}
 */
export function requestOptions(input, options, callback) {
  let fromInput = input;
  if (typeof input === "string") fromInput = urlToHttpOptions(new URL(input));
  else if (input instanceof URL) fromInput = urlToHttpOptions(input);
  else [fromInput, options, callback] = [null, input, options];
  if (typeof options === "function") [options, callback] = [null, options];
  return { options: { ...fromInput, ...options }, callback };
}

/**
 * @param {object} options
 * @param {object} fallback the module's global agent
 * @returns {{ agent: object, protocol: string, host: string, port: number, path: string, method: string }}
 */
export function destination(options, fallback) {
  for (const [name, reason] of Object.entries(REFUSED)) {
    if (options[name]) throw notSupported(`options.${name} of a request`, reason);
  }
  const agent = agentOf(options, fallback);
  const protocol = options.protocol || fallback.protocol;
  const expected = agent.protocol || fallback.protocol;
  if (protocol !== expected) {
    const message = `Protocol "${protocol}" not supported. Expected "${expected}"`;
    throw codedError(TypeError, "ERR_INVALID_PROTOCOL", message);
  }
  const host = hostOf(options.hostname, "hostname") || hostOf(options.host, "host") || "localhost";
  const port = options.port || options.defaultPort || agent.defaultPort || fallback.defaultPort;
  return { agent, protocol, host, port, path: pathOf(options), method: methodOf(options) };
}

function agentOf({ agent }, fallback) {
  if (agent === undefined || agent === null || agent === false) return fallback;
  if (typeof agent.addRequest === "function") return agent;
  throw invalidArgType("options.agent", "one of Agent-like Object, undefined, or false", agent);
}

function hostOf(host, name) {
  if (host !== undefined && host !== null && typeof host !== "string") {
    throw invalidArgType(`options.${name}`, "of type string or one of undefined or null", host);
  }
  return host;
}

function pathOf({ path }) {
  const text = path ? String(path) : "/";
  if (/[^\u0021-\u00ff]/.test(text)) {
    const message = "Request path contains unescaped characters";
    throw codedError(TypeError, "ERR_UNESCAPED_CHARACTERS", message);
  }
  if (text.startsWith("?")) return `/${text}`;
  if (!text.startsWith("/")) {
    throw notSupported("A request for what is no path", "proxies are the host's matter");
  }
  return text;
}

function methodOf({ method }) {
  if (method === undefined || method === null) return "GET";
  validateString(method, "options.method");
  if (!isToken(method)) {
    const message = `Method must be a valid HTTP token ["${method}"]`;
    throw codedError(TypeError, "ERR_INVALID_HTTP_TOKEN", message);
  }
  if (method.toUpperCase() === "CONNECT") {
    throw notSupported("The method CONNECT", "an app has no connections of its own");
  }
  return method.toUpperCase();
}

/**
 * @param {{ protocol: string, host: string, port: number }} where
 * @returns {{ origin: string, hostHeader: string }}
 * @throws {TypeError} `ERR_INVALID_URL` for a host or port that is none
 */
export function originOf({ protocol, host, port }) {
  const name = isIPv6(host) ? `[${host}]` : host;
  const url = new URL(`${protocol}//${name}:${port}`);
  const isOrigin = /^[^/?#@\\]+$/.test(name) && url.username === "" && url.pathname === "/";
  if (!isOrigin) throw codedError(TypeError, "ERR_INVALID_URL", "Invalid URL");
  return { origin: url.origin, hostHeader: url.host };
}
