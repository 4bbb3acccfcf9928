/**
 * Runs many key-value operations within one request: `POST /put` and `POST /get`, with the query
 * parameters `operations` and `concurrency` (how many are under way at a time).
 */

import { getPlatform } from "@orilla/platform";

const KEYS = 1_000;
const VALUE = "v".repeat(100);
const MAX_OPERATIONS = 10_000_000;
const MAX_CONCURRENCY = 1_024;

const namespace = getPlatform().KV.load;

const operationsByPath = {
  "/put": (index) => namespace.put(key(index), VALUE),
  "/get": async (index) => {
    const value = await namespace.get(key(index));
    if (value !== VALUE) throw new Error(`${key(index)} holds ${JSON.stringify(value)}`);
  },
};

export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/") return new Response("ready\n");
    const operation = operationsByPath[pathname];
    if (!operation) return new Response("there is /put and /get\n", { status: 404 });
    const operations = Math.min(Number(searchParams.get("operations")), MAX_OPERATIONS);
    const concurrency = Math.min(Number(searchParams.get("concurrency")), MAX_CONCURRENCY);
    await run(operation, operations, concurrency);
    return Response.json({ operations });
  },
};

/** Calls `operation` with 0, 1, … `count - 1`, always `concurrency` of them at a time. */
async function run(operation, count, concurrency) {
  let next = 0;
  const worker = async () => {
    while (next < count) await operation(next++);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

function key(index) {
  return `key:${index % KEYS}`;
}
