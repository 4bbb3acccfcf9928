//! What happens to an app that goes beyond its bounds, and to everything else meanwhile: nothing.

use serde_json::json;

use crate::harness::{App, Reply, Request, Serve, Server, wait_until};

const BAD_MANNERS: &str = r#"
const hoard = [];

const ways = {
  ok: () => new Response("ok"),
  throw: () => {
    throw new Error("thrown on purpose");
  },
  reject: async () => {
    throw "a string";
  },
  never: () => new Promise(() => {}),
  loop: () => {
    for (;;);
  },
  microtasks: () => {
    const again = () => queueMicrotask(again);
    again();
    return new Promise(() => {});
  },
  regexp: () => new Response(String(/^(a+)+$/.test("a".repeat(64) + "!"))),
  allocate: () => {
    for (;;) hoard.push({ a: 1, b: [1, 2, 3] });
  },
  arrays: () => {
    for (;;) hoard.push(new Array(1000).fill({}));
  },
  string: () => {
    let text = "x";
    for (;;) hoard.push((text += text).slice(1).toUpperCase());
  },
  // One object larger than the heap and what it may grow by.
  longString: () => new Response(String("x".repeat(2 ** 29 - 100).toUpperCase().length)),
  longArray: () => new Response(String(new Array(2 ** 26).fill(1.5).length)),
  parse: () => new Response(String(JSON.parse("[" + "[],".repeat(10_000_000) + "1]").length)),
  buffers: () => {
    for (;;) hoard.push(new Uint8Array(1 << 20).fill(1));
  },
  blobs: () => {
    for (;;) hoard.push(new Blob([new Uint8Array(1 << 20)]));
  },
  recurse: () => ways.recurse() + 1,
  late: () => {
    setTimeout(() => {
      for (;;);
    }, 1);
    return new Promise(() => {});
  },
  unhandled: () => {
    Promise.reject(new Error("nobody cares"));
    return new Response("ok");
  },
  manyHeaders: () => new Response("", { headers: { "x-long": "x".repeat(100_000) } }),
};

export default { fetch: (request) => ways[new URL(request.url).pathname.slice(1)]() };
"#;

fn bad_manners() -> App {
    bad_manners_within(10_000, 300)
}

fn bad_manners_within(wall_ms: u32, cpu_ms: u32) -> App {
    let limits = json!({ "wall_ms": wall_ms, "cpu_ms": cpu_ms, "heap_mb": 32, "array_buffer_mb": 16 });
    App::new(BAD_MANNERS).manifest(json!({ "limits": limits }))
}

/// Sends the request, and asserts that the app serves afterwards.
#[track_caller]
fn survives(way: &str) -> Reply {
    survives_within(&bad_manners(), way)
}

/// The same with time enough to fill the heap: an isolate collects its garbage on its own time.
#[track_caller]
fn survives_filling_its_heap(way: &str) -> Reply {
    survives_within(&bad_manners_within(30_000, 20_000), way)
}

#[track_caller]
fn survives_within(app: &App, way: &str) -> Reply {
    let server = Server::of(app);
    assert_eq!(server.get("/ok").expect(200), "ok");
    let reply = server.get(way);
    assert_eq!(server.get("/ok").expect(200), "ok");
    reply
}

#[test]
fn a_throwing_handler_is_answered_500_and_logged_with_its_place() {
    let server = Server::of(&bad_manners());
    let reply = server.get("/throw");
    reply.expect_error(500, "uncaught");
    assert!(!reply.text().contains("thrown on purpose"), "the client is told an app's internals: {}", reply.text());
    server.wait_for_log("thrown on purpose");
    server.wait_for_log("server.js:7:11");
    server.get("/reject").expect_error(500, "uncaught");
    server.get("/unhandled").expect(200);
    server.wait_for_log("nobody cares");
    server.get("/ok").expect(200);
}

#[test]
fn a_handler_that_never_settles_runs_into_the_wall_clock() {
    survives_within(&bad_manners_within(2_000, 300), "/never").expect_error(504, "wall");
}

#[test]
fn endless_loops_run_out_of_cpu_time() {
    for way in ["/loop", "/microtasks", "/regexp", "/late"] {
        survives(way).expect_error(503, "cpu");
    }
}

