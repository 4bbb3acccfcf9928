/**
 * The runtime beside its peers, each serving the same routes and the same SvelteKit page: rate,
 * latency, memory and CPU time under wrk, then cold starts. Nothing is compared across runs.
 */

import { measureHello } from "./cold-start.mjs";
import { STATIC_FILE, peerServers } from "./harness/peer-apps.mjs";
import { startServer } from "./harness/processes.mjs";
import { printTable } from "./harness/report.mjs";
import { median, round, spread } from "./harness/statistics.mjs";
import { usage } from "./harness/usage.mjs";
import { CONNECTIONS, PLACEMENTS, load, warmUp } from "./harness/wrk.mjs";

const CHECK_TIMEOUT_MS = 10_000;
const JSON_TEXT = JSON.stringify({
  id: 42,
  name: "Ada Lovelace",
  tags: ["engine", "notes", "numbers"],
  address: { street: "12 St James's Square", city: "London", verified: true },
  scores: [1.5, 2.25, 3, null],
});
const VALUE = "v".repeat(100);

/**
 * What is asked of every server that has the app.
 *
 * @typedef {object} Workload
 * @property {"routes" | "sveltekit"} app
 * @property {string} path
 * @property {string | RegExp} body the response's; a pattern where it differs between responses
 * @property {string} [json] to POST, instead of a GET
 * @property {string} [stored] is PUT under the path first
 * @property {string[]} [without] servers that have no such route
 */

/**
 * Two are not like for like, and have no target: the runtime answers "static 10 kB" and "KV get"
 * from memory, where the peers read a file and query a database.
 *
 * @type {Record<string, Workload>}
 */
const WORKLOADS = {
  hello: { app: "routes", path: "", body: "Hello from Orilla\n" },
  "JSON echo": { app: "routes", path: "echo", json: JSON_TEXT, body: JSON_TEXT },
  "1 MiB stream": { app: "routes", path: "stream", body: "s".repeat(1024 * 1024) },
  "static 10 kB": { app: "routes", path: STATIC_FILE.name, body: STATIC_FILE.text },
  "KV get": { app: "routes", path: "kv", stored: VALUE, body: VALUE, without: ["workerd"] },
  "SvelteKit page": { app: "sveltekit", path: "sverdle", body: /<title>Sverdle<.*<\/html>\s*$/s },
};

/** `atLeast`: the runtime's rate over the peer's. */
const TARGETS = [
  ...["hello", "JSON echo"].flatMap((workload) => [
    { workload, placement: "unpinned", peer: "deno --parallel", atLeast: 1.2, lowerP99: true },
    { workload, placement: "unpinned", peer: "workerd", atLeast: 2, lowerP99: true },
  ]),
  { workload: "SvelteKit page", placement: "pinned", peer: "node", atLeast: 1.5 },
  { workload: "SvelteKit page", placement: "unpinned", peer: "node", atLeast: 1.5 },
];

/** How often and how long, unless the command line says otherwise. */
export const defaults = { rounds: 3, seconds: 3, runs: 10 };

/**
 * @param {{ rounds: number, seconds: number, runs: number, contenders: string[] }} options
 * @returns {Promise<{ figures: object, targets: import("./harness/report.mjs").Target[] }>}
 */
export async function measure({ rounds, seconds, runs, contenders }) {
  const samples = await measureRounds(peerServers(contenders), rounds, seconds);
  const figures = mapValues(samples, (workloads) => mapValues(workloads, summarize));
  for (const [placement, workloads] of Object.entries(figures)) {
    for (const [name, servers] of Object.entries(workloads)) print(name, placement, servers);
  }
  const cold_start = await measureHello(runs, contenders);
  return { figures: { ...figures, cold_start }, targets: targets(figures) };
}

/** Samples by placement, workload and server. Servers follow one another under the same load. */
async function measureRounds(servers, rounds, seconds) {
  const samples = {};
  for (let index = 0; index < rounds; index++) {
    for (const [placement, workload, names] of cases(servers)) {
      console.error(`round ${index + 1} of ${rounds}: ${workload}, ${placement}`);
      const byServer = ((samples[placement] ??= {})[workload] ??= {});
      for (const name of names) {
        const command = servers[name][WORKLOADS[workload].app];
        const sample = await sampleOf(name, command, workload, placement, seconds);
        (byServer[name] ??= []).push(sample);
      }
    }
  }
  return samples;
}

