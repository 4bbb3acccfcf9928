/**
 * Key-value operations per second inside one isolate: one request that keeps 64 operations under
 * way. Beside it the rate at which the same disk syncs, which bounds what durable puts can reach.
 */

import { join } from "node:path";
import { appWithSnapshot, dataDirectory, serveCommand } from "./harness/contenders.mjs";
import { syncsPerSecond } from "./harness/disk.mjs";
import { BENCHES } from "./harness/machine.mjs";
import { startServer } from "./harness/processes.mjs";
import { printTable } from "./harness/report.mjs";
import { median, round, spread } from "./harness/statistics.mjs";

const CONCURRENCY = 64;
const GETS = 200_000;
const PUTS = 40_000;
const REQUEST_TIMEOUT_MS = 120_000;

/** How often, unless the command line says otherwise. */
export const defaults = { rounds: 3 };

/**
 * @param {{ rounds: number }} options
 * @returns {Promise<{ figures: object, targets: import("./harness/report.mjs").Target[] }>}
 */
export async function measure({ rounds }) {
  const manifest = appWithSnapshot(join(BENCHES, "load/kv"), "kv");
  const data = dataDirectory("kv");
  const samples = { puts: [], gets: [], syncs: [] };
  const server = await startServer("kv", serveCommand(manifest, data));
  try {
    await operate(server, "put", PUTS / 10);
    await operate(server, "get", GETS / 10);
    for (let index = 0; index < rounds; index++) {
      samples.syncs.push(syncsPerSecond(data));
      samples.puts.push(await operate(server, "put", PUTS));
      samples.gets.push(await operate(server, "get", GETS));
    }
  } finally {
    await server.stop();
  }
  return summarize(samples);
}

/** Operations per second of one request. */
async function operate({ url }, operation, operations) {
  const query = `operations=${operations}&concurrency=${CONCURRENCY}`;
  const started = performance.now();
  const response = await fetch(`${url}${operation}?${query}`, {
    method: "POST",
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`/${operation} answers ${response.status}: ${text}`);
  if (JSON.parse(text).operations !== operations) throw new Error(`/${operation}: ${text}`);
  return operations / ((performance.now() - started) / 1000);
}

function summarize(samples) {
  const entries = Object.entries(samples).map(([name, rates]) => {
    return [name, { per_s: round(median(rates)), spread: round(spread(rates), 3) }];
  });
  const figures = Object.fromEntries(entries);
  const { puts, gets, syncs } = figures;
  puts.per_sync = round(puts.per_s / syncs.per_s, 1);
  printTable(
    `kv: ${CONCURRENCY} operations under way in one request (medians of rounds)`,
    ["", "per second", "spread"],
    [
      ["gets, cached", gets.per_s, gets.spread],
      ["puts, 100 bytes, durable", puts.per_s, puts.spread],
      ["the disk's fdatasync, 4 KiB", syncs.per_s, syncs.spread],
      ["puts for each fdatasync", puts.per_sync, undefined],
    ],
  );
  // At most the operations under way share a sync; more would mean an early acknowledgement.
  const allowed = syncs.per_s * CONCURRENCY;
  const remark = `the disk allows ${CONCURRENCY} × ${syncs.per_s} syncs/s = ${allowed}`;
  const targets = [
    { name: "cached gets/s", figure: gets.per_s, atLeast: 100_000 },
    { name: "durable puts/s", figure: puts.per_s, atLeast: 20_000, remark },
  ];
  return { figures, targets };
}