#[test]
fn endless_allocation_runs_out_of_memory() {
    survives_filling_its_heap("/allocate").expect_error(503, "memory");
}

#[test]
fn endless_allocation_of_arrays_and_strings_runs_out_of_memory() {
    for way in ["/arrays", "/string"] {
        survives_filling_its_heap(way).expect_error(503, "memory");
    }
}

#[test]
fn an_object_larger_than_the_heap_does_not_take_the_process_down() {
    for way in ["/longString", "/longArray", "/parse"] {
        let reply = survives(way);
        assert_eq!(reply.status, 503, "{way}");
        assert!(matches!(reply.header("x-orilla-error").as_deref(), Some("cpu" | "memory")), "{way}");
    }
}

#[test]
fn too_many_buffers_do_not_take_the_process_down() {
    let reply = survives("/buffers");
    assert!(matches!(reply.status, 500 | 503), "{}", reply.status);
    assert!(matches!(reply.header("x-orilla-error").as_deref(), Some("uncaught" | "memory")));
}

#[test]
fn blobs_count() {
    survives_filling_its_heap("/blobs").expect_error(503, "memory");
}

#[test]
fn what_lies_outside_the_heap_counts_whoever_allocated_it() {
    let app = App::new(OUTSIDE).manifest(json!({
        "limits": { "array_buffer_mb": 16, "wall_ms": 60_000, "cpu_ms": 60_000 }
    }));
    for way in
        ["wasm", "sharedWasm", "grownWasm", "resizable", "encoded", "posted", "broadcast", "encrypted", "authenticated"]
    {
        let server = Server::of(&app);
        let reply = server.get(&format!("/{way}"));
        assert!(matches!(reply.status, 500 | 503), "{way}: {}", reply.status);
        let error = reply.header("x-orilla-error");
        assert!(matches!(error.as_deref(), Some("uncaught" | "memory")), "{way}: {error:?}");
        assert!(server.peak_resident_mb() < 300, "{way}: {} MB", server.peak_resident_mb());
    }
    let server = Server::of(&app);
    for (way, expected) in [
        ("bomb", "TypeError: a chunk decompresses to more than 16777216 bytes (limits.array_buffer_mb)"),
        ("growable", "RangeError: a SharedArrayBuffer cannot have a maxByteLength here"),
        ("puts", "PENDING_BYTES_EXCEEDED"),
        ("inserts", "PENDING_BYTES_EXCEEDED"),
        // What is garbage does not count.
        ("garbage", "collected"),
    ] {
        assert_eq!(server.get(&format!("/{way}")).expect(200), expected, "{way}");
        assert!(server.peak_resident_mb() < 300, "{way}: {} MB", server.peak_resident_mb());
    }
}

