// The client of node:http against Node's own, with a server of Node's: the same calls, and what came of them. Beneath ours is
// Node's client again; the cases under tests/ have the host's.

import assert from "node:assert/strict";
import { once } from "node:events";
import * as nodeHttp from "node:http";
import * as nodeHttps from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import test, { after, before } from "node:test";
import { ours } from "./ours.js";

const http = await ours("http");
const https = await ours("https");
const both = [http, nodeHttp];

let port;
const server = nodeHttp.createServer(async (request, response) => {
  const { pathname } = new URL(request.url, "http://x");
  if (pathname === "/never") return;
  if (pathname === "/reset") return void request.socket.destroy();
  if (pathname === "/half") {
    response.writeHead(200, { "content-length": 100 });
    response.write("half");
    setTimeout(() => response.destroy(), 20);
    return;
  }
  if (pathname === "/redirect") {
    response.writeHead(302, { location: "/echo" });
    response.end("elsewhere");
    return;
  }
  if (pathname === "/headers") {
    response.writeHead(
      200,
      [
        ["Set-Cookie", "a=1"],
        ["Set-Cookie", "b=2"],
        ["X-Twice", "1"],
        ["X-Twice", "2"],
        ["ETag", "one"],
        ["ETag", "two"],
      ].flat(),
    );
    response.end();
    return;
  }
  if (pathname === "/empty") {
    response.statusCode = 204;
    response.end();
    return;
  }
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const {
    connection,
    host,
    "content-length": length,
    "transfer-encoding": coding,
    ...headers
  } = request.headers;
  response.end(
    JSON.stringify([request.method, request.url, headers, String(Buffer.concat(chunks))]),
  );
});
before(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ({ port } = server.address());
});
after(() => {
  server.closeAllConnections();
  server.close();
});

/** The answer as far as programs look at it, and the order of the request's events. */
async function told(request) {
  const events = [];
  for (const event of ["socket", "finish", "response", "timeout", "abort", "close"])
    request.on(event, () => events.push(event));
  const closed = new Promise((resolve) => request.on("close", resolve));
  const seen = { events };
  request.on("error", ({ name, code, message }) => events.push([name, code, message]));
  request.on("response", (response) => {
    const { statusCode, statusMessage, httpVersion, headers } = response;
    const { date, connection, "keep-alive": keepAlive, ...others } = headers;
    delete others["transfer-encoding"];
    Object.assign(seen, { statusCode, statusMessage, httpVersion, headers: others, text: "" });
    seen.ofResponse = [];
    for (const event of ["aborted", "end", "close"])
      response.on(event, () => seen.ofResponse.push(event));
    response.on("error", ({ code, message }) => seen.ofResponse.push([code, message]));
    response.on("data", (chunk) => (seen.text += chunk));
  });
  await closed;
  return { ...seen, destroyed: request.destroyed, aborted: request.aborted };
}

async function same(make, ignored = []) {
  const all = await Promise.all(both.map((module) => told(make(module))));
  for (const seen of all) seen.events = seen.events.filter((event) => !ignored.includes(event));
  const [got, expected] = all;
  assert.deepEqual(got, expected, String(make));
  return got;
}

test("a request is asked for with a URL, options or both", async () => {
  const base = () => `http://127.0.0.1:${port}`;
  const auth = () => `http://user:pass%20word@127.0.0.1:${port}/echo`;
  await same((module) => module.get(`${base()}/echo?a=1`));
  await same((module) => module.get(new URL("/a/../echo?b=%2F", base())));
  await same((module) => module.get(`${base()}/x`, { path: "/other", headers: { "X-Own": "1" } }));
  await same((module) => module.get({ host: "127.0.0.1", port, path: "/a/../b%2e?q=[]" }));
  await same((module) =>
    module.get({ hostname: "127.0.0.1", port: String(port), method: "delete" }),
  );
  await same((module) => module.get(auth()));
  await same((module) => module.get({ host: "127.0.0.1", port, auth: "a:b" }));
  await same((module) =>
    module.get({ host: "127.0.0.1", port, headers: ["Host", "a", "X-B", "2"] }),
  );
  const agent = { agent: new http.Agent({ keepAlive: true }) };
  assert.equal((await told(http.get(`${base()}/echo`, agent))).statusCode, 200);
});

