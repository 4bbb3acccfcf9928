// The routes as a workerd service. It has no /kv: workerd itself keeps no values, its KV binding
// speaks to a server that one has to bring.
import { echo, hello, router, stream } from "./handlers.mjs";

export default {
  fetch: router({
    "GET /": hello,
    "POST /echo": echo,
    "GET /stream": stream,
    "GET /10k.txt": (request, { FILES }) => FILES.fetch(request),
  }),
};