/// V8 looks for garbage late where the heap may be large, as it may in isolates that wait for an app.
#[test]
fn garbage_outside_the_heap_is_collected_however_large_the_heap_may_be() {
    let limits = |heap_mb: u32| json!({ "array_buffer_mb": 16, "heap_mb": heap_mb, "concurrent_requests": 1 });
    for heap_mb in [128, 4096] {
        let server = Server::of(&App::new(OUTSIDE).manifest(json!({ "limits": limits(heap_mb) })));
        let mut held = server.connect();
        held.send("GET /held HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        server.wait_for_log("held");
        assert_eq!(server.get("/garbage").expect(200), "collected");
        assert!(server.peak_resident_mb() < 300, "{heap_mb}: {} MB", server.peak_resident_mb());
    }
}

/// Each way takes 2 GB at most, should nothing stop it.
const OUTSIDE: &str = r#"
import { getPlatform } from "@orilla/platform";

const MB = 1 << 20;
const PAGES = 80; // of WebAssembly: 5 MB
const kept = [];
const fill = (buffer) => new Uint8Array(buffer).fill(1);
const keep = (times, make) => {
  for (let i = 0; i < times; i++) kept.push(make(i));
  return "kept";
};
const caught = (work) => work().then(() => "none", (error) => error.code ?? `${error.name}: ${error.message}`);

const ways = {
  wasm: () => keep(400, () => {
    const memory = new WebAssembly.Memory({ initial: PAGES });
    fill(memory.buffer);
    return memory;
  }),
  sharedWasm: () => keep(400, () => {
    const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES, shared: true });
    fill(memory.buffer);
    return memory;
  }),
  grownWasm: () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    return keep(400, () => {
      memory.grow(PAGES);
      fill(memory.buffer);
    });
  },
  resizable: () => keep(400, () => {
    const buffer = new ArrayBuffer(1, { maxByteLength: 5 * MB });
    buffer.resize(5 * MB);
    fill(buffer);
    return buffer;
  }),
  encoded: () => {
    const text = "é".repeat(2 * MB);
    return keep(500, () => new TextEncoder().encode(text));
  },
  posted: () => {
    const { port1 } = new MessageChannel();
    const bytes = new Uint8Array(MB).fill(1);
    return keep(2000, () => port1.postMessage(bytes));
  },
  broadcast: () => {
    const [from, to] = [new BroadcastChannel("b"), new BroadcastChannel("b")];
    const bytes = new Uint8Array(MB).fill(1);
    to.onmessage = () => {};
    return keep(2000, () => from.postMessage(bytes));
  },
  encrypted: async () => {
    const key = await crypto.subtle.generateKey({ name: "AES-CTR", length: 128 }, true, ["encrypt"]);
    const counter = { name: "AES-CTR", counter: new Uint8Array(16), length: 64 };
    const bytes = new Uint8Array(4 * MB).fill(1);
    kept.push(await Promise.all(Array.from({ length: 250 }, () => crypto.subtle.encrypt(counter, key, bytes))));
    return "kept";
  },
  // Bytes that an algorithm brings, and says only once that it brings.
  authenticated: async () => {
    const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 128 }, true, ["encrypt"]);
    const bytes = new Uint8Array(4 * MB).fill(1);
    const algorithm = () => {
      let asked = 0;
      return { name: "AES-GCM", iv: new Uint8Array(12), get additionalData() { return asked++ ? bytes : bytes.subarray(1); } };
    };
    kept.push(await Promise.all(Array.from({ length: 250 }, () => crypto.subtle.encrypt(algorithm(), key, new Uint8Array(1)))));
    return "kept";
  },
  bomb: async () => {
    const zeros = new Response(new ReadableStream({
      pull(controller) {
        if (kept.push(1) > 200) controller.close();
        else controller.enqueue(new Uint8Array(MB));
      },
    }));
    const small = await new Response(zeros.body.pipeThrough(new CompressionStream("gzip"))).arrayBuffer();
    const bomb = new Blob([small]).stream().pipeThrough(new DecompressionStream("gzip"));
    return caught(() => new Response(bomb).arrayBuffer());
  },
  growable: () => caught(async () => new SharedArrayBuffer(1, { maxByteLength: 5 * MB })),
  puts: () => {
    const value = "x".repeat(5 * MB);
    return caught(() => Promise.all(Array.from({ length: 200 }, (_, i) => getPlatform().kv.put("n", `k${i}`, value))));
  },
  inserts: () => {
    const text = "x".repeat(MB / 2);
    return caught(() => Promise.all(Array.from({ length: 200 }, () => getPlatform().DB.insertOne("c", { text }))));
  },
  held: () => {
    console.log("held");
    return new Promise(() => {});
  },
  garbage: async () => {
    const text = "é".repeat(MB);
    for (let i = 0; i < 50; i++) {
      fill(new WebAssembly.Memory({ initial: PAGES }).buffer);
      new TextEncoder().encode(text);
      fill(new ArrayBuffer(MB, { maxByteLength: 2 * MB }));
      if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve));
    }
    return "collected";
  },
};

export default { fetch: async ({ url }) => new Response(await ways[new URL(url).pathname.slice(1)]()) };
"#;

#[test]
fn endless_recursion_is_an_ordinary_error() {
    survives("/recurse").expect_error(500, "uncaught");
}

#[test]
fn headers_beyond_the_limit_are_an_error_of_the_app() {
    survives("/manyHeaders").expect_error(500, "uncaught");
}