test("a body is written, ended with, or piped", async () => {
  const options = () => ({ host: "127.0.0.1", port, method: "POST", path: "/echo" });
  const long = "0123456789".repeat(30_000);
  await same((module) => module.request(options()).end("all"));
  await same((module) => module.request(options()).end());
  await same((module) => {
    const request = module.request(options());
    request.write("first ");
    request.write(Buffer.from("second"));
    request.end(" third");
    return request;
  });
  await same((module) => {
    const request = module.request(options());
    request.write("now ");
    setTimeout(() => request.end("later"), 10);
    return request;
  });
  for (const headers of [{}, { "content-length": long.length }]) {
    const seen = await same((module) => {
      const request = module.request({ ...options(), headers });
      const pieces = Array.from({ length: 30 }, (_, at) =>
        Buffer.from(long.slice(at * 10_000, (at + 1) * 10_000)),
      );
      Readable.from(pieces).pipe(request);
      return request;
    });
    assert.equal(JSON.parse(seen.text)[3], long);
  }
  const request = http.request(options());
  const answer = once(request, "response");
  await pipeline(Readable.from([long, long]), request);
  const [response] = await answer;
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  assert.ok(response.complete && Buffer.concat(chunks).length > 2 * long.length);
});

test("answers are told as they came", async () => {
  const to = (path, options) => (module) =>
    module.request({ host: "127.0.0.1", port, path, ...options }).end();
  const { statusCode, headers, text } = await same(to("/redirect"));
  assert.deepEqual([statusCode, headers.location, text], [302, "/echo", "elsewhere"]);
  await same(to("/headers"));
  await same(to("/empty"));
  await same(to("/echo", { method: "HEAD" }));
  await same(to("/half"));
  const [response] = await once(to("/headers")(http), "response");
  assert.deepEqual(response.headersDistinct["x-twice"], ["1", "2"]);
  assert.deepEqual(response.rawHeaders.slice(0, 4), ["set-cookie", "a=1", "set-cookie", "b=2"]);
  response.resume();
});

test("what keeps a request from an answer is an error event", async () => {
  const closed = nodeHttp.createServer().listen(0);
  await once(closed, "listening");
  const free = closed.address().port;
  closed.close();
  const to = (options) => (module) => module.request({ host: "127.0.0.1", port, ...options }).end();
  await same(to({ path: "/reset" }));
  // Ours has handed over all that there is before it hears of the connection.
  const [refused, expected] = await Promise.all(
    both.map(async (module) => {
      const { events } = await told(to({ port: free })(module));
      return events.filter((event) => event !== "finish");
    }),
  );
  assert.deepEqual(refused, expected);
  assert.equal(refused[1][1], "ECONNREFUSED");
  for (const end of [
    (request) => request.destroy(),
    (request) => request.destroy(new Error("own")),
    (request) => request.abort(),
  ]) {
    await same((module) => {
      const request = to({ path: "/never" })(module);
      request.on("finish", () => setTimeout(() => end(request), 20));
      return request;
    });
    await same((module) => {
      const request = to({ path: "/half" })(module);
      request.on("response", () => end(request));
      return request;
    });
  }
  await same((module) => to({ path: "/never", signal: AbortSignal.abort() })(module));
  await same((module) => {
    const controller = new AbortController();
    const request = to({ path: "/never", signal: controller.signal })(module);
    return request.on("finish", () => setTimeout(() => controller.abort(), 20));
  });
});

test("a timeout is told and ends nothing by itself", async () => {
  const to = (options) => (module) => {
    const request = module.request({ host: "127.0.0.1", port, path: "/never", ...options }).end();
    request.on("timeout", () => request.destroy());
    return request;
  };
  // Whether all is sent by then depends on the machine.
  await same(to({ timeout: 20 }), ["finish"]);
  await same((module) => to({})(module).setTimeout(20), ["finish"]);
  await same(
    (module) => {
      const request = to({})(module);
      request.on("socket", (socket) => socket.setKeepAlive(true, 1000).setNoDelay().setTimeout(20));
      return request;
    },
    ["finish"],
  );
});

