//! How many isolates an app gets: more under load, fewer after it, none when nobody comes, and what happens where there is
//! no room for another.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    App, CORES, Connection, Reply, Request, Serve, Server, beside_busy_cores, may_raise_threads, skipped, wait_until,
};

/// `/hold` answers when `/release` was asked in the same isolate, `/who` names the isolate.
const HOLDING: &str = r#"
import { getPlatform } from "@orilla/platform";
const { KV, DB } = getPlatform();
async function store(ms) {
  await DB.notes.insertOne({ _id: "a" });
  await KV.notes.get("a");
  await new Promise((resolve) => setTimeout(resolve, ms));
  return new Response("stored");
}
const self = Math.random();
export default {
  fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/hold") return new Promise((resolve) => setTimeout(() => resolve(new Response("held")), Number(url.searchParams.get("ms"))));
    if (url.pathname === "/loop") for (;;);
    if (url.pathname === "/store") return store(Number(url.searchParams.get("ms")));
    return new Response(String(self));
  },
};
"#;

/// A server with an admin listener.
struct Watched {
    server: Server,
    admin: SocketAddr,
}

impl Watched {
    fn start(serve: Serve) -> Self {
        let mut server = serve.args(["--admin-port", "0"]).start();
        let admin = server.listens_at("admin listening on ");
        Self { server, admin }
    }

    fn isolates(&self) -> Vec<Value> {
        let mut admin = Connection::open(self.admin);
        let reply = admin.request(&Request::get("/_orilla/isolates")).unwrap();
        reply.json()["isolates"].as_array().unwrap().clone()
    }

    fn count(&self) -> usize {
        self.isolates().len()
    }
}

const EVERY_WAY: &str = r#"
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const long = "x".repeat(3 << 20);
const streamed = (pull) => new Response(new ReadableStream({ pull }));

const ways = {
  "/text": () => new Response(long),
  "/bytes": () => new Response(new TextEncoder().encode(long)),
  "/slow": () => streamed(async (to) => (await sleep(3), to.enqueue(new Uint8Array(2000)))),
  "/fast": () => streamed((to) => to.enqueue(new Uint8Array(100_000))),
  "/fails": () => streamed(() => Promise.reject(new Error("on purpose"))),
  "/echo": (request) => new Response(request.body),
  "/read": async (request) => new Response(await request.text()),
  "/later": async (_, ctx) => (ctx.waitUntil(sleep(30)), await sleep(10), new Response("ok")),
  "/throws": async (_, ctx) => (ctx.waitUntil(sleep(20)), await sleep(5), ways.nothing()),
  "/aborted": (request) => new Promise((resolve) => (request.signal.onabort = () => resolve(new Response("late")))),
  "/socket": () => {
    const [client, server] = Object.values(new WebSocketPair());
    server.accept();
    return new Response(null, { status: 101, webSocket: client });
  },
};

export default {
  fetch: (request, env, ctx) => ways[new URL(request.url).pathname]?.(request, ctx) ?? new Response(Object.keys(ways).join()),
};
"#;

#[test]
fn an_isolate_whose_last_socket_has_closed_is_let_go() {
    let host = Watched::start(Serve::new(&App::new(EVERY_WAY)).config("[isolates]\nidle_ms = 1000\nprewarm = 0\n"));
    let mut socket = host.server.connect();
    let handshake = Request::get("/socket")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(socket.begin(&handshake).unwrap().status, 101);
    wait_until("the socket is there", || host.isolates()[0]["websockets"] == json!(1));
    socket.close();
    wait_until("the isolate is let go", || host.count() == 0);
}