#[test]
fn an_app_that_loops_at_module_scope_cannot_boot_and_the_host_goes_on() {
    let app = App::new("for (;;); export default { fetch: () => new Response('never') };")
        .manifest(json!({ "limits": { "wall_ms": 1000, "cpu_ms": 300 } }));
    let server = Server::of(&app);
    server.get("/").expect_error(500, "boot");
    server.get("/").expect_error(500, "boot");
}

#[test]
fn a_body_beyond_the_limit_is_refused() {
    let echo = "export default { fetch: async (request) => new Response((await request.text()).length) };";
    let app = App::new(echo).manifest(json!({ "limits": { "request_body_bytes": 1000 } }));
    let server = Server::of(&app);
    assert_eq!(server.send(&Request::post("/", "x".repeat(1000))).expect(200), "1000");
    server.send(&Request::post("/", "x".repeat(1001))).expect_error(413, "body_too_large");
    let mut connection = server.connect();
    connection.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
    let chunk = format!("1f4\r\n{}\r\n", "x".repeat(500));
    for _ in 0..4 {
        // The server may have answered and closed already.
        let _ = connection.send(&chunk);
    }
    let _ = connection.send("0\r\n\r\n");
    connection.reply("POST").unwrap().expect_error(413, "body_too_large");
    assert_eq!(server.send(&Request::post("/", "xy")).expect(200), "2");
}

#[test]
fn requests_beyond_the_queue_are_turned_away_and_told_when_to_come_back() {
    let app = App::new(
        "const open = []; export default { fetch: (request) => request.url.endsWith('/wait') ? new Promise(() => {}) : new Response('ok') };",
    )
    .manifest(json!({ "limits": { "concurrent_requests": 1, "queued_requests": 1, "queue_wait_ms": 1000, "wall_ms": 3000 } }));
    let server = Serve::new(&app).config("[isolates]\nmax = 1\nprewarm = 0\n").start();
    let replies: Vec<Reply> = std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..6).map(|_| scope.spawn(|| server.get("/wait"))).collect();
        waiting.into_iter().map(|reply| reply.join().unwrap()).collect()
    });
    let turned_away = replies.iter().filter(|reply| reply.header("x-orilla-error").as_deref() == Some("overloaded"));
    assert!(turned_away.clone().count() >= 4, "{replies:?}");
    for reply in turned_away {
        reply.expect(503);
        assert!(reply.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
    }
    assert_eq!(server.get("/ok").expect(200), "ok");
}

#[test]
fn responses_and_websockets_have_limits() {
    let source = r#"
      export default {
        fetch(request) {
          const path = new URL(request.url).pathname;
          if (path === "/socket") {
            const { 0: client, 1: server } = new WebSocketPair();
            server.accept();
            return new Response(null, { status: 101, webSocket: client });
          }
          const [, kind, size] = path.split("/");
          const text = "x".repeat(Number(size));
          if (kind === "headers") return new Response("ok", { headers: { "x-long": text } });
          if (kind === "bytes") return new Response(new TextEncoder().encode(text));
          if (kind === "stream") return new Response(new Blob([text]).stream().pipeThrough(new TransformStream()));
          return new Response(text);
        },
      };
    "#;
    let limits = json!({ "response_body_bytes": 1000, "response_header_bytes": 2000, "websockets": 1 });
    let server = Server::of(&App::new(source).manifest(json!({ "limits": limits })));
    for kind in ["text", "bytes", "stream"] {
        assert_eq!(server.get(&format!("/{kind}/1000")).expect(200).len(), 1000);
    }
    for kind in ["text", "bytes"] {
        server.get(&format!("/{kind}/1001")).expect_error(500, "uncaught");
    }
    assert!(server.connect().request(&Request::get("/stream/1001")).is_err(), "the stream comes to a good end");
    server.wait_for_log("RESPONSE_BODY_TOO_LARGE");
    server.get("/headers/1900").expect(200);
    server.get("/headers/2000").expect_error(500, "uncaught");
    let handshake = Request::get("/socket")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let mut first = server.connect();
    assert_eq!(first.begin(&handshake).unwrap().status, 101);
    server.connect().begin(&handshake).unwrap().expect_error(500, "uncaught");
    server.wait_for_log("WebSockets are open");
    first.close();
    // The place is free once the host has seen that.
    wait_until("the place is free", || server.connect().begin(&handshake).unwrap().status == 101);
}

