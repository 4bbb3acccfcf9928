// Response.
import { assert, assertEquals, assertThrows, differs, test } from "./harness.js";

test("what a plain one has", async () => {
  const response = new Response();
  assertEquals(
    [response.status, response.statusText, response.ok, response.type],
    [200, "", true, "default"],
  );
  assertEquals(
    [response.url, response.redirected, response.body, response.bodyUsed],
    ["", false, null, false],
  );
  assertEquals([[...response.headers], await response.text(), response.bodyUsed], [[], "", false]);
  assert(response.headers === response.headers);
});

test("status and statusText", async () => {
  const response = new Response("x", { status: 404, statusText: "Not \u00e9" });
  assertEquals([response.status, response.statusText, response.ok], [404, "Not \u00e9", false]);
  for (const status of [100, 199, 600, -1, 0])
    await assertThrows(() => new Response(null, { status }), RangeError);
  await assertThrows(() => new Response(null, { statusText: "a\n" }), TypeError);
  await assertThrows(() => new Response(null, { statusText: "€" }), TypeError);
});

test("a status without body", async () => {
  for (const status of [204, 205, 304]) {
    assertEquals(new Response(null, { status }).status, status);
    await assertThrows(() => new Response("x", { status }), TypeError);
    await assertThrows(() => new Response("", { status }), TypeError);
  }
});

test("the content type is the body's, unless it is given", () => {
  const type = (body, headers) => new Response(body, { headers }).headers.get("content-type");
  assertEquals(type("x"), "text/plain;charset=UTF-8");
  assertEquals(type(new Blob(["x"], { type: "a/b" })), "a/b");
  assertEquals(type(new Uint8Array(1)), null);
  assertEquals(type(new URLSearchParams()), "application/x-www-form-urlencoded;charset=UTF-8");
  assertEquals(type(ReadableStream.from([])), null);
  assertEquals(type("x", { "Content-Type": "c/d" }), "c/d");
  assert(type(new FormData()).startsWith("multipart/form-data; boundary="));
});

test("every way to read it", async () => {
  assertEquals(await new Response('{"a":1}').json(), { a: 1 });
  assertEquals(await new Response(new TextEncoder().encode("\ufeffé")).text(), "é");
  assertEquals(await new Response("é").bytes(), new Uint8Array([195, 169]));
  assertEquals((await new Response("é").arrayBuffer()).byteLength, 2);
  assertEquals((await new Response("é").blob()).type, "text/plain;charset=utf-8");
  assertEquals(await Array.fromAsync(new Response("a").body), [new Uint8Array([97])]);
});

differs(
  "a byte order mark stays in the text of a body made of a string",
  "a marked string",
  async () => {
    assertEquals(await new Response("\ufeffé").text(), "é");
    assertEquals(await new Response("\ufeff1").json(), 1);
  },
);

test("what is no body of its own kind is text", async () => {
  for (const body of [[1, 2], [], [new Uint8Array(1)], new Set([1]), { toString: () => "own" }, 1])
    assertEquals(await new Response(body).text(), `${body}`);
  const stream = async function* () {
    yield new Uint8Array([97]);
  };
  assertEquals(await new Response(stream()).text(), "a");
});

test("a body is read once", async () => {
  const response = new Response("x");
  await response.text();
  assert(response.bodyUsed);
  for (const read of ["text", "json", "bytes", "arrayBuffer", "blob", "formData"])
    await assertThrows(() => response[read](), TypeError);
  await assertThrows(() => response.clone(), TypeError);
});

test("a stream that is locked or disturbed is no body", async () => {
  const locked = new ReadableStream();
  locked.getReader();
  await assertThrows(() => new Response(locked), TypeError);
  const disturbed = ReadableStream.from(["x"]);
  const reader = disturbed.getReader();
  await reader.read();
  reader.releaseLock();
  await assertThrows(() => new Response(disturbed), TypeError);
});

test("a stream must yield bytes", async () => {
  await assertThrows(() => new Response(ReadableStream.from(["text"])).text(), TypeError);
  const failing = new ReadableStream({ pull: (c) => c.error(new RangeError("source")) });
  await assertThrows(() => new Response(failing).text(), RangeError);
});

test("clone tees the body", async () => {
  const response = new Response("x", { status: 201, headers: { a: "b" } });
  const clone = response.clone();
  assertEquals(
    [clone.status, clone.headers.get("a"), await clone.text(), await response.text()],
    [201, "b", "x", "x"],
  );
});

test("Response.json", async () => {
  const response = Response.json({ a: [1] }, { status: 201, headers: { x: "y" } });
  assertEquals([response.status, response.headers.get("content-type")], [201, "application/json"]);
  assertEquals([await response.text(), response.headers.get("x")], ['{"a":[1]}', "y"]);
  assertEquals(
    Response.json(1, { headers: { "content-type": "a/b" } }).headers.get("content-type"),
    "a/b",
  );
  await assertThrows(() => Response.json(undefined), TypeError);
  await assertThrows(() => Response.json(Symbol("s")), TypeError);
  await assertThrows(() => Response.json(1, { status: 204 }), TypeError);
  const circular = {};
  circular.self = circular;
  await assertThrows(() => Response.json(circular), TypeError);
});

test("Response.redirect", async () => {
  const response = Response.redirect("https://a.example/ö", 303);
  assertEquals(
    [response.status, response.headers.get("location")],
    [303, "https://a.example/%C3%B6"],
  );
  assertEquals([Response.redirect("https://a.example/").status, response.body], [302, null]);
  await assertThrows(() => response.headers.set("a", "b"), TypeError);
  await assertThrows(() => Response.redirect("https://a.example/", 200), RangeError);
  await assertThrows(() => Response.redirect("http://"), TypeError);
});

test("Response.error", () => {
  const response = Response.error();
  assertEquals(
    [response.type, response.status, response.ok, response.body],
    ["error", 0, false, null],
  );
});

test("subclasses", async () => {
  class Page extends Response {
    constructor(text) {
      super(text, { headers: { "content-type": "text/html" } });
    }
  }
  const page = new Page("<p>");
  assert(page instanceof Page && page instanceof Response);
  assertEquals([page.headers.get("content-type"), await page.text()], ["text/html", "<p>"]);
  class Asked extends Request {}
  assert(new Asked("https://a.example/") instanceof Request);
});
