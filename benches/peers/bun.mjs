// The routes on Bun, which has SQLite where others have a key-value store.
import { Database } from "bun:sqlite";
import { echo, hello, router, stream } from "./handlers.mjs";

const database = new Database(process.env.KV_FILE);
database.run("PRAGMA journal_mode = WAL");
database.run("CREATE TABLE IF NOT EXISTS kv (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID");
const get = database.query("SELECT value FROM kv WHERE key = ?");
const put = database.query("INSERT OR REPLACE INTO kv VALUES (?, ?)");
const file = process.env.STATIC_FILE;

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.env.PORT),
  fetch: router({
    "GET /": hello,
    "POST /echo": echo,
    "GET /stream": stream,
    "GET /10k.txt": () => new Response(Bun.file(file)),
    "GET /kv": () => new Response(get.get("key").value),
    "PUT /kv": async (request) => {
      put.run("key", await request.text());
      return new Response();
    },
  }),
});
