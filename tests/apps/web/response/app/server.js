const cookies = new Headers();
cookies.append("set-cookie", "a=1");
cookies.append("set-cookie", "b=2");

function locked(response) {
  response.body.getReader();
  return response;
}

const responses = {
  text: () => new Response("plain ü"),
  json: () => Response.json({ ok: true }, { status: 201, headers: { "x-made": "yes" } }),
  bytes: () => new Response(new Uint8Array([104, 105]), { headers: { "content-type": "application/x-bytes" } }),
  blob: () => new Response(new Blob(["<p>"], { type: "text/html" })),
  search: () => new Response(new URLSearchParams({ a: "1 2" })),
  empty: () => new Response(null, { status: 204 }),
  redirect: () => Response.redirect("http://elsewhere.example/", 303),
  cookies: () => new Response("", { headers: cookies }),
  stream: () => new Response(ReadableStream.from(["a", "b"]).pipeThrough(new TextEncoderStream())),
  async form() {
    const form = new FormData();
    form.append("file", new File(["x"], "n.bin", { type: "application/x-n" }));
    const file = (await new Response(form).formData()).get("file");
    return Response.json([file instanceof File, file.name, file.type, file.size]);
  },
  async copied() {
    const first = new Response("twice", { headers: { "x-kept": "1" } });
    return new Response((await first.clone().text()) + (await first.text()), first);
  },
  subclass() {
    class Page extends Response {}
    const page = new Page("sub");
    return new Response(String(page instanceof Response && page instanceof Page));
  },
  likeness() {
    const made = Object.create(Response.prototype);
    for (const [name, value] of Object.entries({ status: 202, headers: new Headers({ "x-made": "so" }), body: null }))
      Object.defineProperty(made, name, { value });
    return made;
  },
  frozen: () => Object.freeze(new Response("still")),
  nothing: () => undefined,
  lockedText: () => locked(new Response("x")),
  lockedJson: () => locked(Response.json({ x: 1 })),
  lockedStream: () => locked(new Response(ReadableStream.from([new Uint8Array(1)]))),
  lookedAt() {
    const response = new Response("whole");
    response.body.getReader().releaseLock();
    return response;
  },
  used() {
    const response = new Response("x");
    response.text();
    return response;
  },
};

export default {
  fetch: (request) => responses[new URL(request.url).pathname.slice(1)](),
};
