// What both modules of names have beside their error codes: the order of addresses, which is kept and has no effect.

import { invalidArgValue } from "ext:orilla_web/node/internal/errors.js";

export const ADVICE = "an app looks no names up; fetch does it for a request";

let order = "verbatim";

/** @returns {string} */
export function getDefaultResultOrder() {
  return order;
}

/** @param {"verbatim" | "ipv4first" | "ipv6first"} value is kept, and has no effect */
export function setDefaultResultOrder(value) {
  if (!["verbatim", "ipv4first", "ipv6first"].includes(value)) {
    throw invalidArgValue(
      "dnsOrder",
      value,
      "must be one of: 'verbatim', 'ipv4first', 'ipv6first'",
    );
  }
  order = value;
}

/** @returns {string[]} none: the host looks names up */
export function getServers() {
  return [];
}
