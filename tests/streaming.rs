//! Bodies that arrive piece by piece in both directions, and what an app learns of a client that leaves.

use serde_json::json;

use crate::harness::{App, Connection, Request, Serve, Server, wait_until};

/// Reads chunks until they hold `text`.
#[track_caller]
fn read_until(connection: &mut Connection, text: &str) {
    let mut seen = String::new();
    while !seen.contains(text) {
        let chunk = connection.chunk().unwrap().unwrap_or_else(|| panic!("the body ended after {seen:?}"));
        seen.push_str(&String::from_utf8(chunk).unwrap());
    }
}

#[test]
fn both_directions_stream_at_the_same_time() {
    let app = App::new(
        "export default { fetch: (request) => new Response(request.body.pipeThrough(new TextDecoderStream()) \
         .pipeThrough(new TransformStream({ transform: (text, controller) => controller.enqueue(text.toUpperCase()) })) \
         .pipeThrough(new TextEncoderStream())) };",
    );
    let server = Server::of(&app);
    let mut connection = server.connect();
    connection.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n").unwrap();
    connection.head().unwrap().expect(200);
    read_until(&mut connection, "FIRST");
    connection.send("6\r\nsecond\r\n0\r\n\r\n").unwrap();
    read_until(&mut connection, "SECOND");
    assert!(connection.chunk().unwrap().is_none());
    connection.request(&Request::post("/", "again")).unwrap().expect(200);
}

#[test]
fn large_bodies_pass_whole() {
    let app = App::new(
        "export default { async fetch(request) { if (request.method === 'POST') return new Response(request.body); \
         const part = new Uint8Array(65536).fill(97); let left = 256; \
         return new Response(new ReadableStream({ pull: (c) => left-- > 0 ? c.enqueue(part) : c.close() })); } };",
    );
    let server = Server::of(&app);
    let body: Vec<u8> = (0..8_000_000_u32).map(|i| (i % 251) as u8).collect();
    assert!(server.send(&Request::post("/", body.clone())).body == body);
    let download = server.get("/").body;
    assert_eq!(download.len(), 256 * 65536);
    assert!(download.iter().all(|&byte| byte == b'a'));
}

#[test]
fn events_reach_the_client_as_they_happen() {
    let app = App::new(
        r#"
let next;
const encoder = new TextEncoder();

export default {
  fetch(request) {
    if (request.method === "POST") {
      next.enqueue(encoder.encode(`data: ${new URL(request.url).pathname}\n\n`));
      return new Response("sent");
    }
    const events = new ReadableStream({ start: (controller) => void (next = controller) });
    next.enqueue(encoder.encode(": open\n\n"));
    return new Response(events, { headers: { "content-type": "text/event-stream" } });
  },
};
"#,
    );
    let server = Server::of(&app);
    let mut events = server.connect();
    let head = events.begin(&Request::get("/events").header("accept", "text/event-stream")).unwrap();
    assert_eq!(head.header("content-type").as_deref(), Some("text/event-stream"));
    read_until(&mut events, ": open\n\n");
    for path in ["/one", "/two"] {
        server.send(&Request::post(path, "")).expect(200);
        read_until(&mut events, &format!("data: {path}\n\n"));
    }
}

#[test]
fn a_client_that_leaves_aborts_the_request_and_cancels_the_stream() {
    let app = App::new(
        r#"
const seen = [];

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/seen") return Response.json(seen.sort());
    request.signal.addEventListener("abort", () => seen.push(`${pathname} ${request.signal.reason.name}`));
    if (pathname === "/wait") return await new Promise(() => {});
    return new Response(new ReadableStream({
      pull: (controller) => new Promise((resolve) => setTimeout(resolve, 5)).then(() => controller.enqueue(new Uint8Array(1000))),
      cancel: () => void seen.push(`${pathname} cancelled`),
    }));
  },
};
"#,
    );
    let server = Server::of(&app);
    let mut waiting = server.connect();
    waiting.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let mut streaming = server.connect();
    streaming.begin(&Request::get("/stream")).unwrap().expect(200);
    streaming.chunk().unwrap().unwrap();
    waiting.close();
    streaming.close();
    let expected = json!(["/stream AbortError", "/stream cancelled", "/wait AbortError"]);
    wait_until("the app is told of both", || server.get("/seen").json() == expected);
}

#[test]
fn a_client_that_leaves_gives_its_place_back() {
    let app = App::new(
        "const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms)); \
         export default { async fetch(request, env, ctx) { const { pathname } = new URL(request.url); \
         if (pathname === '/stream') return new Response(new ReadableStream({ pull: (c) => sleep(5).then(() => c.enqueue(new Uint8Array(9))) })); \
         if (pathname === '/late') { ctx.waitUntil(sleep(100)); await sleep(50); } return new Response('ok'); } };",
    )
    .manifest(json!({ "limits": { "concurrent_requests": 2, "wall_ms": 300_000, "queue_wait_ms": 60_000 } }));
    let server = Serve::new(&app).config("[isolates]\nmax_per_app = 1\n").start();
    for _ in 0..4 {
        let mut streaming = server.connect();
        streaming.begin(&Request::get("/stream")).unwrap().expect(200);
        streaming.chunk().unwrap().unwrap();
        let mut late = server.connect();
        late.send("GET /late HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        streaming.close();
        late.close();
    }
    // Both places are free when what was begun has ended.
    let held = [server.connect(), server.connect()].map(|mut connection| {
        connection.begin(&Request::get("/stream")).unwrap().expect(200);
        connection
    });
    drop(held);
    assert_eq!(server.get("/ok").expect(200), "ok");
}

#[test]
fn work_handed_to_wait_until_outlives_the_response() {
    let app = App::new(
        r#"
import { getPlatform } from "@orilla/platform";

const { KV } = getPlatform();
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export default {
  async fetch(request, env, ctx) {
    if (request.method === "GET") return new Response(await KV.work.get("result"));
    ctx.waitUntil(sleep(50).then(() => KV.work.put("result", "done")));
    ctx.waitUntil(Promise.reject(new Error("rejected in the background")));
    return new Response("accepted");
  },
};
"#,
    );
    let server = Server::of(&app);
    assert_eq!(server.send(&Request::post("/", "")).expect(200), "accepted");
    wait_until("the work is done", || server.get("/").text() == "done");
    server.wait_for_log("rejected in the background");
}

#[test]
fn a_stream_that_fails_breaks_off_the_response() {
    let app = App::new(
        "export default { fetch: () => new Response(new ReadableStream({ async pull(controller) { \
         controller.enqueue(new TextEncoder().encode('part')); await 0; controller.error(new Error('midway')); } })) };",
    );
    let server = Server::of(&app);
    let mut connection = server.connect();
    // The head may be held back until the first piece is there, but what is sent must never look whole.
    if let Ok(head) = connection.begin(&Request::get("/")) {
        head.expect(200);
        let mut chunk = connection.chunk();
        while let Ok(Some(_)) = chunk {
            chunk = connection.chunk();
        }
        assert!(chunk.is_err(), "a broken body ended as if it were whole");
    }
    server.wait_for_log("midway");
}
