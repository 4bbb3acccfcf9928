// What the cases with a network talk to: routes of the app that runs the suite. Each answers anybody, and keeps nothing.

/** @type {Record<string, (request: Request, url: URL) => Response | Promise<Response>>} */
const routes = {
  /** Sends back what came: the body, and method and headers in headers of its own. */
  async echo(request) {
    const headers = {
      "x-method": request.method,
      "x-headers": JSON.stringify([...request.headers]),
    };
    const type = request.headers.get("content-type");
    if (type !== null) headers["content-type"] = type;
    return new Response(request.method === "HEAD" ? null : await request.bytes(), { headers });
  },

  status(_, { searchParams }) {
    const status = Number(searchParams.get("code"));
    return new Response([204, 304].includes(status) ? null : "body", { status });
  },

  redirect(_, { searchParams }) {
    const status = Number(searchParams.get("code") ?? 302);
    const headers = searchParams.has("to") ? { location: searchParams.get("to") } : {};
    return new Response(headers.location === undefined ? "here" : null, { status, headers });
  },

  /** A redirect to itself. */
  loop: (_, { pathname }) => new Response(null, { status: 302, headers: { location: pathname } }),

  /** Three chunks, one after the other. */
  chunks() {
    const text = new TextEncoder();
    let left = 3;
    return new Response(
      new ReadableStream({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          controller.enqueue(text.encode(`chunk ${left}\n`));
          left -= 1;
          if (left === 0) controller.close();
        },
      }),
    );
  },

  /** A body that never ends. */
  endless: () =>
    new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array([46])) })),

  /** Headers that never come, until the client goes. */
  silence: (request) =>
    new Promise((resolve) => {
      request.signal.addEventListener("abort", () => resolve(new Response("gone")));
    }),

  gzip: () =>
    new Response(new Blob(["unpacked"]).stream().pipeThrough(new CompressionStream("gzip")), {
      headers: { "content-encoding": "gzip" },
    }),

  /** An answer that has been unpacked, handed on in one of three ways. */
  async copied(_, { origin, searchParams }) {
    const unpacked = await fetch(`${origin}/peer/gzip`);
    switch (searchParams.get("how")) {
      case "itself":
        return unpacked;
      case "body":
        return new Response(unpacked.body, unpacked);
      default:
        return new Response(`${await unpacked.text()} text`, unpacked);
    }
  },

  /** What `format` leaves of a text, and what comes behind it. */
  deflate(_, { searchParams }) {
    const text = (searchParams.get("text") ?? "unpacked").repeat(
      Number(searchParams.get("times") ?? 1),
    );
    const packed = new Blob([text])
      .stream()
      .pipeThrough(new CompressionStream(searchParams.get("format")));
    const body = async function* () {
      yield* packed;
      yield new TextEncoder().encode(searchParams.get("after") ?? "");
    };
    return new Response(ReadableStream.from(body()), {
      headers: { "content-encoding": "Deflate" },
    });
  },

  /** Says that it is compressed, and is not. */
  corrupt: (_, { searchParams }) =>
    new Response(searchParams.get("body"), { headers: { "content-encoding": "deflate" } }),

  cookies: () =>
    new Response("", {
      headers: [
        ["set-cookie", "a=1"],
        ["set-cookie", "b=2; Path=/"],
      ],
    }),

  /** Events, and after a reconnection the last id that the client names. */
  events(request) {
    const last = request.headers.get("last-event-id");
    const text =
      last === null
        ? "\ufeff: comment\nretry: 1\n\ndata: one\n\nevent: named\ndata: two\r\ndata:lines\nid: 7\n\ndata\n\n"
        : `data: back after ${last}\n\n`;
    return new Response(text, { headers: { "content-type": "text/event-stream" } });
  },

  /** Accepts the first subprotocol, sends back what it gets, and closes when told. */
  websocket(request) {
    const [client, server] = Object.values(new WebSocketPair());
    server.accept();
    server.addEventListener("message", ({ data }) => {
      if (data === "close") server.close(3001, "as told");
      else server.send(data);
    });
    const protocol = request.headers.get("sec-websocket-protocol")?.split(",")[0].trim();
    const headers = protocol === undefined ? {} : { "sec-websocket-protocol": protocol };
    return new Response(null, { status: 101, webSocket: client, headers });
  },
};

/**
 * @param {Request} request
 * @returns {Promise<Response>}
 */
export async function answer(request) {
  const url = new URL(request.url);
  const route = routes[url.pathname.split("/").at(-1)];
  return route === undefined ? new Response("", { status: 404 }) : await route(request, url);
}
