/**
 * Load by wrk: one thread, 64 connections that are kept open, for a fixed time. Starts no server.
 */

import { join } from "node:path";
import { BENCHES } from "./machine.mjs";
import { run } from "./processes.mjs";

/** How many requests are under way at a time. */
export const CONNECTIONS = 64;

const WARM_UP_SECONDS = 1;
/** A slower response counts as failed. wrk's own 2 s would do so to a server that is only unfair. */
const RESPONSE_TIMEOUT_SECONDS = 10;
/** What wrk may take beyond its load. */
const GRACE_MS = 15_000;
const POST = join(BENCHES, "peers/post.lua");

/**
 * Where the server and wrk run: prefixes of their commands.
 *
 * @typedef {{ server: string[], wrk: string[] }} Placement
 */

/**
 * Each on a core of its own, or both wherever the kernel puts them.
 *
 * @type {Record<string, Placement>}
 */
export const PLACEMENTS = {
  pinned: { server: ["taskset", "-c", "0"], wrk: ["taskset", "-c", "1"] },
  unpinned: { server: [], wrk: [] },
};

/**
 * What one load measured.
 *
 * @typedef {object} Load
 * @property {number} requests
 * @property {number} perSecond requests per second
 * @property {number} p50 ms
 * @property {number} p99 ms
 */

/**
 * Load that is not counted: caches fill, and hot functions are compiled.
 *
 * @param {Placement} placement
 * @param {string} url
 * @param {string} [json] to POST
 */
export function warmUp(placement, url, json) {
  load(placement, url, WARM_UP_SECONDS, json);
}

/**
 * @param {Placement} placement
 * @param {string} url
 * @param {number} seconds
 * @param {string} [json] to POST, instead of a GET
 * @returns {Load}
 * @throws when any request fails, or none is answered
 */
export function load(placement, url, seconds, json) {
  const limits = [`-d${seconds}s`, `--timeout=${RESPONSE_TIMEOUT_SECONDS}s`];
  const wrk = ["wrk", "-t1", `-c${CONNECTIONS}`, ...limits, "--latency"];
  const request = json === undefined ? [url] : ["-s", POST, url, "--", json];
  return parse(
    run([...placement.wrk, ...wrk, ...request], { timeoutMs: seconds * 1000 + GRACE_MS }),
  );
}

/** Figures from what wrk prints. A run with a failed request, or with none, is no measurement. */
function parse(text) {
  const failed = text.match(/Non-2xx.*|Socket errors.*/);
  if (failed) throw new Error(`wrk: ${failed[0]}`);
  const requests = Number(text.match(/(\d+) requests in/)[1]);
  if (requests === 0) throw new Error("wrk: no request was answered in time");
  const milliseconds = (share) => {
    const [, value, unit] = text.match(new RegExp(`${share}%\\s+([\\d.]+)(us|ms|s)`));
    return Number(value) * { us: 0.001, ms: 1, s: 1000 }[unit];
  };
  return {
    requests,
    perSecond: Number(text.match(/Requests\/sec:\s+([\d.]+)/)[1]),
    p50: milliseconds(50),
    p99: milliseconds(99),
  };
}
