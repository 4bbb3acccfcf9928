// `node:inspector`, in name only. The host has its own way to inspect an app: docs/inspect.md.

import { absent, absentObject } from "ext:orilla_web/node/internal/absent.js";

const ADVICE = "the host attaches debuggers, see `runtime --inspect`";
const [names, module] = absent("inspector", ADVICE);

export const { Session, close, open, waitForDebugger } = names;
export const { console } = globalThis;
export const Network = absentObject("inspector.Network", ADVICE, [
  "dataReceived",
  "dataSent",
  "loadingFailed",
  "loadingFinished",
  "requestWillBeSent",
  "responseReceived",
]);
export const NetworkResources = absentObject("inspector.NetworkResources", ADVICE, ["put"]);

/** @returns {undefined} no debugger listens */
export function url() {
  return undefined;
}

export default Object.assign(module, { Network, NetworkResources, console, url });
