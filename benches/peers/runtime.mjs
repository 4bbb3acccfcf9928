// The routes as an app of the runtime, whose front end serves /10k.txt from the static directory.
import { getPlatform } from "@orilla/platform";
import { echo, hello, router, stream } from "./handlers.mjs";

const { bench } = getPlatform().KV;

export default {
  fetch: router({
    "GET /": hello,
    "POST /echo": echo,
    "GET /stream": stream,
    "GET /kv": async () => new Response(await bench.get("key")),
    "PUT /kv": async (request) => {
      await bench.put("key", await request.text());
      return new Response();
    },
  }),
};
