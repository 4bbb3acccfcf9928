// fetch, against the routes in peer.js.
import { assert, assertEquals, assertThrows, test } from "./harness.js";

test("a GET", async ({ origin }) => {
  const response = await fetch(`${origin}/peer/echo?q#f`);
  assertEquals([response.status, response.ok, response.redirected], [200, true, false]);
  assertEquals([response.url, response.headers.get("x-method")], [`${origin}/peer/echo?q`, "GET"]);
  assertEquals(await response.text(), "");
  const sent = new Headers(JSON.parse(response.headers.get("x-headers")));
  assertEquals(sent.get("accept"), "*/*");
  assert(sent.has("accept-language") && sent.has("user-agent"), [...sent.keys()].join());
});

test("url, Request, URL object, and init over a Request", async ({ origin }) => {
  const request = new Request(`${origin}/peer/echo`, {
    method: "POST",
    body: "b",
    headers: { x: "1" },
  });
  assertEquals(await (await fetch(request.clone())).text(), "b");
  assertEquals((await fetch(new URL(`${origin}/peer/echo`))).status, 200);
  const response = await fetch(request, { method: "PUT", headers: { y: "2" } });
  const sent = new Headers(JSON.parse(response.headers.get("x-headers")));
  assertEquals(
    [response.headers.get("x-method"), sent.get("x"), sent.get("y")],
    ["PUT", null, "2"],
  );
  assert(request.bodyUsed);
});

const bodies = {
  text: () => "é",
  bytes: () => new Uint8Array([1, 2, 255]),
  blob: () => new Blob(["b"], { type: "a/b" }),
  parameters: () => new URLSearchParams({ a: "1" }),
  empty: () => "",
};

for (const [name, body] of Object.entries(bodies)) {
  test(`a POST of ${name}`, async ({ origin }) => {
    const response = await fetch(`${origin}/peer/echo`, { method: "POST", body: body() });
    const wanted = new Response(body());
    assertEquals(response.headers.get("content-type"), wanted.headers.get("content-type"));
    assertEquals(await response.bytes(), await wanted.bytes());
    const sent = new Headers(JSON.parse(response.headers.get("x-headers")));
    assert(sent.has("content-length"));
  });
}

test("a POST of a form", async ({ origin }) => {
  const body = new FormData();
  body.append("a", "1");
  body.append("f", new File(["x"], "n"));
  const form = await (await fetch(`${origin}/peer/echo`, { method: "POST", body })).formData();
  assertEquals([form.get("a"), await form.get("f").text()], ["1", "x"]);
});

test("a POST of a stream", async ({ origin }) => {
  const parts = ["a", "b", "c"].map((part) => new TextEncoder().encode(part));
  const init = { method: "POST", body: ReadableStream.from(parts), duplex: "half" };
  assertEquals(await (await fetch(`${origin}/peer/echo`, init)).text(), "abc");
});

test("statuses are no errors", async ({ origin }) => {
  for (const code of [201, 204, 304, 404, 500]) {
    const response = await fetch(`${origin}/peer/status?code=${code}`);
    assertEquals([response.status, response.ok], [code, code < 300]);
    assertEquals(response.body === null, [204, 304].includes(code), `body of ${code}`);
  }
});

test("redirects are followed", async ({ origin }) => {
  const response = await fetch(`${origin}/peer/redirect?to=/peer/echo%23f`);
  assertEquals(
    [response.status, response.redirected, response.url],
    [200, true, `${origin}/peer/echo`],
  );
});

test("what a redirect does to method and body", async ({ origin }) => {
  const after = async (code) => {
    const url = `${origin}/peer/redirect?code=${code}&to=${encodeURIComponent(`${origin}/peer/echo`)}`;
    const response = await fetch(url, { method: "POST", body: "b" });
    const sent = new Headers(JSON.parse(response.headers.get("x-headers")));
    return [response.headers.get("x-method"), await response.text(), sent.has("content-type")];
  };
  assertEquals(await after(301), ["GET", "", false]);
  assertEquals(await after(303), ["GET", "", false]);
  assertEquals(await after(307), ["POST", "b", true]);
  assertEquals(await after(308), ["POST", "b", true]);
});

