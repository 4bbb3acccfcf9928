/**
 * Throughput of the hello example: wrk against each contender in turn, round after round. Once with
 * server and wrk on a core of their own, once wherever the kernel puts them.
 */

import { helloServers } from "./harness/contenders.mjs";
import { run, startServer } from "./harness/processes.mjs";
import { printTable } from "./harness/report.mjs";
import { median, round, spread } from "./harness/statistics.mjs";

const CONNECTIONS = 64;
const WARM_UP_SECONDS = 1;
const MODES = {
  pinned: { server: ["taskset", "-c", "0"], wrk: ["taskset", "-c", "1"] },
  unpinned: { server: [], wrk: [] },
};

/** How often and how long, unless the command line says otherwise. */
export const defaults = { rounds: 3, seconds: 5 };

/**
 * @param {{ rounds: number, seconds: number, contenders: string[] }} options
 * @returns {Promise<{ figures: object, targets: import("./harness/report.mjs").Target[] }>}
 */
export async function measure({ rounds, seconds, contenders }) {
  const servers = helloServers(contenders);
  const figures = {};
  for (const mode of Object.keys(MODES)) {
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
      samples[name].push(await load(name, command, MODES[mode], seconds));
    }
  }
  return summarize(samples);
}

async function load(name, command, { server: serverCore, wrk }, seconds) {
  const server = await startServer(name, (port) => [...serverCore, ...command(port)]);
  try {
    runWrk(wrk, server.url, WARM_UP_SECONDS);
    return runWrk(wrk, server.url, seconds);
  } finally {
    await server.stop();
  }
}

function runWrk(core, url, seconds) {
  const wrk = ["wrk", "-t1", `-c${CONNECTIONS}`, `-d${seconds}s`, "--latency", url];
  return parseWrk(run([...core, ...wrk], { timeoutMs: (seconds + 10) * 1000 }));
}

/** Figures from what wrk prints. A run with any failed request is no measurement. */
function parseWrk(text) {
  const failed = text.match(/Non-2xx.*|Socket errors.*/);
  if (failed) throw new Error(`wrk: ${failed[0]}`);
  const milliseconds = (share) => {
    const [, value, unit] = text.match(new RegExp(`${share}%\\s+([\\d.]+)(us|ms|s)`));
    return Number(value) * { us: 0.001, ms: 1, s: 1000 }[unit];
  };
  return {
    perSecond: Number(text.match(/Requests\/sec:\s+([\d.]+)/)[1]),
    p50: milliseconds(50),
    p99: milliseconds(99),
  };
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
