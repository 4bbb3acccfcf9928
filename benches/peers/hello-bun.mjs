// The hello example on Bun, which would listen on every address if it served the module itself.
import hello from "../../examples/hello/server.js";

Bun.serve({ fetch: hello.fetch, hostname: "127.0.0.1", port: Number(process.argv[2]) });
