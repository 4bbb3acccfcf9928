// The agents of `node:http` and `node:https`: they can be made, told what they were made with, extended, and given to requests,
// which go over the host's own connections all the same.

import { EventEmitter } from "node:events";
import { notSupported } from "ext:orilla_web/node/internal/errors.js";

export const ADVICE = "requests go over the host's own connections";

/**
 * @param {{ keepAlive?: boolean, keepAliveMsecs?: number, maxSockets?: number, maxFreeSockets?: number,
 *   maxTotalSockets?: number, scheduling?: string }} [options]
 */
export function Agent(options) {
  if (!(this instanceof Agent)) return new Agent(options);
  EventEmitter.call(this);
  this.options = { __proto__: null, noDelay: true, ...options, path: null };
  this.defaultPort = this.options.defaultPort || 80;
  this.protocol = this.options.protocol || "http:";
  this.requests = { __proto__: null };
  this.sockets = { __proto__: null };
  this.freeSockets = { __proto__: null };
  this.keepAliveMsecs = this.options.keepAliveMsecs || 1000;
  this.keepAlive = this.options.keepAlive || false;
  this.maxSockets = this.options.maxSockets || Agent.defaultMaxSockets;
  this.maxFreeSockets = this.options.maxFreeSockets || 256;
  this.scheduling = this.options.scheduling || "lifo";
  this.maxTotalSockets = this.options.maxTotalSockets ?? Infinity;
  this.totalSocketCount = 0;
}
Object.setPrototypeOf(Agent, EventEmitter);
Object.setPrototypeOf(Agent.prototype, EventEmitter.prototype);
Agent.defaultMaxSockets = Infinity;

for (const name of ["addRequest", "createConnection", "createSocket"]) {
  const method = {
    [name]() {
      throw notSupported(`http.Agent.${name}()`, ADVICE);
    },
  }[name];
  define(name, method);
}
define("destroy", function destroy() {});
define("keepSocketAlive", function keepSocketAlive() {
  return false;
});
define("reuseSocket", function reuseSocket() {});
define("removeSocket", function removeSocket() {});
define(
  "getName",
  /** @returns {string} what connections would be shared by */
  function getName({ host, port, localAddress, family, socketPath } = {}) {
    const name = `${host || "localhost"}:${port || ""}:${localAddress || ""}`;
    const version = family === 4 || family === 6 ? `:${family}` : "";
    return `${name}${version}${socketPath ? `:${socketPath}` : ""}`;
  },
);

function define(name, value) {
  Object.defineProperty(Agent.prototype, name, { value, writable: true, configurable: true });
}

/** What requests have that bring none. */
export const globalAgent = new Agent({ keepAlive: true, scheduling: "lifo", timeout: 5000 });