test("redirect: manual and error", async ({ origin }) => {
  const url = `${origin}/peer/redirect?to=/peer/echo`;
  const manual = await fetch(url, { redirect: "manual" });
  assert(
    [0, 302].includes(manual.status) &&
      ["opaqueredirect", "default", "basic"].includes(manual.type),
  );
  await assertThrows(() => fetch(url, { redirect: "error" }), TypeError);
});

test("redirects without end or to nowhere fail", async ({ origin }) => {
  await assertThrows(() => fetch(`${origin}/peer/loop`), TypeError);
  for (const nowhere of ["data:,x", "http://"]) {
    const url = `${origin}/peer/redirect?to=${encodeURIComponent(nowhere)}`;
    await assertThrows(() => fetch(url), TypeError);
  }
});

test("a redirect that says not where to is the answer", async ({ origin }) => {
  for (const status of [301, 302, 303, 307, 308]) {
    const url = `${origin}/peer/redirect?code=${status}`;
    for (const redirect of ["follow", "manual"]) {
      const response = await fetch(url, { redirect });
      assertEquals([response.status, response.redirected, response.url], [status, false, url]);
      assertEquals(await response.clone().text(), "here");
      assertEquals(await response.text(), "here");
    }
    await assertThrows(() => fetch(url, { redirect: "error" }), TypeError);
    const behind = await fetch(`${origin}/peer/redirect?to=${encodeURIComponent(url)}`);
    assertEquals([behind.status, behind.redirected, await behind.text()], [status, true, "here"]);
    const head = await fetch(url, { method: "HEAD" });
    assertEquals([head.status, head.body], [status, null]);
  }
});

test("the body streams", async ({ origin }) => {
  const response = await fetch(`${origin}/peer/chunks`);
  const chunks = await Array.fromAsync(response.body.pipeThrough(new TextDecoderStream()));
  assertEquals(chunks.join(""), "chunk 3\nchunk 2\nchunk 1\n");
});

test("content-encoding is undone", async ({ origin }) => {
  assertEquals(await (await fetch(`${origin}/peer/gzip`)).text(), "unpacked");
});

test("what is handed on of an answer that was unpacked does not say that it is packed", async ({ origin }) => {
  for (const how of ["itself", "body", "text"]) {
    const response = await fetch(`${origin}/peer/copied?how=${how}`);
    assertEquals(response.headers.get("content-encoding"), null);
    assertEquals(await response.text(), how === "text" ? "unpacked text" : "unpacked");
  }
});

test("deflate is undone, with and without its frame", async ({ origin }) => {
  for (const format of ["deflate", "deflate-raw"]) {
    const url = `${origin}/peer/deflate?format=${format}`;
    const response = await fetch(url);
    assertEquals(response.headers.get("content-encoding"), "Deflate");
    assertEquals(await response.text(), "unpacked");
    assertEquals(await (await fetch(`${url}&after=more`)).text(), "unpacked");
    assertEquals(await (await fetch(`${url}&text=&times=0`)).text(), "");
    const long = await fetch(`${url}&text=0123456789&times=500000`);
    let [length, largest] = [0, 0];
    for await (const chunk of long.body) {
      length += chunk.length;
      largest = Math.max(largest, chunk.length);
    }
    assert(length === 5e6 && largest < 2e6, `${length} bytes, ${largest} at once`);
    const reader = (await fetch(url)).body.getReader({ mode: "byob" });
    assertEquals(new TextDecoder().decode((await reader.read(new Uint8Array(3))).value), "unp");
    await reader.cancel();
    const part = await fetch(url, { headers: { range: "bytes=0-" } });
    assert((await part.text()) !== "unpacked");
  }
  assertEquals(await (await fetch(`${origin}/peer/corrupt?body=`)).text(), "");
  for (const body of ["x\u0001", "not compressed"])
    await assertThrows(
      async () => (await fetch(`${origin}/peer/corrupt?body=${encodeURIComponent(body)}`)).text(),
      TypeError,
    );
});

