/**
 * Throughput of the hello example: wrk against each contender in turn, round after round. Once with
 * server and wrk on a core of their own, once wherever the kernel puts them.
 */

import { helloServers } from "./harness/contenders.mjs";
import { startServer } from "./harness/processes.mjs";
import { printTable } from "./harness/report.mjs";
import { median, round, spread } from "./harness/statistics.mjs";
import { CONNECTIONS, PLACEMENTS, load, warmUp } from "./harness/wrk.mjs";

/** How often and how long, unless the command line says otherwise. */
export const defaults = { rounds: 3, seconds: 5 };

/**
 * @param {{ rounds: number, seconds: number, contenders: string[] }} options
 * @returns {Promise<{ figures: object, targets: import("./harness/report.mjs").Target[] }>}
 */
export async function measure({ rounds, seconds, contenders }) {
  const servers = helloServers(contenders);
  const figures = {};
  for (const mode of Object.keys(PLACEMENTS)) {
    figures[mode] = await measureMode(mode, servers, rounds, seconds);
    printMode(mode, figures[mode]);
  }
  if (!contenders.includes("runtime") || !contenders.includes("deno"))
    return { figures, targets: [] };
  const targets = Object.entries(figures).map(([mode, { runtime }]) => {
    return {
      name: `hello, ${mode}: runtime / deno, requests/s`,
      figure: runtime.to_deno,
      atLeast: 0.8,
    };
  });
  return { figures, targets };
}

async function measureMode(mode, servers, rounds, seconds) {
  const samples = Object.fromEntries(Object.keys(servers).map((name) => [name, []]));
  for (let index = 0; index < rounds; index++) {
    for (const [name, command] of Object.entries(servers)) {
      samples[name].push(await loadFresh(name, command, PLACEMENTS[mode], seconds));
    }
  }
  return summarize(samples);
}

/** Loads a process of its own. */
async function loadFresh(name, command, placement, seconds) {
  const server = await startServer(name, (port) => [...placement.server, ...command(port)]);
  try {
    warmUp(placement, server.url);
    return load(placement, server.url, seconds);
  } finally {
    await server.stop();
  }
}

function summarize(samples) {
  const perSecond = (name) => samples[name].map((sample) => sample.perSecond);
  const deno = samples.deno && median(perSecond("deno"));
  const entries = Object.keys(samples).map((name) => {
    const rate = median(perSecond(name));
    const figures = {
      requests_per_s: round(rate),
      spread: round(spread(perSecond(name)), 3),
      to_deno: deno && round(rate / deno, 3),
      p50_ms: round(median(samples[name].map((sample) => sample.p50)), 3),
      p99_ms: round(median(samples[name].map((sample) => sample.p99)), 3),
    };
    return [name, figures];
  });
  return Object.fromEntries(entries);
}

function printMode(mode, figures) {
  const columns = ["", "requests/s", "spread", "to deno", "p50 ms", "p99 ms"];
  const rows = Object.entries(figures).map(([name, values]) => [name, ...Object.values(values)]);
  printTable(`hello, ${mode}, ${CONNECTIONS} connections (medians of rounds)`, columns, rows);
}
