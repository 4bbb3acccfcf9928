// Requests of the usual kinds, answered by a stand-in app. There is no client behind them.
(entryPoints) => {
  const answers = [
    () => new Response("text"),
    () => Response.json({ a: [1, "two", null] }),
    async () => new Response("html", { headers: { "content-type": "text/html" } }),
    async (request) => {
      const url = new URL(request.url);
      const headers = new Headers({ "x-path": url.pathname });
      headers.append("set-cookie", "a=1");
      url.searchParams.get("q");
      return new Response(new TextEncoder().encode(request.method), { status: 404, headers });
    },
    (_, __, ctx) => {
      ctx.waitUntil(Promise.resolve());
      return new Response(null, { status: 204 });
    },
  ];
  for (let round = 0; round < 3; round++) {
    answers.forEach((fetch, index) => {
      entryPoints.adopt({ default: { fetch } });
      entryPoints.dispatchFetch(round * answers.length + index + 1, "GET", "http://localhost/path?q=1", 0);
    });
  }
};
