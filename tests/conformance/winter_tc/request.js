// Request.
import { assert, assertEquals, assertThrows, differs, test } from "./harness.js";

const URL_TEXT = "https://a.example/p?q#f";

test("what a plain one has", () => {
  const request = new Request("https://A.example/p?q#f");
  assertEquals(
    [request.url, request.method, request.redirect, request.bodyUsed, request.body],
    [URL_TEXT, "GET", "follow", false, null],
  );
  assertEquals([[...request.headers], request.signal.aborted], [[], false]);
  assert(request.signal instanceof AbortSignal && request.signal === request.signal);
  assert(request.headers === request.headers);
});

test("what stands for the page it is not in", () => {
  const request = new Request(URL_TEXT);
  assertEquals(
    [request.mode, request.credentials, request.cache, request.referrer, request.referrerPolicy],
    ["cors", "same-origin", "default", "about:client", ""],
  );
  assertEquals(
    [request.integrity, request.keepalive, request.destination, request.duplex],
    ["", false, "", "half"],
  );
});

test("methods", async () => {
  const method = (name) => new Request(URL_TEXT, { method: name }).method;
  assertEquals(["get", "Post", "pUT", "delete", "options", "head"].map(method), [
    ...["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"],
  ]);
  assertEquals(["patch", "Custom"].map(method), ["patch", "Custom"]);
  for (const bad of ["", "a b", "CONNECT", "trace", "TRACK", "é"])
    await assertThrows(() => method(bad), TypeError);
});

test("URLs it does not take", async () => {
  for (const bad of ["", "http://", "/relative"])
    await assertThrows(() => new Request(bad), TypeError);
  await assertThrows(() => new Request(), TypeError);
  assertEquals(new Request(new URL(URL_TEXT)).url, URL_TEXT);
});

const bodies = {
  text: [() => "é", "text/plain;charset=UTF-8", "é"],
  bytes: [() => new Uint8Array([104, 105]), null, "hi"],
  buffer: [() => new Uint8Array([104, 105]).buffer, null, "hi"],
  view: [() => new DataView(new Uint8Array([104, 105]).buffer, 1), null, "i"],
  blob: [() => new Blob(["b"], { type: "a/b" }), "a/b", "b"],
  "blob without type": [() => new Blob(["b"]), null, "b"],
  parameters: [
    () => new URLSearchParams({ a: "ä" }),
    "application/x-www-form-urlencoded;charset=UTF-8",
    "a=%C3%A4",
  ],
  number: [() => 7, "text/plain;charset=UTF-8", "7"],
};

for (const [name, [body, type, text]] of Object.entries(bodies)) {
  test(`a body of ${name}`, async () => {
    const request = new Request(URL_TEXT, { method: "POST", body: body() });
    assertEquals(request.headers.get("content-type"), type);
    assert(request.body instanceof ReadableStream);
    assertEquals([await request.text(), request.bodyUsed], [text, true]);
    await assertThrows(() => request.text(), TypeError);
  });
}

test("a body of an array is its text", async () => {
  const request = new Request("http://a/", { method: "POST", body: [1, 2] });
  assertEquals(request.headers.get("content-type"), "text/plain;charset=UTF-8");
  assertEquals(await request.text(), "1,2");
});

test("a body of a stream", async () => {
  const body = ReadableStream.from([new Uint8Array([104, 105])]);
  const request = new Request(URL_TEXT, { method: "POST", body, duplex: "half" });
  assertEquals([request.duplex, await request.text()], ["half", "hi"]);
});

const lenient =
  "Request takes a user in the URL, a stream without `duplex`, and any `window` and `duplex`";

differs(lenient, "a user in the URL", () =>
  assertThrows(() => new Request("https://user@a.example/"), TypeError),
);

differs(lenient, "a stream without duplex", () => {
  const init = { method: "POST", body: ReadableStream.from([]) };
  return assertThrows(() => new Request(URL_TEXT, init), TypeError);
});

differs(lenient, "window", () =>
  assertThrows(() => new Request(URL_TEXT, { window: 1 }), TypeError),
);

differs(lenient, "duplex", () =>
  assertThrows(() => new Request(URL_TEXT, { duplex: "x" }), TypeError),
);

test("GET and HEAD have no body", async () => {
  await assertThrows(() => new Request(URL_TEXT, { body: "x" }), TypeError);
  await assertThrows(() => new Request(URL_TEXT, { method: "HEAD", body: "" }), TypeError);
  assertEquals(new Request(URL_TEXT, { body: null }).body, null);
});

test("json, arrayBuffer, bytes, blob", async () => {
  const make = (body) =>
    new Request(URL_TEXT, { method: "POST", body, headers: { "Content-Type": "A/b" } });
  assertEquals(await make('{"a":[1]}').json(), { a: [1] });
  await assertThrows(() => make("{").json(), SyntaxError);
  assertEquals(await make(new TextEncoder().encode("\ufeffx")).text(), "x");
  assertEquals((await make("hi").arrayBuffer()).byteLength, 2);
  assertEquals(await make("hi").bytes(), new Uint8Array([104, 105]));
  const blob = await make("hi").blob();
  assertEquals([blob.type, blob.size], ["a/b", 2]);
  assertEquals(await new Request(URL_TEXT).text(), "");
  await assertThrows(() => new Request(URL_TEXT).json(), SyntaxError);
});

test("from another: everything is taken, the body moves, init overrides", async () => {
  const first = new Request(URL_TEXT, { method: "POST", body: "b", headers: { x: "1" } });
  const second = new Request(first, { headers: { y: "2" }, method: "PUT" });
  assertEquals([second.url, second.method, [...second.headers.keys()]], [URL_TEXT, "PUT", ["y"]]);
  assertEquals([first.bodyUsed, await second.text()], [true, "b"]);
  await assertThrows(() => new Request(first), TypeError);
});

test("clone", async () => {
  const request = new Request(URL_TEXT, { method: "POST", body: "b", headers: { x: "1" } });
  const clone = request.clone();
  clone.headers.set("x", "2");
  assertEquals(
    [request.headers.get("x"), await clone.text(), request.bodyUsed, await request.text()],
    ["1", "b", false, "b"],
  );
  await assertThrows(() => request.clone(), TypeError);
});

test("its signal follows the one it was given", () => {
  const controller = new AbortController();
  const request = new Request(URL_TEXT, { signal: controller.signal });
  const clone = request.clone();
  controller.abort("why");
  assertEquals([request.signal.reason, clone.signal.reason], ["why", "why"]);
  assertEquals(new Request(request, { signal: null }).signal.aborted, false);
});

test("values of init that are none", async () => {
  for (const init of [
    { redirect: "x" },
    { mode: "navigate" },
    { credentials: "x" },
    { cache: "x" },
    { signal: 1 },
  ])
    await assertThrows(() => new Request(URL_TEXT, init), TypeError);
});

test("a reader on the body locks it", async () => {
  const request = new Request(URL_TEXT, { method: "POST", body: "b" });
  const reader = request.body.getReader();
  assertEquals(request.bodyUsed, false);
  await assertThrows(() => request.text(), TypeError);
  await assertThrows(() => request.clone(), TypeError);
  reader.releaseLock();
  assertEquals(await request.text(), "b");
});
