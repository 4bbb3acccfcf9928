/**
 * The database from inside an isolate, beside the same statements issued from Rust: lookups by an index, sorted queries,
 * durable inserts. The collection that reads are compared with is large, to see what size costs.
 */

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { appWithSnapshot, dataDirectory, serveCommand } from "./harness/contenders.mjs";
import { syncsPerSecond } from "./harness/disk.mjs";
import { BENCHES } from "./harness/machine.mjs";
import { startServer } from "./harness/processes.mjs";
import { printTable } from "./harness/report.mjs";
import { median, round, spread } from "./harness/statistics.mjs";

const SMALL = 100_000;
/** Documents that one request stores. */
const FILL = 200_000;
const OPERATIONS = 20_000;
const INSERTS = 20_000;
/** Inserts one after the other: each waits for the disk. */
const SINGLE_INSERTS = 2_000;
const CONCURRENCY = 64;
const REQUEST_TIMEOUT_MS = 3_600_000;

/** How often, and how large the large collection is, unless the command line says otherwise. */
export const defaults = { rounds: 3, documents: 1_000_000 };

/**
 * @param {{ rounds: number, documents: number }} options
 * @returns {Promise<{ figures: object, targets: import("./harness/report.mjs").Target[] }>}
 */
export async function measure({ rounds, documents }) {
  const manifest = appWithSnapshot(join(BENCHES, "load/database"), "database");
  const data = dataDirectory("database");
  const samples = { find: [], findLarge: [], query: [], insert: [], inserts: [], syncs: [] };
  const server = await startServer("database", serveCommand(manifest, data));
  let filled;
  try {
    await fill(server, "small", SMALL);
    filled = await fill(server, "large", documents);
    const reads = { operations: OPERATIONS, concurrency: 1 };
    await ask(server, "find", { ...reads, collection: "small", documents: SMALL });
    await ask(server, "insert", { ...reads, collection: "warm-up", documents: 0 });
    for (let index = 0; index < rounds; index++) {
      const small = { collection: "small", documents: SMALL };
      samples.syncs.push(syncsPerSecond(data));
      samples.find.push(await ask(server, "find", { ...reads, ...small }));
      samples.findLarge.push(
        await ask(server, "find", { ...reads, collection: "large", documents }),
      );
      samples.query.push(await ask(server, "query", { ...reads, ...small }));
      const inserts = { collection: `inserts${index}`, documents: 0 };
      samples.insert.push(
        await ask(server, "insert", { ...inserts, operations: SINGLE_INSERTS, concurrency: 1 }),
      );
      samples.inserts.push(
        await ask(server, "insert", { ...inserts, operations: INSERTS, concurrency: CONCURRENCY }),
      );
    }
  } finally {
    await server.stop();
  }
  const file = join(data, "databases/database-load/database-load.db");
  const program = statementsProgram();
  const peers = Array.from({ length: rounds }, () => statements(program, file));
  return summarize(samples, peers, { documents, filled_per_s: round(documents / filled.seconds) });
}

/** Fills a collection, in requests that each take seconds; how long all of them took. */
async function fill(server, collection, documents) {
  let seconds = 0;
  for (let from = 0; from < documents; from += FILL) {
    const until = Math.min(from + FILL, documents);
    seconds += (await ask(server, "fill", { collection, from, documents: until })).seconds;
  }
  return { seconds };
}

/** Runs operations in one request. */
async function ask({ url }, path, query) {
  const response = await fetch(`${url}${path}?${new URLSearchParams(query)}`, {
    method: "POST",
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`/${path} answers ${response.status}: ${text}`);
  return { ...JSON.parse(text), operations: query.operations };
}

/** The program that issues the same statements from Rust, built if need be. */
function statementsProgram() {
  const build = [
    "build",
    "--release",
    "--locked",
    "--quiet",
    "--workspace",
    "--example",
    "sqlite_statements",
  ];
  execFileSync("cargo", build, { cwd: join(BENCHES, ".."), stdio: "inherit" });
  return join(
    process.env.CARGO_TARGET_DIR ?? join(BENCHES, "../target"),
    "release/examples/sqlite_statements",
  );
}

/** What it reaches on a file. */
function statements(program, file) {
  return JSON.parse(
    execFileSync(program, [file, "small", String(SMALL), String(OPERATIONS)], { encoding: "utf8" }),
  );
}

function summarize(samples, peers, large) {
  const rates = (name) => samples[name].map(({ operations, seconds }) => operations / seconds);
  const figure = (values) => ({ per_s: round(median(values)), spread: round(spread(values), 3) });
  const figures = {
    find: figure(rates("find")),
    find_large: figure(rates("findLarge")),
    insert: figure(rates("insert")),
    inserts: figure(rates("inserts")),
    sqlx_find: figure(peers.map(({ sqlx }) => sqlx.find_per_s)),
    bare_find: figure(peers.map(({ bare }) => bare.find_per_s)),
    sqlx_insert: figure(peers.map(({ sqlx }) => sqlx.insert_per_s)),
    bare_insert: figure(peers.map(({ bare }) => bare.insert_per_s)),
    syncs: figure(samples.syncs),
    query_p50_us: round(median(samples.query.map(({ p50_us }) => p50_us))),
    large,
  };
  const line = (name, { per_s, spread }) => [name, per_s, spread];
  printTable(
    `database: operations per second in one isolate, ${SMALL} documents (medians of rounds)`,
    ["", "per second", "spread"],
    [
      line("findOne by an index", figures.find),
      line("the same statement through sqlx, from Rust", figures.sqlx_find),
      line("the same statement, prepared, from Rust", figures.bare_find),
      line(`findOne among ${large.documents} documents`, figures.find_large),
      line("insertOne, one after the other, durable", figures.insert),
      line("an insert through sqlx", figures.sqlx_insert),
      line("an insert, prepared", figures.bare_insert),
      line(`insertOne, ${CONCURRENCY} under way, durable`, figures.inserts),
      line("the disk's fdatasync, 4 KiB", figures.syncs),
    ],
  );
  const targets = [
    {
      name: "findOne / sqlx",
      figure: round(figures.find.per_s / figures.sqlx_find.per_s, 2),
      atLeast: 0.7,
    },
    {
      name: "insertOne / sqlx",
      figure: round(figures.insert.per_s / figures.sqlx_insert.per_s, 2),
      atLeast: 0.7,
    },
    {
      name: "filter + sort + limit, p50 ms",
      figure: round(figures.query_p50_us / 1000, 3),
      atMost: 1,
    },
    { name: "durable inserts/s", figure: figures.inserts.per_s, atLeast: 5_000 },
    {
      name: `findOne of ${SMALL} / of ${large.documents}`,
      figure: round(figures.find.per_s / figures.find_large.per_s, 2),
      atMost: 2,
    },
  ];
  return { figures, targets };
}