test("headers are set, read and refused as in Node", () => {
  const outcomes = both.map((module) => {
    const request = module.request({ host: "localhost", headers: { A: "1", b: [2, 3] } });
    request.on("error", () => {});
    request
      .setHeader("X-Own", "x")
      .appendHeader("x-own", "y")
      .setHeaders(new Headers({ z: "1" }));
    request.removeHeader("A");
    const seen = [request.getHeaders(), request.getHeaderNames(), request.getRawHeaderNames()];
    seen.push(request.getHeader("X-OWN"), request.hasHeader("a"), request.path, request.method);
    seen.push(request.host, request.protocol);
    for (const call of [
      () => request.setHeader("a b", "1"),
      () => request.setHeader("a", "é\n"),
      () => request.setHeader("a", undefined),
      () => request.getHeader(1),
    ]) {
      try {
        call();
      } catch ({ name, code, message }) {
        seen.push([name, code, message]);
      }
    }
    request.destroy();
    return seen;
  });
  assert.deepEqual(outcomes[0], outcomes[1]);
});

test("wrong options are refused as in Node", () => {
  const failure = (call) => {
    try {
      call()
        .on("error", () => {})
        .destroy();
      return null;
    } catch ({ name, code }) {
      return [name, code];
    }
  };
  for (const call of [
    (module) => module.request("no url"),
    (module) => module.request("https://example.com"),
    (module) => module.request({ protocol: "ftp:" }),
    (module) => module.request({ path: "/a b" }),
    (module) => module.request({ method: "A B" }),
    (module) => module.request({ method: 1 }),
    (module) => module.request({ host: 1 }),
    (module) => module.request({ agent: {} }),
    (module) => module.request({ headers: { "a b": "1" } }),
    (module) => module.request({ signal: 1 }),
    (module) => module.request({ timeout: "1" }),
  ]) {
    const [got, expected] = both.map((module) => failure(() => call(module)));
    assert.deepEqual(got, expected, String(call));
    assert.ok(got !== null, String(call));
  }
  const refused = { code: "NODE_API_NOT_SUPPORTED" };
  for (const options of [{ socketPath: "/x" }, { key: "k" }, { path: "http://b/" }, { path: "*" }])
    assert.throws(() => http.request(options), refused, JSON.stringify(options));
  assert.throws(() => http.request({ method: "CONNECT" }), refused);
  assert.throws(() => http.request({ headers: { upgrade: "websocket" } }), refused);
  assert.throws(() => http.request({ host: "a/b" }), { code: "ERR_INVALID_URL" });
  assert.throws(() => http.request({ host: "user@b" }), { code: "ERR_INVALID_URL" });
});

test("https has its own port, and the classes are http's", () => {
  for (const [ourModule, ourRequest] of [[http, https.request({ host: "localhost" })]]) {
    const expected = nodeHttps.request({ host: "localhost" });
    for (const request of [ourRequest, expected]) request.on("error", () => {}).destroy();
    assert.deepEqual(ourRequest.getHeaders(), expected.getHeaders());
    assert.equal(ourRequest.protocol, "https:");
    assert.ok(ourRequest instanceof ourModule.ClientRequest);
    assert.ok(ourRequest instanceof ourModule.OutgoingMessage);
  }
  assert.throws(() => https.request("http://localhost"), { code: "ERR_INVALID_PROTOCOL" });
  class Own extends http.IncomingMessage {}
  assert.ok(new Own() instanceof Readable || typeof new Own().read === "function");
});

test("who waits to be told to go on is told", async () => {
  const request = http.request({
    host: "127.0.0.1",
    port,
    method: "PUT",
    headers: { expect: "100-continue" },
  });
  await once(request, "continue");
  request.end("body");
  assert.equal(JSON.parse((await told(request)).text)[3], "body");
});
