//! Requests that run at the same time in one isolate do not see each other, and nothing reaches the platform outside one.

use std::time::Duration;

use serde_json::json;

use crate::harness::{App, Request, Serve, Server};

#[test]
fn async_local_storage_keeps_concurrent_requests_apart() {
    // Each request waits in the middle until the other is there too, then goes on through every kind of continuation.
    let app = App::new(
        r#"
import { AsyncLocalStorage } from "node:async_hooks";

const storage = new AsyncLocalStorage();
const meeting = Promise.withResolvers();
let present = 0;
const name = () => storage.getStore()?.name;

async function wander() {
  const seen = [name()];
  if (++present === 2) meeting.resolve();
  await meeting.promise;
  seen.push(name());
  await new Promise((resolve) => setTimeout(resolve, 1));
  seen.push(name());
  await new Promise((resolve) => queueMicrotask(() => process.nextTick(resolve)));
  seen.push(name());
  seen.push(await new Promise((resolve) => setTimeout(() => resolve(name()), 1)));
  for await (const chunk of new Blob(["x"]).stream()) seen.push(chunk.length && name());
  await crypto.subtle.digest("SHA-256", new Uint8Array(1));
  return [...seen, name()];
}

export default {
  fetch(request) {
    const store = { name: new URL(request.url).pathname };
    return storage.run(store, async () => Response.json(await wander()));
  },
};
"#,
    );
    let server = Server::of(&app);
    std::thread::scope(|scope| {
        for path in ["/first", "/second"] {
            let server = &server;
            scope.spawn(move || assert_eq!(server.get(path).json(), json!(vec![path; 7])));
        }
    });
}

#[test]
fn the_platform_is_out_of_reach_at_module_scope() {
    let app = App::new(
        r#"
import { getPlatform } from "@orilla/platform";

let atModuleScope;
try {
  await getPlatform().KV.n.get("k");
} catch (error) {
  atModuleScope = error.code;
}

export default { fetch: () => new Response(atModuleScope) };
"#,
    );
    assert_eq!(Server::of(&app).get("/").expect(200), "OUTSIDE_INVOCATION");
}

#[test]
fn a_group_of_lines_belongs_to_its_request() {
    let app = App::new(
        r#"
console.group("module");
console.log("in the module");

const meeting = Promise.withResolvers();

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname !== "/") {
      console.log(pathname);
      meeting.resolve();
      return new Response();
    }
    console.group("outer");
    console.group("inner");
    await meeting.promise;
    await new Promise((resolve) => setTimeout(resolve, 1));
    console.log("deep\nlines");
    console.groupEnd();
    console.log("shallow");
    // The other group is never ended.
    return new Response();
  },
};
"#,
    );
    let server = Server::of(&app);
    std::thread::scope(|scope| {
        scope.spawn(|| server.get("/").expect(200));
        server.wait_for_log("inner");
        server.get("/beside").expect(200);
    });
    server.get("/after").expect(200);
    server.wait_for_log("/after");
    let log = server.log();
    for line in [
        r#""  in the module""#,
        r#""  inner""#,
        r#""    deep\n    lines""#,
        r#""  shallow""#,
        r#""/beside""#,
        r#""/after""#,
    ] {
        assert!(log.contains(line), "no {line} in\n{log}");
    }
}

