// Requests of the usual kinds, answered by a stand-in app the way frameworks do it. There is no client behind them. Returns how
// many requests there were.
(entryPoints) => {
  const encode = (text) => new TextEncoder().encode(text);
  const stream = (...chunks) =>
    new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(encode(chunk));
        controller.close();
      },
    });
  const answers = [
    () => new Response("text"),
    () => Response.json({ a: [1, "two", null] }),
    async () => new Response("html", { headers: { "content-type": "text/html" } }),
    async (request) => {
      const url = new URL(request.url);
      const headers = new Headers({ "x-path": url.pathname });
      headers.append("set-cookie", "a=1");
      url.searchParams.get("q");
      for (const part of ["hash", "host", "hostname", "href", "origin", "port", "protocol", "search"]) url[part];
      `${url}`;
      return new Response(encode(request.method), { status: 404, headers });
    },
    (_, __, ctx) => {
      ctx.waitUntil(Promise.resolve());
      return new Response(null, { status: 204 });
    },
    // What middleware does with the request (less its clone: a signal that follows another cannot be frozen),
    async (request) => {
      const { headers, signal } = request;
      headers.get("accept");
      headers.has("cookie");
      for (const [name, value] of headers) new Headers([[name, value]]);
      headers.forEach(() => {});
      Object.fromEntries(headers.entries());
      for (const [name, value] of new URL(request.url).searchParams) new URLSearchParams({ [name]: value }).toString();
      const next = new Request(request.url, { method: request.method, headers: new Headers(headers) });
      return new Response(String(signal.aborted), { status: 200, statusText: "OK", headers: { "x-url": next.url } });
    },
    // with the answer,
    async () => {
      const first = new Response("body", { headers: [["content-type", "text/plain"]] });
      const { value } = await first.clone().body.getReader().read();
      first.headers.set("etag", `"${value.slice(0).byteLength}"`);
      first.headers.delete("x-none");
      first.headers.getSetCookie();
      return new Response(first.body, first);
    },
    // with bodies,
    async () => {
      const post = (body) => new Request("http://localhost/", { method: "POST", body });
      await post("{}").json();
      await post(new URLSearchParams({ a: "1" })).text();
      await new Response(encode("bytes")).arrayBuffer();
      new TextDecoder().decode(encode("text"));
      return new Response(await new Response(stream("text")).text());
    },
    // and with streams.
    async () => {
      const upper = new TransformStream({
        transform(chunk, controller) {
          controller.enqueue(chunk);
        },
      });
      return new Response(stream("one", "two").pipeThrough(upper), { headers: { "content-type": "text/html" } });
    },
    () => new Response(atob(btoa("text"))),
    // Frameworks keep the request where all that it starts finds it. (No randomUUID here: the isolate keeps what it drew.)
    () => {
      const { AsyncLocalStorage } = process.getBuiltinModule("async_hooks");
      const storage = new AsyncLocalStorage();
      crypto.getRandomValues(new Uint8Array(16));
      return storage.run({ status: 200 }, async () => new Response("text", await storage.getStore()));
    },
    () => {
      performance.now();
      try {
        // V8's own, which it stands in for, is there after a boot only.
        queueMicrotask(() => {});
      } catch {}
      return new Response("text");
    },
    () => Promise.reject(new Error("fails")).catch((error) => new Response(error.message, { status: 500 })),
  ];
  const rounds = 3;
  for (let round = 0; round < rounds; round++) {
    answers.forEach((fetch, index) => {
      entryPoints.adopt({ default: { fetch } });
      entryPoints.dispatchFetch(round * answers.length + index + 1, "GET", "http://localhost/path?q=1", 0);
    });
  }
  return rounds * answers.length;
};
