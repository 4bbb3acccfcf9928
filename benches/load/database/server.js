/**
 * Many database operations within one request: `POST /fill`, `/find`, `/query`, `/insert`, with the query parameters
 * `collection`, `documents` (how many the collection has; `/fill` adds those `from` a number on), `operations` and `concurrency` (how many are under way at a
 * time). Answers with the seconds that they took, and with the median of a single one in microseconds.
 */

import { getPlatform } from "@orilla/platform";

const { DB } = getPlatform();

const BATCH = 5_000;
const GROUPS = 100;
const TEXT = "t".repeat(100);
const MAX_OPERATIONS = 20_000_000;
const MAX_CONCURRENCY = 1_024;

/** A different document for each number, in an order that is not that of the numbers. */
function document(number) {
  const mixed = (number * 2_654_435_761) % 4_294_967_296;
  return { key: `key:${number}`, group: number % GROUPS, at: mixed, text: TEXT };
}

const operations = {
  "/find": async (collection, documents) => {
    const key = `key:${Math.floor(Math.random() * documents)}`;
    const found = await DB.findOne(collection, { key });
    if (found?.key !== key) throw new Error(`${key} is not there`);
  },
  "/query": async (collection) => {
    const group = Math.floor(Math.random() * GROUPS);
    const found = await DB.find(
      collection,
      { group, at: { $gt: 0 } },
      { sort: { at: -1 }, limit: 20 },
    );
    if (found.length !== 20) throw new Error(`${found.length} documents of group ${group}`);
  },
  "/insert": (collection, _, number) => DB.insertOne(collection, document(number)),
};

async function fill(collection, from, until) {
  await DB.createIndex(collection, { keys: { key: 1 } });
  await DB.createIndex(collection, {
    keys: [
      ["group", 1],
      ["at", -1],
    ],
  });
  for (let number = from; number < until; number += BATCH) {
    const length = Math.min(BATCH, until - number);
    await DB.insertMany(
      collection,
      Array.from({ length }, (_, place) => document(number + place)),
    );
  }
}

export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/") return new Response("ready\n");
    const collection = searchParams.get("collection");
    const documents = Number(searchParams.get("documents"));
    const started = performance.now();
    if (pathname === "/fill") {
      await fill(collection, Number(searchParams.get("from")), documents);
      return Response.json({ seconds: (performance.now() - started) / 1000 });
    }
    const operation = operations[pathname];
    if (!operation)
      return new Response("there is /fill, /find, /query and /insert\n", { status: 404 });
    const count = Math.min(Number(searchParams.get("operations")), MAX_OPERATIONS);
    const concurrency = Math.min(Number(searchParams.get("concurrency")), MAX_CONCURRENCY);
    const times = await run(
      (number) => operation(collection, documents, number),
      count,
      concurrency,
    );
    const seconds = (performance.now() - started) / 1000;
    return Response.json({ seconds, p50_us: times.sort()[times.length >> 1] * 1000 });
  },
};

/** Calls `operation` with 0, 1, … `count - 1`, always `concurrency` at a time; the milliseconds that each took. */
async function run(operation, count, concurrency) {
  const times = new Float64Array(count);
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const number = next++;
      const started = performance.now();
      await operation(number);
      times[number] = performance.now() - started;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return times;
}
