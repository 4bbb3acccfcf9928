/**
 * What an app notices of its neighbours in the same process: one that loops for ever, one that
 * allocates without end and one that floods the isolate with promises, each asked again as soon as
 * it was stopped. A fourth app is asked at a steady rate, with and without them, round after round.
 */

import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { dataDirectory, serveCommand } from "./harness/contenders.mjs";
import { BENCHES } from "./harness/machine.mjs";
import { startServer } from "./harness/processes.mjs";
import { printTable } from "./harness/report.mjs";
import { median, round } from "./harness/statistics.mjs";
import { ask, steadyFor } from "./harness/steady.mjs";

const APPS = join(BENCHES, "load/neighbours");
const BAD = ["loop", "hoard", "flood"];
const REQUESTS_PER_SECOND = 100;
/** So that what is measured is not how this process compiles its own code. */
const WARM_UP = { perSecond: 500, seconds: 3 };

/** How often and how long, unless the command line says otherwise. */
export const defaults = { rounds: 3, seconds: 8 };

/**
 * @param {{ rounds: number, seconds: number }} options
 * @returns {Promise<{ figures: object, targets: import("./harness/report.mjs").Target[] }>}
 */
export async function measure({ rounds, seconds }) {
  const samples = { alone: [], beside: [] };
  for (let index = 0; index < rounds; index++) {
    samples.alone.push(await load([], seconds));
    samples.beside.push(await load(BAD, seconds));
  }
  const figures = Object.fromEntries(
    Object.entries(samples).map(([name, all]) => [name, sum(all)]),
  );
  figures.p99_ratio = round(figures.beside.p99_ms / figures.alone.p99_ms, 2);
  printTable(
    "a quick app",
    ["p50 ms", "p99 ms", "failed"],
    Object.entries(figures)
      .filter(([, row]) => row.p50_ms)
      .map(([name, row]) => [name, row.p50_ms, row.p99_ms, row.failed]),
  );
  return {
    figures,
    targets: [
      { name: "p99 beside three bad apps / alone", figure: figures.p99_ratio, atMost: 1.2 },
      { name: "failed requests", figure: figures.beside.failed, atMost: 0 },
    ],
  };
}

function sum(rounds) {
  const of = (key) => round(median(rounds.map((one) => one[key])), 3);
  const failed = rounds.reduce((total, one) => total + one.failed, 0);
  return { p50_ms: of("p50_ms"), p99_ms: of("p99_ms"), failed };
}

async function load(bad, seconds) {
  const [quick, ...others] = ["quick", ...BAD].map((app) => join(APPS, app));
  const command = serveCommand(quick, dataDirectory("neighbours"));
  const server = await startServer("neighbours", (port) => [
    ...command(port),
    ...others,
    `--config=${join(APPS, "orilla.toml")}`,
  ]);
  const stop = new AbortController();
  try {
    await steadyFor(server.url, [{ app: "quick" }], WARM_UP.perSecond, WARM_UP.seconds);
    const pests = bad.map((app) => pester(server.url, app, stop.signal));
    await pause(1_000);
    const figures = await steadyFor(server.url, [{ app: "quick" }], REQUESTS_PER_SECOND, seconds);
    stop.abort();
    await Promise.all(pests);
    return figures;
  } finally {
    stop.abort();
    await server.stop();
  }
}

/** Asks an app again and again. */
async function pester(url, app, signal) {
  while (!signal.aborted) await ask(url, { app }, { signal }).catch(() => pause(10));
}
