// `node:net`, in name only, with its tests of addresses.

import { absent } from "ext:orilla_web/node/internal/absent.js";

const [names, module] = absent("net", "an app has no network beside fetch and WebSocket");

export const { BlockList, Server, Socket, SocketAddress, connect, createConnection, createServer } =
  names;
export const Stream = Socket;

const OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]\\d|\\d)";
const IPV4 = new RegExp(`^(?:${OCTET}\\.){3}${OCTET}$`);
const GROUP = /^[\da-f]{1,4}$/i;

/** @param {unknown} address @returns {boolean} */
export function isIPv4(address) {
  return IPV4.test(`${address}`);
}

/** @param {unknown} address may have a zone after `%` @returns {boolean} */
export function isIPv6(address) {
  const [, text] = /^([^%]*)(?:%[\da-z\-.:]+)?$/i.exec(`${address}`) ?? [];
  if (text === undefined) return false;
  const halves = text.split("::");
  if (halves.length > 2) return false;
  let groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  // An IPv4 address stands for the last two groups, and only there.
  const isMixed = text.includes(".");
  if (isMixed) {
    if (!isIPv4(groups.at(-1)) || text.endsWith("::")) return false;
    groups = [...groups.slice(0, -1), "0", "0"];
  }
  if (!groups.every((group) => GROUP.test(group))) return false;
  return halves.length === 2 ? groups.length < 8 : groups.length === 8;
}

/** @param {unknown} address @returns {0 | 4 | 6} */
export function isIP(address) {
  if (isIPv4(address)) return 4;
  return isIPv6(address) ? 6 : 0;
}

let autoSelectFamily = true;
let attemptTimeout = 250;

/** @returns {boolean} */
export function getDefaultAutoSelectFamily() {
  return autoSelectFamily;
}

/** @param {boolean} value is kept, and has no effect */
export function setDefaultAutoSelectFamily(value) {
  autoSelectFamily = value;
}

/** @returns {number} milliseconds */
export function getDefaultAutoSelectFamilyAttemptTimeout() {
  return attemptTimeout;
}

/** @param {number} value milliseconds; they are kept, and have no effect */
export function setDefaultAutoSelectFamilyAttemptTimeout(value) {
  attemptTimeout = Math.max(value, 10);
}

export default Object.assign(module, {
  Stream,
  getDefaultAutoSelectFamily,
  getDefaultAutoSelectFamilyAttemptTimeout,
  isIP,
  isIPv4,
  isIPv6,
  setDefaultAutoSelectFamily,
  setDefaultAutoSelectFamilyAttemptTimeout,
});