#[test]
fn an_app_that_is_stuck_keeps_no_other_from_its_data() {
    let app = |name: &str, body: &str| {
        let source = format!(
            "import {{ getPlatform }} from '@orilla/platform';
             const {{ KV }} = getPlatform();
             export default {{ async fetch() {{ {body} }} }};"
        );
        let wall_ms = if name == "other" { 5_000 } else { 120_000 };
        let limits = json!({ "cpu_ms": 60_000, "wall_ms": wall_ms, "array_buffer_mb": 256 });
        App::new(&source).manifest(json!({ "name": name, "limits": limits }))
    };
    let stuck = |name: &str, count: u32, call: &str| {
        let body = format!(
            "const large = 'x'.repeat(4 << 20);
             const calls = Array.from({{ length: {count} }}, (_, n) => {call});
             for (const end = performance.now() + 10_000; performance.now() < end; );
             return new Response(String((await Promise.all(calls)).length));"
        );
        app(name, &body)
    };
    // More reads than there are connections, and twice as many bytes as may be queued, none of which it takes for 10 seconds.
    let reader = stuck("reader", 1000, "KV.things.get(`key ${n}`)");
    let writer = stuck("writer", 40, "KV.things.put(`key ${n}`, large)");
    let other =
        app("other", "return new Response(String([await KV.a.get(crypto.randomUUID()), await KV.a.put('a', '1')]));");
    let server = Serve::new(&other).args([reader.manifest_path(), writer.manifest_path()]).start();
    let ask = |name: &str| server.send(&Request::get("/").header("host", &format!("{name}.localhost")));
    for (name, count) in [("reader", "1000"), ("writer", "40")] {
        assert_eq!(ask("other").expect(200), ",");
        std::thread::scope(|scope| {
            let stuck = scope.spawn(|| ask(name).expect(200));
            std::thread::sleep(Duration::from_millis(2000));
            assert_eq!(ask("other").expect(200), ",");
            assert!(!stuck.is_finished());
            assert_eq!(stuck.join().unwrap(), count);
        });
    }
}

#[test]
fn values_that_an_app_is_too_stuck_to_take_are_bounded() {
    let app = App::new(
        "import { getPlatform } from '@orilla/platform';
         const { KV } = getPlatform();
         export default { async fetch() {
           await KV.a.put('large', 'x'.repeat(16_000_000));
           for (let read = 0; read < 200; read++) KV.a.get('large');
           for (const end = performance.now() + 5000; performance.now() < end; );
           return new Response('done');
         } };",
    );
    // Such a value does not fit into the cache.
    let server = Serve::new(&app).config("[kv]\ncache_mb = 1\n").start();
    server.get("/").expect(200);
    assert!(server.peak_resident_mb() < 600, "{} MB", server.peak_resident_mb());
}

/// What can be imported from where the host's own modules stand is more than an app may have.
#[test]
fn text_of_an_app_is_not_taken_for_the_hosts() {
    let app = App::new(
        r#"
import { AsyncLocalStorage } from "node:async_hooks";
import { EventEmitter } from "node:events";
const core = "import('ext:core/mod.js')";
let revealed = [];
let value;
Object.defineProperty(globalThis, "Deno", {
  configurable: true, get: () => value, set(given) { revealed.push(given); value = given; } });
const early = new EventEmitter();
early.on("x", eval);
early.emit("x", `globalThis.early = ${core}.catch((error) => error.name)`);
setTimeout(`globalThis.late = ${core}.catch((error) => error.name)`, 0);
const local = "local";
const AsyncFunction = (async () => {}).constructor;
export default { async fetch() {
  while (globalThis.late === undefined) await new Promise((done) => setTimeout(done, 1));
  const emitter = new EventEmitter();
  emitter.on("x", eval);
  Promise.resolve().then(() => emitter.emit("x", `globalThis.during = ${core}.catch((error) => error.name)`));
  process.getBuiltinModule("querystring");
  const storage = new AsyncLocalStorage();
  const made = storage.run(1, Function, `return ${core}`);
  const names = [await globalThis.early, await globalThis.late, await globalThis.during];
  names.push(await made().catch((error) => error.name));
  names.push(await storage.run(1, AsyncFunction, `return ${core}`)().catch((error) => error.name));
  const works = [
    eval("1 + 1"), new Function("a", "return a * 2")(4), Function("return this")() === globalThis,
    Function === (() => {}).constructor, (() => {}) instanceof Function, await new AsyncFunction("return 5")(),
    typeof (await eval("import('node:buffer')")).Buffer, eval("typeof local"),
  ];
  return Response.json([names, works, revealed.length, typeof Deno]);
} };
"#,
    );
    let type_errors = ["TypeError"; 5];
    let works = json!([2, 8, true, true, true, 5, "function", "undefined"]);
    let server = Server::of(&app);
    assert_eq!(server.get("/").json(), json!([type_errors, works, 0, "undefined"]));
}

