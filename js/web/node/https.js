// `node:https`, in name only. Its agents can be made.

import { absent } from "ext:orilla_web/node/internal/absent.js";
import { ADVICE, Agent as HttpAgent } from "ext:orilla_web/node/internal/http_agent.js";

const [clients, client] = absent("https", ADVICE);
const [servers, server] = absent("https", "an app is called by the host; export a fetch function");

export const { get, request } = clients;
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

export default Object.assign({}, client, server, { Agent, globalAgent });