/** Each placement of each workload, with the servers that take part in it. */
function cases(servers) {
  const names = ({ app, without = [] }) =>
    Object.keys(servers).filter((name) => servers[name][app] && !without.includes(name));
  return Object.keys(PLACEMENTS)
    .flatMap((placement) =>
      Object.entries(WORKLOADS).map(([name, workload]) => [placement, name, names(workload)]),
    )
    .filter(([, , names]) => names.length > 0);
}

/** One load on a process of its own, so that its memory is that of this workload. */
async function sampleOf(name, command, workload, placementName, seconds) {
  const placement = PLACEMENTS[placementName];
  const { path, json } = WORKLOADS[workload];
  const server = await startServer(name, (port) => [...placement.server, ...command(port)]);
  try {
    const url = server.url + path;
    await check(url, WORKLOADS[workload]);
    warmUp(placement, url, json);
    const before = usage(server.pid);
    const measured = load(placement, url, seconds, json);
    const after = usage(server.pid);
    const cpuPerRequest = (after.cpuSeconds - before.cpuSeconds) / measured.requests;
    return { ...measured, rssBytes: after.rssBytes, cpuPerRequest };
  } catch (error) {
    throw new Error(`${workload}, ${placementName}, ${name}: ${error.message}`);
  } finally {
    await server.stop();
  }
}

/** That a server answers right, before the load, under which only the status is seen. */
async function check(url, { json, stored, body }) {
  const signal = AbortSignal.timeout(CHECK_TIMEOUT_MS);
  const ask = async (options) => {
    const response = await fetch(url, { ...options, signal });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`answers ${response.status}: ${text}`);
    return text;
  };
  if (stored !== undefined) await ask({ method: "PUT", body: stored });
  const headers = { "content-type": "application/json" };
  const text = await ask(json === undefined ? {} : { method: "POST", headers, body: json });
  const right = typeof body === "string" ? text === body : body.test(text);
  if (!right) throw new Error(`answers what it should not: ${text.slice(0, 200)}`);
}

/** Figures of one workload by server. Ratios are the runtime's figure over the server's own. */
function summarize(samples) {
  const { runtime } = samples;
  return mapValues(samples, (own) => {
    const middle = (field) => median(own.map((sample) => sample[field]));
    // Taken within each round, whose servers had the same minute, and only then the median.
    const ratio = (field) =>
      runtime &&
      round(median(own.map((sample, index) => runtime[index][field] / sample[field])), 3);
    return {
      requests_per_s: round(middle("perSecond")),
      spread: round(spread(own.map((sample) => sample.perSecond)), 3),
      rate_ratio: ratio("perSecond"),
      p50_ms: round(middle("p50"), 3),
      p99_ms: round(middle("p99"), 3),
      p99_ratio: ratio("p99"),
      rss_mb: round(middle("rssBytes") / 1e6, 1),
      cpu_s_per_10k: round(middle("cpuPerRequest") * 10_000, 3),
    };
  });
}

function print(workload, placement, servers) {
  const columns = ["requests/s", "spread", "rate ×", "p50 ms", "p99 ms", "p99 ×", "RSS MB"];
  const rows = Object.entries(servers).map(([name, values]) => [name, ...Object.values(values)]);
  printTable(
    `${workload}, ${placement}, ${CONNECTIONS} connections (medians; ×: the runtime's over it)`,
    ["", ...columns, "CPU s/10k"],
    rows,
  );
}

/** What the runtime must reach, of those contenders that were measured. */
function targets(figures) {
  return TARGETS.flatMap(({ workload, placement, peer, atLeast, lowerP99 }) => {
    const measured = figures[placement][workload]?.[peer];
    if (measured?.rate_ratio === undefined) return [];
    const name = `${workload}, ${placement}: runtime / ${peer}`;
    const rate = { name: `${name}, requests/s`, figure: measured.rate_ratio, atLeast };
    const p99 = { name: `${name}, p99`, figure: measured.p99_ratio, atMost: 1 };
    return lowerP99 ? [rate, p99] : [rate];
  });
}

function mapValues(object, map) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));
}