#[test]
fn clients_that_leave_at_any_moment_leave_nothing_behind() {
    let limits = json!({ "wall_ms": 300_000, "array_buffer_mb": 16, "queue_wait_ms": 60_000 });
    let host = Watched::start(Serve::new(&App::new(EVERY_WAY).manifest(json!({ "limits": limits }))));
    let ways = host.server.get("/").expect(200);
    let leave = |way: &str, after: u64| {
        let mut connection = host.server.connect();
        let extra = match way {
            "/echo" | "/read" => "content-length: 100000\r\n\r\npart",
            "/socket" => {
                "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                 sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            }
            _ => "\r\n",
        };
        connection
            .send(format!("POST {way} HTTP/1.1\r\nhost: a\r\n{extra}").replacen("POST /socket", "GET /socket", 1))
            .unwrap();
        thread::sleep(Duration::from_millis(after));
        connection.close();
    };
    thread::scope(|scope| {
        for way in ways.split(',') {
            scope.spawn(move || (0..24).for_each(|round| leave(way, 1 << (round % 8) >> 1)));
        }
    });
    let left = || {
        host.isolates()
            .iter()
            .map(|isolate| (isolate["requests"].clone(), isolate["websockets"].clone()))
            .collect::<Vec<_>>()
    };
    wait_until("nothing is left", || left().iter().all(|left| *left == (json!(0), json!(0))));
    assert_eq!(host.server.get("/").expect(200), ways);
    assert_eq!(host.server.send(&Request::post("/read", "whole")).expect(200), "whole");
}

/// Sends requests side by side and waits for all answers.
fn all_at_once(server: &Server, count: usize, target: &str) -> Vec<Reply> {
    thread::scope(|scope| {
        let sent: Vec<_> = (0..count).map(|_| scope.spawn(|| server.get(target))).collect();
        sent.into_iter().map(|reply| reply.join().unwrap()).collect()
    })
}

fn holding(limits: Value) -> App {
    App::new(HOLDING).manifest(json!({ "limits": limits, "features": { "snapshot": false } }))
}

#[test]
fn a_pool_grows_under_load_and_shrinks_to_nothing() {
    let app = holding(json!({}));
    let config = "[isolates]\ntarget_requests = 2\nmax_per_app = 3\nidle_ms = 500\n";
    let watched = Watched::start(Serve::new(&app).config(config));
    thread::scope(|scope| {
        let load = scope.spawn(|| all_at_once(&watched.server, 12, "/hold?ms=1500"));
        wait_until("the pool grows to its bound", || watched.count() == 3);
        for reply in load.join().unwrap() {
            assert_eq!(reply.expect(200), "held");
        }
    });
    assert!(watched.count() <= 3);
    wait_until("the pool shrinks to nothing", || watched.count() == 0);
    watched.server.get("/").expect(200);
    assert_eq!(watched.count(), 1);
}

#[test]
fn one_request_at_a_time_takes_one_isolate() {
    let app = App::new(
        "export default { fetch() { for (const end = performance.now() + 60; performance.now() < end; ); return new Response(); } };",
    );
    let watched = Watched::start(Serve::new(&app));
    for _ in 0..10 {
        watched.server.get("/").expect(200);
        // The isolate has told its pool that it has nothing to do any more.
        thread::sleep(Duration::from_millis(10));
        assert_eq!(watched.count(), 1);
    }
}

#[test]
fn what_an_isolate_uses_can_be_seen() {
    let watched = Watched::start(Serve::new(&holding(json!({}))));
    watched.server.get("/").expect(200);
    wait_until("the isolate is idle", || watched.isolates()[0]["state"] == "idle");
    let isolate = &watched.isolates()[0];
    assert_eq!(isolate["app"], "app");
    assert_eq!(isolate["requests"], 0);
    assert!(isolate["memory_bytes"].as_u64().unwrap() > 1 << 20, "{isolate}");
    assert_eq!(isolate["version"].as_str().unwrap().len(), 16);
}

#[test]
fn the_least_recently_used_isolate_makes_room() {
    let [one, two, three] = ["one", "two", "three"].map(|name| holding(json!({})).manifest(json!({ "name": name })));
    let serve = Serve::new(&one).args([two.manifest_path(), three.manifest_path()]);
    let watched = Watched::start(serve.config("[isolates]\nprewarm = 0\nmax = 2\n"));
    let ask = |app: &str, target: &str| {
        watched.server.send(&Request::get(target).header("host", &format!("{app}.localhost"))).expect(200)
    };
    let apps =
        || watched.isolates().iter().map(|isolate| isolate["app"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let first = ask("one", "/");
    ask("two", "/");
    assert_eq!(ask("one", "/"), first, "the isolate lives");
    thread::sleep(Duration::from_millis(10));
    ask("one", "/");
    ask("three", "/");
    assert!(apps().contains(&"three".to_owned()), "{:?}", apps());
    assert!(!apps().contains(&"two".to_owned()), "two is the one that was used least recently: {:?}", apps());
    assert_eq!(ask("one", "/"), first);
}

#[test]
fn too_many_requests_are_refused_at_once_and_the_app_recovers() {
    let app = holding(json!({ "concurrent_requests": 1, "queued_requests": 2 }));
    let watched = Watched::start(Serve::new(&app).config("[isolates]\nmax_per_app = 1\n"));
    let server = &watched.server;
    server.get("/").expect(200);
    // A request has its place for a moment longer than its client waits.
    wait_until("the isolate is idle", || watched.isolates()[0]["state"] == "idle");
    let replies = all_at_once(server, 8, "/hold?ms=700");
    let (held, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert_eq!((held.len(), refused.len()), (3, 5));
    for reply in refused {
        reply.expect_error(503, "overloaded");
        assert_eq!(reply.header("retry-after").as_deref(), Some("1"));
    }
    server.get("/").expect(200);
}

#[test]
fn where_no_isolate_can_be_added_requests_wait_for_those_there_are() {
    let app = holding(json!({ "concurrent_requests": 1 }));
    let server = Serve::new(&app).config("[isolates]\nprewarm = 0\nmax = 2\n").start();
    server.get("/").expect(200);
    for reply in all_at_once(&server, 6, "/hold?ms=200") {
        assert_eq!(reply.expect(200), "held");
    }
    let complaints = server.log().matches("ISOLATES_EXHAUSTED").count();
    assert!(complaints <= 2, "{complaints} lines say the same");
}

#[test]
fn a_request_that_waits_too_long_for_a_place_is_refused() {
    let app = holding(json!({ "concurrent_requests": 1, "queue_wait_ms": 100 }));
    let server = Serve::new(&app).config("[isolates]\nmax_per_app = 1\n").start();
    server.get("/").expect(200);
    let replies = all_at_once(&server, 2, "/hold?ms=1500");
    let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
    assert!(statuses.contains(&200) && statuses.contains(&503), "{statuses:?}");
}

/// What another request of the same isolate is owed when the isolate has to be terminated.
#[test]
fn requests_of_a_terminated_isolate_are_asked_again_where_that_is_safe() {
    let app = holding(json!({ "cpu_ms": 300 }));
    let server = Serve::new(&app).config("[isolates]\nmax_per_app = 1\n").start();
    server.get("/").expect(200);
    thread::scope(|scope| {
        let get = scope.spawn(|| server.get("/hold?ms=600"));
        let post = scope.spawn(|| server.send(&Request::post("/hold?ms=600", "")));
        thread::sleep(Duration::from_millis(100));
        server.get("/loop").expect_error(503, "cpu");
        assert_eq!(get.join().unwrap().expect(200), "held");
        post.join().unwrap().expect_error(503, "cpu");
    });
}

#[test]
fn a_looping_app_does_not_slow_its_neighbour_to_a_halt() {
    let busy = holding(json!({ "cpu_ms": 5_000 }))
        .manifest(json!({ "name": "busy", "limits": { "cpu_ms": 5_000, "wall_ms": 10_000 } }));
    let quick = holding(json!({}));
    let _cores = CORES.lock();
    let server = Serve::new(&quick).args([busy.manifest_path()]).start();
    let host = |name: &str| format!("{name}.localhost");
    thread::scope(|scope| {
        let loops: Vec<_> =
            (0..3).map(|_| scope.spawn(|| server.send(&Request::get("/loop").header("host", &host("busy"))))).collect();
        let isolates = || server.threads_with_timers().iter().filter(|name| name.starts_with("isolate")).count();
        if std::path::Path::new("/proc/self/timers").exists() {
            wait_until("the loops give way", || isolates() > 0);
        } else {
            skipped("loops give way: this kernel does not show the timers of a process");
        }
        // Hundreds of requests are answered while the others burn their five seconds.
        for _ in 0..300 {
            server.send(&Request::get("/").header("host", &host("app"))).expect(200);
        }
        if may_raise_threads() {
            // V8's own are the one thing that the apps share with a loop.
            let last = || server.threads_that_go_last();
            wait_until("V8's threads go last", || last().iter().any(|thread| thread.starts_with("V8 ")));
        }
        assert!(!loops.iter().all(thread::ScopedJoinHandle::is_finished));
        for reply in loops {
            let reply = reply.join().unwrap();
            // Which of the two depends on what else the machine has to do.
            assert!(matches!(reply.header("x-orilla-error").as_deref(), Some("cpu" | "wall")), "{reply:?}");
        }
    });
}

/// Other processes are no reason to starve: what computes for long is slow beside them, and comes to its end.
#[test]
fn a_long_computation_ends_although_others_want_the_processor() {
    if !may_raise_threads() {
        return;
    }
    let app = App::new(COMPUTING).manifest(json!({ "limits": { "wall_ms": 20_000 } }));
    let server = Server::of(&app);
    let reply = beside_busy_cores(4, || server.get("/"));
    assert_eq!(reply.expect(200), "199999999");
}

/// Takes some tenths of a second of CPU time, which is several times what a turn has at its first priority, and waits for V8's own
/// threads, which collect the memories.
const COMPUTING: &str = r#"
export default {
  fetch() {
    let sum = 0;
    for (let i = 0; i < 200_000_000; i++) sum += i % 3;
    for (let i = 0; i < 50; i++) new Uint8Array(new WebAssembly.Memory({ initial: 80 }).buffer).fill(1);
    return new Response(String(sum));
  },
};
"#;

#[test]
fn an_app_that_ends_badly_again_and_again_goes_last_until_it_has_answered() {
    let app = holding(json!({ "cpu_ms": 200 }));
    let watched = Watched::start(Serve::new(&app).config("[isolates]\nmax_per_app = 1\n"));
    let priority = || watched.isolates().first().map(|isolate| isolate["priority"].clone());
    watched.server.get("/").expect(200);
    assert_eq!(priority(), Some(json!("normal")));
    for _ in 0..2 {
        // Not asked again of another isolate.
        watched.server.send(&Request::post("/loop", "")).expect_error(503, "cpu");
    }
    thread::scope(|scope| {
        let held = scope.spawn(|| watched.server.get("/store?ms=1500"));
        wait_until("the next isolate has the lowest priority", || priority() == Some(json!("lowest")));
        assert_eq!(held.join().unwrap().expect(200), "stored");
    });
    // What it has begun and leaves behind serves other isolates, and other apps.
    let last = watched.server.threads_that_go_last();
    assert!(last.iter().all(|thread| thread.starts_with("isolate") || thread.starts_with("V8 ")), "{last:?}");
    // It is raised again, or replaced where that is not allowed.
    watched.server.get("/").expect(200);
    wait_until("the isolate has the normal priority", || priority() == Some(json!("normal")));
}

/// A turn begins as many requests as it then has microtasks of: so the first to go on after `await` ends the count.
const TURNS: &str = r#"
let begun = 0;
let batch = 0;
export default {
  async fetch() {
    begun += 1;
    await null;
    if (begun > 0) {
      batch = begun;
      begun = 0;
    }
    for (const end = performance.now() + 30; performance.now() < end; );
    return Response.json({ batch });
  },
};
"#;

#[test]
fn a_turn_begins_no_more_requests_than_fit_into_it() {
    let app = App::new(TURNS).manifest(json!({ "features": { "snapshot": false } }));
    let server = Serve::new(&app).config("[isolates]\nmax_per_app = 1\n").start();
    // The first turn does not know yet how long they take.
    server.get("/").expect(200);
    let replies = all_at_once(&server, 40, "/");
    let batches: Vec<_> = replies.iter().map(|reply| reply.json()["batch"].as_u64().unwrap()).collect();
    assert!(batches.iter().all(|batch| *batch <= 8), "requests of 30 ms that turns began together: {batches:?}");
}

/// Memory of an isolate that is gone lies between what others still have.
#[test]
fn an_isolate_that_has_ended_leaves_its_memory_to_the_machine() {
    let keeping = |name: &str, pieces: usize, bytes: usize| {
        let source = format!(
            "const kept = []; export default {{ fetch() {{
               for (let i = 0; i < {pieces}; i++) kept.push(new Uint8Array({bytes}).fill(1));
               return new Response(); }} }};"
        );
        App::new(&source).manifest(json!({ "name": name, "limits": { "array_buffer_mb": 256, "heap_mb": 256 } }))
    };
    let large = keeping("large", 40, 100_000);
    let small = ["one", "two", "three", "four"].map(|name| (name, keeping(name, 1, 2_000)));
    let manifests = small.iter().map(|(_, app)| app.manifest_path());
    let config = "[isolates]\nidle_ms = 1500\nprewarm = 0\n";
    let server = Serve::new(&large).args(manifests).config(config).start();
    let ask = |name: &str| server.send(&Request::get("/").header("host", &format!("{name}.localhost"))).expect(200);
    let ask_small = || small.iter().for_each(|(name, _)| drop(ask(name)));
    ask_small();
    let before = server.resident_mb();
    for _ in 0..40 {
        ask("large");
        ask_small();
    }
    assert!(server.resident_mb() > before + 150, "{} MB after {before} MB", server.resident_mb());
    wait_until("the memory is given back", || {
        // These go on.
        ask_small();
        server.resident_mb() < before + 50
    });
}