#[test]
fn answers_that_no_client_takes_are_bounded() {
    const LONG: usize = 24 << 20;
    let source = format!(
        "const text = 'x'.repeat({LONG}); const bytes = new Uint8Array({LONG}); \
         const lie = bytes.subarray(1); Object.defineProperty(lie, 'byteLength', {{ value: 1 }}); \
         export default {{ fetch(request) {{ const {{ pathname }} = new URL(request.url); \
         if (pathname === '/small') return new Response('ok'); if (pathname === '/text') return new Response(text); \
         if (pathname === '/string') return new Response(text, {{ headers: {{ a: 'b' }} }}); \
         return new Response(new ReadableStream({{ start(c) {{ c.enqueue(pathname === '/lie' ? lie : bytes); c.close(); }} }})); }} }};"
    );
    // There is room for two.
    let limits = json!({ "array_buffer_mb": 64, "wall_ms": 4000 });
    let server = Server::of(&App::new(&source).manifest(json!({ "limits": limits })));
    let asked = |target: &str| {
        let mut connection = server.connect();
        connection.send(format!("GET {target} HTTP/1.1\r\nhost: a\r\n\r\n")).unwrap();
        connection
    };
    let begun = |target: &str| {
        let mut connection = asked(target);
        connection.head().unwrap().expect(200);
        connection
    };
    let (mut first, second) = (begun("/text"), begun("/string"));
    // The others wait, where they take no more memory, until their time is over.
    let mut waiting: Vec<_> = (0..20).map(|index| asked(["/text", "/string"][index % 2])).collect();
    assert_eq!(server.get("/small").expect(200), "ok");
    for connection in &mut waiting {
        connection.reply("GET").unwrap().expect_error(504, "wall");
    }
    assert!(server.peak_resident_mb() < 350, "{} MB", server.peak_resident_mb());
    // Or until one is taken, or its client leaves. A stream waits as long as it takes.
    let mut streamed = begun("/stream");
    // One that says it needs no room gets none.
    assert!(server.connect().request(&Request::get("/lie")).is_err(), "it came to a good end");
    let mut next = asked("/string");
    drop(second);
    let mut received = 0;
    while let Some(chunk) = streamed.chunk().unwrap() {
        received += chunk.len();
    }
    assert_eq!(received, LONG);
    assert_eq!(next.reply("GET").unwrap().expect(200).len(), LONG);
    assert_eq!(first.exactly(LONG).unwrap(), vec![b'x'; LONG]);
    server.wait_for_log("RESPONSES_UNSENT");
    assert_eq!(server.get("/text").expect(200).len(), LONG);
}

#[test]
fn subrequests_are_counted() {
    let app = App::new(
        "export default { async fetch() { const codes = []; for (let i = 0; i < 3; i++) \
         await fetch('http://127.0.0.1:8080/').catch((error) => codes.push(error.code)); return Response.json(codes); } };",
    )
    .manifest(json!({ "limits": { "subrequests": 2 } }));
    let expected = json!(["EGRESS_DENIED", "EGRESS_DENIED", "SUBREQUESTS_EXCEEDED"]);
    assert_eq!(Server::of(&app).get("/").json(), expected);
}

#[test]
fn redirects_are_subrequests() {
    let app = App::new(
        "let asked = 0; export default { async fetch(request) {
           const { pathname, searchParams, origin } = new URL(request.url);
           if (pathname === '/asked') return new Response(asked);
           const left = Number(searchParams.get('left'));
           const next = `${origin}/to?left=${left - 1}`;
           if (pathname === '/to') { asked++; return left > 0 ? Response.redirect(next) : new Response('here'); }
           const said = (response) => response.text();
           const codes = [];
           for (let i = 0; i < 2; i++) codes.push(await fetch(next).then(said, (error) => error.code));
           return Response.json(codes);
         } };",
    )
    .manifest(json!({ "limits": { "subrequests": 5 } }));
    let server = Serve::new(&app).config("[egress]\nallow = [\"127.0.0.1\"]\n").start();
    let ask = |left: u32| {
        let request = Request::get(&format!("/?left={left}")).header("host", &server.address().to_string());
        server.send(&request).json()
    };
    let asked = || server.get("/asked").text().parse::<u32>().unwrap();
    // Two requests and two redirects.
    assert_eq!(ask(2), json!(["here", "here"]));
    assert_eq!(asked(), 4);
    // The second redirect of the second request is the sixth.
    assert_eq!(ask(3), json!(["here", "SUBREQUESTS_EXCEEDED"]));
    assert_eq!(asked(), 4 + 5);
}