/// Each of these once ended the host, or was let through.
#[test]
fn what_an_app_hands_over_is_read_once_and_as_what_it_is() {
    let app = App::new(
        r#"
const code = (promise) => promise.then(() => "done", (error) => error.name);
const jwk = (d) => ({ kty: "EC", crv: "P-256", x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
  y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", get d() { return d(); } });
const routes = {
  async key() {
    let reads = 0;
    const changing = jwk(() => (reads++ ? undefined : "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"));
    return [await code(crypto.subtle.importKey("jwk", changing, { name: "ECDSA", namedCurve: "P-256" }, true, ["sign"])), reads];
  },
  async costs() {
    const key = await crypto.subtle.importKey("raw", new Uint8Array(16), "PBKDF2", false, ["deriveBits"]);
    const salt = new Uint8Array(16);
    const bits = (iterations) => code(crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations }, key, 256));
    const rsa = { name: "RSA-PSS", modulusLength: 16384, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" };
    return [await bits(1000), await bits(10_000_001), await code(crypto.subtle.generateKey(rsa, true, ["sign", "verify"]))];
  },
  codecs() {
    globalThis.kept = [];
    for (let i = 0; i < 5000; i++) kept.push(new CompressionStream("brotli"));
  },
  channels() {
    const channel = new BroadcastChannel("x"), large = new Uint8Array(20 << 20);
    for (let i = 0; i < 60; i++) channel.postMessage(large);
    channel.close();
    return "posted";
  },
  cookies(request) {
    const first = request.headers.get("cookie");
    return [first, [...request.headers].filter(([name]) => name === "cookie"), request.headers.get("cookie")];
  },
  async order() {
    const [a, b] = Object.values(new WebSocketPair());
    const got = [];
    b.addEventListener("message", ({ data }) => got.push(data));
    a.accept(); a.send("1"); a.send("2"); b.accept(); a.send("3");
    await new Promise((done) => setTimeout(done, 10));
    return got;
  },
  async abort() {
    const controller = new AbortController();
    const fetching = fetch("http://192.0.2.1/", { signal: AbortSignal.abort(new Error("permission denied for you")) });
    return [await fetching.catch(({ message }) => message), Object.hasOwn(process.env, "X"), process.env.hasOwnProperty("X")];
  },
};
export default { async fetch(request) {
  const { pathname } = new URL(request.url);
  if (pathname === "/header") {
    Object.defineProperty(Array.prototype, 0, { configurable: true, set(v) {
      if (Array.isArray(v) && v[0] === "x-evil") v[1] = { toString() { console.log("again"); return "x"; } };
      Object.defineProperty(this, 0, { value: v, writable: true, enumerable: true, configurable: true }); } });
    const response = new Response("x", { headers: { "x-evil": "1" } });
    delete Array.prototype[0];
    return response;
  }
  if (pathname === "/length") return new Response("hello", { headers: { "content-length": request.headers.get("x-length") } });
  return Response.json(await routes[pathname.slice(1)](request));
} };
"#,
    )
    .manifest(json!({ "limits": { "array_buffer_mb": 64 } }));
    let server = Server::of(&app);
    let ask = |path: &str| server.get(path).json();
    assert_eq!(ask("/key"), json!(["done", 1]));
    server.get("/header").expect(200);
    for wrong in ["0", "3", "9"] {
        let mut connection = server.connect();
        for _ in 0..2 {
            let reply = connection.request(&Request::get("/length").header("x-length", wrong)).unwrap();
            assert_eq!((reply.header("content-length").as_deref(), reply.text()), (Some("5"), "hello".into()));
        }
    }
    assert_eq!(ask("/costs"), json!(["done", "NotSupportedError", "NotSupportedError"]));
    assert_eq!(ask("/channels"), "posted");
    let cookies = Request::get("/cookies").header("cookie", "a=1").header("cookie", "b=2");
    assert_eq!(server.send(&cookies).json(), json!(["a=1; b=2", [["cookie", "a=1; b=2"]], "a=1; b=2"]));
    assert_eq!(ask("/order"), json!(["1", "2", "3"]));
    assert_eq!(ask("/abort"), json!(["permission denied for you", false, false]));
    // What they take counts, so they end the isolate.
    assert_eq!(server.get("/codecs").header("x-orilla-error").as_deref(), Some("memory"));
    assert!(server.peak_resident_mb() < 400, "{} MB", server.peak_resident_mb());
}