test("cookies that are set arrive one by one", async ({ origin }) => {
  const { headers } = await fetch(`${origin}/peer/cookies`);
  assertEquals(headers.getSetCookie(), ["a=1", "b=2; Path=/"]);
});

test("abort before, while it waits, and in the body", async ({ origin }) => {
  const reason = new RangeError("enough");
  await assertThrows(
    () => fetch(`${origin}/peer/echo`, { signal: AbortSignal.abort(reason) }),
    RangeError,
  );
  await assertThrows(
    () => fetch(`${origin}/peer/echo`, { signal: AbortSignal.abort() }),
    "AbortError",
  );
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 5);
  await assertThrows(
    () => fetch(`${origin}/peer/silence`, { signal: controller.signal }),
    RangeError,
  );
  const late = new AbortController();
  const response = await fetch(`${origin}/peer/endless`, { signal: late.signal });
  const reader = response.body.getReader();
  await reader.read();
  late.abort();
  await assertThrows(() => reader.read(), "AbortError");
  await assertThrows(
    () => fetch(`${origin}/peer/silence`, { signal: AbortSignal.timeout(5) }),
    "TimeoutError",
  );
});

test("cancelling the body ends the request", async ({ origin }) => {
  const response = await fetch(`${origin}/peer/endless`);
  await response.body.cancel();
});

test("failures are TypeErrors, and rejections", async () => {
  await assertThrows(() => fetch("http://127.0.0.1:1/"), TypeError);
  await assertThrows(() => fetch("http://"), TypeError);
  await assertThrows(() => fetch("ftp://a.example/"), TypeError);
  await assertThrows(() => fetch("http://a.example/", { method: "a b" }), TypeError);
  for (const call of [() => fetch(), () => fetch("http://")]) {
    const promise = call();
    assert(promise instanceof Promise);
    await promise.catch(() => {});
  }
});

test("data: and blob: URLs", async () => {
  const response = await fetch("data:text/x;charset=utf-8;base64,w6k=");
  assertEquals(
    [response.status, response.headers.get("content-type")],
    [200, "text/x;charset=utf-8"],
  );
  assertEquals(await response.text(), "é");
  const url = URL.createObjectURL(new Blob(["blob"], { type: "a/b" }));
  const blob = await fetch(url);
  assertEquals([await blob.text(), blob.headers.get("content-type")], ["blob", "a/b"]);
  URL.revokeObjectURL(url);
  await assertThrows(() => fetch(url), TypeError);
  await assertThrows(() => fetch("data:no comma"), TypeError);
});

test("HEAD has no body", async ({ origin }) => {
  const response = await fetch(`${origin}/peer/echo`, { method: "HEAD" });
  assertEquals([response.headers.get("x-method"), await response.text()], ["HEAD", ""]);
});

test("several at a time", async ({ origin }) => {
  const bodies = Array.from({ length: 20 }, (_, i) => `body ${i}`);
  const send = async (body) =>
    (await fetch(`${origin}/peer/echo`, { method: "POST", body })).text();
  assertEquals(await Promise.all(bodies.map(send)), bodies);
});

test("integrity", async ({ origin }) => {
  const ask = async (integrity) => {
    const init = { method: "POST", body: "abc", integrity };
    return await (await fetch(`${origin}/peer/echo`, init)).text();
  };
  const weak = "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
  const strong =
    "SHA384-ywB1P0WjXou1oD1pmsZQBycsMqsO3tFjGotgWkP_W-2AhgcroefMI1i67KE0yCWn?and=options";
  const [wrongWeak, wrongStrong] = [weak, strong].map((digest) => digest.replace(/-./, "-A"));
  for (const right of [
    "",
    "md5-of-something",
    weak,
    `${wrongWeak} ${weak}`,
    `${wrongWeak}\n${strong}`,
  ])
    assertEquals(await ask(right), "abc", right);
  for (const wrong of [wrongWeak, `${weak} ${wrongStrong}`, "sha256"]) {
    const error = await ask(wrong).catch((error) => error);
    assert(error instanceof TypeError, wrong);
  }
  const asked = new Request(`${origin}/peer/echo`, { integrity: wrongWeak });
  assert((await fetch(asked).catch((error) => error)) instanceof TypeError);
});