#[test]
fn connections_are_subrequests_in_the_trace_of_their_request() {
    let app = App::new(
        "const sockets = []; export default { async fetch(request) {
           const { pathname, host } = new URL(request.url);
           if (pathname === '/peer') {
             sockets.push(request.headers.get('traceparent')?.slice(0, 35));
             return new Response('data: x\\n\\n', { headers: { 'content-type': 'text/event-stream' } });
           }
           if (pathname === '/seen') return Response.json(sockets);
           const codes = [];
           const open = (make) => { try { const one = make(); one.onerror = () => one.close(); return one; } catch (error) { codes.push(error.code); } };
           const source = open(() => new EventSource(`http://${host}/peer`));
           await new Promise((done) => (source.onmessage = done));
           source.close();
           const socket = open(() => new WebSocket(`ws://${host}/peer`, ['a', 'b']));
           await new Promise((done) => (socket.onclose = done));
           open(() => new WebSocket(`ws://${host}/peer`));
           open(() => new EventSource(`http://${host}/peer`));
           return Response.json([codes, socket instanceof WebSocket, socket.constructor === WebSocket, WebSocket.name]);
         } };",
    )
    .manifest(json!({ "limits": { "subrequests": 2 } }));
    let server = Serve::new(&app).config("[egress]\nallow = [\"127.0.0.1\"]\n").start();
    let trace = "00-0af7651916cd43dd8448eb211c80319c";
    let request = Request::get("/")
        .header("traceparent", &format!("{trace}-b7ad6b7169203331-01"))
        .header("host", &server.address().to_string());
    let expected = json!([["SUBREQUESTS_EXCEEDED", "SUBREQUESTS_EXCEEDED"], true, true, "WebSocket"]);
    assert_eq!(server.send(&request).json(), expected);
    assert_eq!(server.get("/seen").json(), json!([trace, trace]));
}

#[test]
fn a_heap_is_limited_however_its_isolate_was_booted() {
    let app = App::new(
        "const kept = [];
         export default { fetch({ url }) {
           const wanted = Number(new URL(url).searchParams.get('mb'));
           while (kept.length < wanted) kept.push(new Array(1 << 17).fill(kept.length + 0.5));
           return new Response('kept');
         } };",
    );
    let app = app.manifest(json!({ "limits": { "heap_mb": 64 }, "features": { "snapshot": false } }));
    for waiting in [0, 1] {
        let server = Serve::new(&app).config(&format!("[isolates]\nprewarm = {waiting}\n")).start();
        assert_eq!(server.get("/?mb=40").expect(200), "kept", "{waiting} waiting");
        server.get("/?mb=80").expect_error(503, "memory");
    }
}

#[test]
fn a_module_that_waits_for_ever_is_given_up() {
    let app = App::new("await new Promise(() => setTimeout(() => {}, 1e9)); export default { fetch() {} };");
    let server = Server::of(&app.manifest(json!({ "limits": { "wall_ms": 1000 } })));
    server.get("/").expect_error(500, "boot");
    server.wait_for_log("the app cannot be started");
    wait_until("its isolates are gone", || server.page_faults("isolate app").is_empty());
}

#[test]
fn a_thrown_error_is_a_line_of_the_log_like_any_other() {
    let app = App::new("export default { fetch() { throw new Error('long'.repeat(1 << 20)); } };");
    let server = Server::of(&app);
    server.get("/").expect_error(500, "uncaught");
    server.wait_for_log("the fetch handler failed");
    assert!(server.log().lines().all(|line| line.len() < 80 << 10));
}
