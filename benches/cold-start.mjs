/**
 * How long a request waits for an app that is not there yet: in a running host (the runtime's own
 * bench), and from exec of a whole process to the first byte of its response, beside the peers.
 */

import { join } from "node:path";
import { appWithSnapshot, helloServers, runtime } from "./harness/contenders.mjs";
import { ROOT } from "./harness/machine.mjs";
import { startServer } from "./harness/processes.mjs";
import { printTable } from "./harness/report.mjs";
import { percentile, round } from "./harness/statistics.mjs";

/** What `runtime bench cold-start` may take for one run; its own limits end a run long before. */
const RUN_TIMEOUT_MS = 2_000;
const WAYS = ["prewarmed_ms", "snapshot_ms", "code_cache_ms", "plain_ms", "process_ms"];

/** How often, unless the command line says otherwise. */
export const defaults = { runs: 30 };

/**
 * @param {{ runs: number, contenders: string[] }} options
 * @returns {Promise<{ figures: object, targets: import("./harness/report.mjs").Target[] }>}
 */
export async function measure({ runs, contenders }) {
  const { processes, hello } = await measureHello(runs, contenders);
  if (!hello) return { figures: { processes }, targets: [] };
  const sveltekit = measureApp("sveltekit", join(ROOT, "examples/sveltekit/build"), runs);
  return {
    figures: { processes, hello, sveltekit },
    targets: [...appTargets(hello, sveltekit), ...processTargets(processes)],
  };
}

/**
 * The example hello: every contender's process and, if the runtime is among them, its isolate.
 *
 * @param {number} runs
 * @param {string[]} contenders
 * @returns {Promise<{ processes: object, hello?: object }>}
 */
export async function measureHello(runs, contenders) {
  const processes = await measureProcesses(helloServers(contenders), runs);
  printProcesses(processes);
  if (!contenders.includes("runtime")) return { processes };
  return { processes, hello: measureApp("hello", join(ROOT, "examples/hello"), runs) };
}

/** Starts every contender once per run. The first run only fills the page cache. */
async function measureProcesses(servers, runs) {
  const samples = Object.fromEntries(Object.keys(servers).map((name) => [name, []]));
  for (let index = 0; index <= runs; index++) {
    for (const [name, command] of Object.entries(servers)) {
      const server = await startServer(name, command);
      await server.stop();
      if (index > 0) samples[name].push(server.startMs);
    }
  }
  const entries = Object.entries(samples).map(([name, times]) => [name, quantiles(times)]);
  return Object.fromEntries(entries);
}

function quantiles(times) {
  return { p50: round(percentile(times, 0.5), 2), p95: round(percentile(times, 0.95), 2) };
}

/** Ways that are not open to an app are left out. */
function measureApp(name, directory, runs) {
  const manifest = appWithSnapshot(directory, `${name}-cold`);
  const timeoutMs = runs * WAYS.length * RUN_TIMEOUT_MS;
  const args = ["bench", "cold-start", manifest, "--runs", `${runs}`, "--json"];
  const figures = JSON.parse(runtime(args, timeoutMs));
  const ways = WAYS.filter((way) => figures[way]);
  printTable(
    `${name}: from no isolate to the first byte, in a running host (process_ms: from exec)`,
    ["", "p50 ms", "p95 ms"],
    ways.map((way) => [way, figures[way].p50, figures[way].p95]),
  );
  return figures;
}

function printProcesses(processes) {
  const { runtime } = processes;
  const rows = Object.entries(processes).map(([name, { p50, p95 }]) => {
    return [name, p50, p95, runtime && round(p50 / runtime.p50, 2)];
  });
  printTable("hello: exec to first byte", ["", "p50 ms", "p95 ms", "to runtime"], rows);
}

function appTargets(hello, sveltekit) {
  const ways = [hello.prewarmed_ms, hello.snapshot_ms].filter(Boolean);
  const best = Math.min(...ways.map((way) => way.p50));
  const snapshot = sveltekit.snapshot_ms?.p50;
  const faster = snapshot && round(sveltekit.plain_ms.p50 / snapshot, 2);
  return [
    { name: "hello, best of snapshot and prewarmed p50, ms", figure: best, atMost: 4 },
    { name: "hello, the same, ms (goal)", figure: best, atMost: 2 },
    { name: "hello, snapshot p50, ms", figure: hello.snapshot_ms?.p50, atMost: 7 },
    { name: "sveltekit, plain p50 / snapshot p50", figure: faster, atLeast: 5 },
    { name: "sveltekit, snapshot p50, ms", figure: snapshot, atMost: 15 },
  ];
}

function processTargets({ runtime, ...peers }) {
  const bounds = { deno: 0.5, workerd: 0.5, bun: 1 };
  const measured = Object.keys(bounds).filter((peer) => peers[peer]);
  return measured.map((peer) => {
    const name = `process, runtime p50 / ${peer} p50${peer === "bun" ? " (goal)" : ""}`;
    return { name, figure: round(runtime.p50 / peers[peer].p50, 3), atMost: bounds[peer] };
  });
}
