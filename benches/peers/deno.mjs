// The routes for `deno serve`. With --parallel each worker opens the same key-value file.
import { echo, hello, router, stream } from "./handlers.mjs";

const kv = await Deno.openKv(Deno.env.get("KV_FILE"));
const file = Deno.env.get("STATIC_FILE");

export default {
  fetch: router({
    "GET /": hello,
    "POST /echo": echo,
    "GET /stream": stream,
    "GET /10k.txt": async () => new Response(await Deno.readFile(file)),
    "GET /kv": async () => new Response((await kv.get(["key"])).value),
    "PUT /kv": async (request) => {
      await kv.set(["key"], await request.text());
      return new Response();
    },
  }),
};
