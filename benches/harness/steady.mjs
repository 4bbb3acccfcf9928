/**
 * Load at a steady rate: the next request is sent when it is due, whether the one before was answered or not. So a
 * server that stalls is asked no less, and what it keeps waiting is counted.
 */

import { Agent, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { percentile, round } from "./statistics.mjs";

/** A response that takes longer counts as failed. */
const RESPONSE_TIMEOUT_MS = 10_000;

/**
 * Latencies in milliseconds, from sending a request to the end of its response.
 *
 * @typedef {{ p50_ms: number, p95_ms: number, p99_ms: number, answered: number, failed: number }} Latencies
 */

/**
 * A page of an app.
 *
 * @typedef {{ app: string, path?: string }} Page
 */

/**
 * Asks for pages in turn, at `perSecond` requests in all, until `stop` is aborted.
 *
 * @param {string} url of the server
 * @param {Page[]} pages
 * @param {number} perSecond
 * @param {AbortSignal} stop
 * @returns {Promise<Latencies>}
 */
export async function steady(url, pages, perSecond, stop) {
  const agent = new Agent({ keepAlive: true });
  const times = [];
  let failed = 0;
  const began = performance.now();
  const asked = [];
  for (let index = 0; !stop.aborted; index++) {
    const due = began + (index * 1_000) / perSecond;
    await pause(Math.max(0, due - performance.now()));
    const answer = ask(url, pages[index % pages.length], { agent });
    asked.push(
      answer.then(
        ({ status, ms }) => (status === 200 ? times.push(ms) : failed++),
        () => failed++,
      ),
    );
  }
  await Promise.all(asked);
  agent.destroy();
  return { ...latencies(times), failed };
}

/**
 * The same for a time.
 *
 * @param {string} url of the server
 * @param {Page[]} pages
 * @param {number} perSecond
 * @param {number} seconds
 * @returns {Promise<Latencies>}
 */
export function steadyFor(url, pages, perSecond, seconds) {
  return steady(url, pages, perSecond, AbortSignal.timeout(seconds * 1_000));
}

/**
 * Asks for a page.
 *
 * @param {string} url of the server
 * @param {Page} page
 * @param {{ agent?: Agent, signal?: AbortSignal }} [options] without an agent the request has a connection of its own
 * @returns {Promise<{ status: number, firstByteMs: number, ms: number }>}
 */
export function ask(url, { app, path = "/" }, { agent, signal } = {}) {
  return new Promise((resolve, reject) => {
    const sent = performance.now();
    const options = { agent: agent ?? false, signal, headers: { host: `${app}.localhost` } };
    const asked = request(
      new URL(path, url),
      { ...options, timeout: RESPONSE_TIMEOUT_MS },
      (response) => {
        const firstByteMs = performance.now() - sent;
        response.resume();
        response.on("end", () => {
          resolve({ status: response.statusCode, firstByteMs, ms: performance.now() - sent });
        });
        response.on("error", reject);
      },
    );
    asked.on("timeout", () => asked.destroy(new Error("no answer in time")));
    asked.on("error", reject).end();
  });
}

/**
 * @param {number[]} times in milliseconds
 * @returns {{ p50_ms?: number, p95_ms?: number, p99_ms?: number, answered: number }}
 */
export function latencies(times) {
  if (times.length === 0) return { answered: 0 };
  const at = (share) => round(percentile(times, share), 3);
  return { p50_ms: at(0.5), p95_ms: at(0.95), p99_ms: at(0.99), answered: times.length };
}
