//! Requests that no browser sends: each is answered or cut off, and the server goes on.

use std::io::Write;
use std::net::Shutdown;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{App, Request, Serve, Server, run, wait_until};
use crate::websocket::handshake;

const ECHO: &str = "export default { fetch: (request) => new Response(`${request.method} ${request.url}`) };";

/// Sends bytes, and returns the status of the reply; `None` if the connection is closed without one.
fn status_of(server: &Server, bytes: impl AsRef<[u8]>) -> Option<u16> {
    let mut connection = server.connect();
    // A server that refuses what it has read so far may close before all is sent.
    let _ = connection.send(bytes);
    connection.head().ok().map(|reply| reply.status)
}

#[test]
fn malformed_requests_are_refused() {
    let server = Server::of(&App::new(ECHO));
    let requests: &[&[u8]] = &[
        b"\r\n\r\n\r\nnonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\nhost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nbad\0name: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET /a b HTTP/1.1\r\nhost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ];
    for request in requests {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        // The server may have refused it before it was sent to its end.
        let _ = stream.write_all(request).and_then(|()| stream.shutdown(Shutdown::Write));
        drop(stream);
        assert_eq!(server.get("/").expect(200), "GET http://test.example/", "{request:?}");
    }
    for request in &requests[1..8] {
        let status = status_of(&server, request);
        assert!(
            status.is_none_or(|status| (400..=505).contains(&status)),
            "{status:?} {:?}",
            request.escape_ascii().to_string()
        );
    }
}

#[test]
fn a_request_reaches_an_app_only_with_an_address_that_an_url_can_have() {
    let app = App::new("export default { fetch: ({ url }) => new Response(`${url} ${new URL(url).href === url}`) };");
    let server = Server::of(&app);
    let ask = |line: &str, hosts: &[&str]| {
        let hosts: String = hosts.iter().map(|host| format!("host: {host}\r\n")).collect();
        let mut connection = server.connect();
        connection.send(format!("{line}\r\n{hosts}\r\n")).unwrap();
        connection.reply("GET").unwrap()
    };
    for (host, url) in [
        ("a", "http://a/x"),
        ("A_b.Example", "http://a_b.example/x"),
        ("a:", "http://a/x"),
        ("a:080", "http://a/x"),
        ("a:8080", "http://a:8080/x"),
        ("0x7f.1", "http://127.0.0.1/x"),
        ("[0:0::1]:8080", "http://[::1]:8080/x"),
    ] {
        assert_eq!(ask("GET /x HTTP/1.1", &[host]).expect(200), format!("{url} true"), "{host}");
    }
    for host in ["a:b", "a:99999", "a:+80", ":80", "a@b", "[zz]", "1.2.3.4.5", "999.1.1.1", "xn--a", "a%zz", "a b", ""]
    {
        ask("GET /x HTTP/1.1", &[host]).expect_error(400, "bad_request");
    }
    ask("GET /x HTTP/1.1", &[]).expect_error(400, "bad_request");
    ask("GET /x HTTP/1.1", &["a", "a"]).expect_error(400, "bad_request");
    ask("OPTIONS * HTTP/1.1", &["a"]).expect_error(404, "not_found");
    assert_eq!(ask("GET http://b?x HTTP/1.1", &["a"]).expect(200), "http://b/?x true");
    ask("GET http://b:x/ HTTP/1.1", &["a"]).expect_error(400, "bad_request");
}

#[test]
fn ambiguous_framing_never_smuggles_a_second_request() {
    let server = Server::of(&App::new(ECHO));
    let smuggled = "POST /first HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /second HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut connection = server.connect();
    connection.send(smuggled).unwrap();
    let first = connection.reply("POST").unwrap();
    // Either it is refused, or it is read as chunked, as RFC 9112 has it; then the connection must not be used on.
    if first.status == 200 {
        assert!(connection.reply("GET").is_err(), "a smuggled request was answered");
    } else {
        first.expect(400);
    }
}

#[test]
fn header_bombs_are_refused() {
    let server = Server::of(&App::new(ECHO));
    let long = format!("GET / HTTP/1.1\r\nhost: a\r\nx-long: {}\r\n\r\n", "x".repeat(40_000));
    assert_eq!(status_of(&server, long), Some(431));
    let many: String = (0..5_000).map(|i| format!("x-{i}: v\r\n")).collect();
    assert_eq!(status_of(&server, format!("GET / HTTP/1.1\r\nhost: a\r\n{many}\r\n")), Some(431));
    let target = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(70_000));
    assert!(matches!(status_of(&server, target), Some(414 | 431)));
    server.get("/").expect(200);
}

#[test]
fn a_client_that_dribbles_its_headers_is_cut_off() {
    let server = Serve::new(&App::new(ECHO)).config("[server]\nheader_read_timeout_ms = 200\n").start();
    let mut connection = server.connect();
    connection.send("GET / HTTP/1.1\r\nhost: a\r\nx-slow: ").unwrap();
    assert!(connection.is_closed());
    server.get("/").expect(200);
}

#[test]
fn a_client_that_dribbles_its_body_is_cut_off() {
    let app = App::new("export default { fetch: async (request) => new Response(await request.text()) };");
    let server = Serve::new(&app).config("[server]\nbody_idle_timeout_ms = 200\n").start();
    let mut connection = server.connect();
    connection.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc").unwrap();
    assert!(connection.is_closed());
    assert_eq!(server.send(&Request::post("/", "whole")).expect(200), "whole");
}

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    let app = App::new(
        "let left = 0; const part = new Uint8Array(1 << 20); \
         export default { fetch(request) { if (new URL(request.url).pathname === '/left') return new Response(left); \
         return new Response(new ReadableStream({ pull: (c) => c.enqueue(part), cancel: () => { left++; } })); } };",
    );
    let server = Serve::new(&app).config("[server]\nsend_timeout_ms = 2000\n").start();
    let begun = || {
        let mut connection = server.connect();
        connection.begin(&Request::get("/endless")).unwrap().expect(200);
        connection
    };
    let mut silent = begun();
    let mut steady = begun();
    // Slow is no reason.
    for _ in 0..12 {
        steady.exactly(8 << 20).unwrap();
        std::thread::sleep(Duration::from_millis(300));
    }
    wait_until("the silent client is cut off", || server.get("/left").expect(200) == "1");
    steady.exactly(8 << 20).unwrap();
    assert!(silent.is_closed());
}

#[test]
fn an_idle_connection_is_closed() {
    let app = App::new(ECHO);
    let server =
        Serve::new(&app).config("[server]\nkeep_alive_timeout_ms = 200\nheader_read_timeout_ms = 300000\n").start();
    let mut connection = server.connect();
    connection.request(&Request::get("/")).unwrap().expect(200);
    assert!(connection.is_closed());
}

#[test]
fn the_time_for_the_head_of_a_request_begins_with_its_first_byte() {
    let app = App::new(
        "export default { async fetch() { await new Promise((done) => setTimeout(done, 600)); return new Response('slow'); } };",
    );
    let server = Serve::new(&app).config("[server]\nheader_read_timeout_ms = 200\n").start();
    let mut connection = server.connect();
    for _ in 0..2 {
        assert_eq!(connection.request(&Request::get("/")).unwrap().expect(200), "slow");
        std::thread::sleep(Duration::from_millis(600));
    }
    connection.send("GET / HTTP/1.1\r\nhost: a\r\nx-slow: ").unwrap();
    assert!(connection.is_closed());
    // Who connects and says nothing is no better.
    assert!(server.connect().is_closed());
}

#[test]
fn requests_on_one_connection_are_answered_in_order() {
    let server = Server::of(&App::new(ECHO));
    let mut connection = server.connect();
    let pipelined: String = (0..10).map(|i| format!("GET /{i} HTTP/1.1\r\nhost: a\r\n\r\n")).collect();
    connection.send(pipelined).unwrap();
    for i in 0..10 {
        assert_eq!(connection.reply("GET").unwrap().expect(200), format!("GET http://a/{i}"));
    }
}

#[test]
fn the_absolute_form_is_understood() {
    let server = Server::of(&App::new(ECHO));
    let reply = server.send(&Request::get("http://other.example/path?q=1"));
    assert_eq!(reply.expect(200), "GET http://other.example/path?q=1");
}

#[test]
fn no_form_of_dots_reaches_the_app_or_a_file() {
    let app = App::new(ECHO).manifest(serde_json::json!({ "static": "static" })).write("static/in.txt", "in");
    let server = Server::of(&app);
    for path in ["/../manifest.json", "/%2e%2e/manifest.json", "/%2E./manifest.json", "/a/%2e%2e/in.txt", "/./in.txt"] {
        let reply = server.get(path);
        assert_eq!(reply.status, 400, "{path}");
        assert!(reply.text().contains("REQUEST_PATH_INVALID"), "{path}: {}", reply.text());
    }
    for path in ["/%252e%252e/manifest.json", "/..%2fmanifest.json", "/..%5cmanifest.json", "/%00", "/%"] {
        assert!(!server.get(path).text().contains("entrypoint"), "{path}");
    }
}

#[test]
fn no_spelling_of_a_path_gets_around_the_routes() {
    let server = Server::of(&App::new(ECHO).manifest(serde_json::json!({ "routes": { "exclude": ["/admin/*"] } })));
    for path in ["/x/../admin/x", "/x/%2e%2e/admin/x", "/./admin/x", "/x%2f..%2fadmin/x", "/admin/%ff", "/admin/%"] {
        for method in ["GET", "POST"] {
            let reply = server.send(&Request::new(method, path));
            assert!(reply.expect(400).contains("REQUEST_PATH_INVALID"), "{method} {path}: {}", reply.text());
        }
    }
    for path in ["/admin/x", "/%61dmin/x", "/%61dmin/x?y", "/admin%2fx"] {
        server.get(path).expect_error(404, "not_found");
    }
    for path in ["/admin\\x", "/x\\..\\admin\\x"] {
        assert_ne!(server.get(path).status, 200, "{path}");
    }
    for path in ["/admin", "/x/admin/x", "/%2561dmin/x"] {
        server.get(path).expect(200);
    }
}

#[test]
fn private_addresses_are_refused_unless_the_host_allows_them() {
    let target = Server::of(&App::new("export default { fetch: () => new Response('inside') };"));
    let app = App::new(
        "export default { async fetch(request) { const url = new URL(request.url).searchParams.get('url'); \
         try { return new Response(await (await fetch(url)).text()); } \
         catch (error) { return new Response(error.code ?? String(error)); } } };",
    );
    let port = target.address().port();
    let ask = |server: &Server, url: &str| server.get(&format!("/?url={url}")).expect(200);
    let server = Server::of(&app);
    for host in ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "127.1", "2130706433"] {
        assert_eq!(ask(&server, &format!("http://{host}:{port}/")), "EGRESS_DENIED", "{host}");
    }
    assert_eq!(ask(&server, "http://169.254.169.254/"), "EGRESS_DENIED");
    drop(server);
    let open = Serve::new(&app).config("[egress]\nallow = [\"127.0.0.1\"]\n").start();
    assert_eq!(ask(&open, &format!("http://127.0.0.1:{port}/")), "inside");
    assert_eq!(ask(&open, &format!("http://127.0.0.2:{port}/")), "EGRESS_DENIED");
    drop(open);
    let open = Serve::new(&app).env("ORILLA_EGRESS_ALLOW_PRIVATE", "true").start();
    assert_eq!(ask(&open, &format!("http://127.0.0.1:{port}/")), "inside");
}

#[test]
fn a_redirect_does_not_lead_past_the_egress_rules() {
    let inside = Server::of(&App::new("export default { fetch: () => new Response('inside') };"));
    let port = inside.address().port();
    let redirect = format!("export default {{ fetch: () => Response.redirect('http://127.0.0.2:{port}/') }};");
    let outside = Server::of(&App::new(&redirect));
    let app = App::new(&format!(
        "export default {{ fetch: () => fetch('http://{}/').then((r) => r.text()).then((t) => new Response(t), (e) => new Response(e.code)) }};",
        outside.address()
    ));
    let server = Serve::new(&app).config("[egress]\nallow = [\"127.0.0.1\"]\n").start();
    assert_eq!(server.get("/").expect(200), "EGRESS_DENIED");
}

#[test]
fn as_many_clients_as_may_be_leave_the_apps_their_files() {
    let app = App::new(
        "import { getPlatform } from '@orilla/platform';
         export default { async fetch({ url }) {
           if (new URL(url).pathname === '/endless') return new Response(new ReadableStream({}));
           const { DB, KV } = getPlatform();
           await DB.insertOne('visits', {});
           await KV.visits.put('last', 'now');
           return new Response(String(await DB.countDocuments('visits')));
         } };",
    );
    let server = Serve::new(&app).config("[isolates]\nprewarm = 0\n").open_files(40, 160).start();
    server.wait_for_log("at most 80 connections at a time instead of 10000: the process may have 160 files open");
    let streams: Vec<_> = (0..79)
        .map(|_| {
            let mut client = server.connect();
            assert_eq!(client.begin(&Request::get("/endless")).unwrap().status, 200);
            client
        })
        .collect();
    let visit = || server.get("/").expect(200);
    assert_eq!([visit(), visit()], ["1", "2"]);
    // More than there is a place for.
    let waiting: Vec<_> = (0..80).map(|_| server.connect()).collect();
    drop((streams, waiting));
    assert_eq!(visit(), "3");
    assert!(!server.log().contains("ACCEPT_FAILED"), "{}", server.log());
}

#[test]
fn nothing_waits_for_who_reads_the_log() {
    let app = |name: &str| {
        let source = "export default { fetch(request) {
            const lines = Number(new URL(request.url).searchParams.get('lines'));
            for (let i = 1; i <= lines; i++) console.log(`line ${i} ${'x'.repeat(1000)}`);
            return new Response('logged');
          } };";
        App::new(source).manifest(json!({ "name": name }))
    };
    let (loud, quiet) = (app("loud"), app("quiet"));
    let mut server = Serve::new(&loud).args([quiet.manifest_path()]).config("[log]\naccess = \"all\"\n").start();
    let ask = |name: &str, lines: u32| {
        let request = Request::get(&format!("/?lines={lines}")).header("host", &format!("{name}.localhost"));
        assert_eq!(server.send(&request).expect(200), "logged");
    };
    server.leave_log_unread(true);
    ask("loud", 5_000);
    for _ in 0..100 {
        ask("loud", 1);
        ask("quiet", 2);
    }
    server.leave_log_unread(false);
    wait_until("each line is there or counted", || {
        let log = server.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str(line).ok());
        let lines: Vec<Value> = lines.collect();
        let (gaps, lines): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line["code"] == "LOG_LINES_LEFT_OUT");
        assert!(gaps.iter().all(|gap| gap["app"] == "loud"), "{gaps:?}");
        let left_out: u64 = gaps.iter().filter_map(|gap| gap["lines"].as_u64()).sum();
        // Those of the console, and one in the access log for each request.
        let tells =
            |line: &Value, app: &str| line["app"] == app && (line["target"] == "app" || line["target"] == "access");
        let of = |app: &str| lines.iter().filter(|line| tells(line, app)).count() as u64;
        assert!(of("loud") + left_out <= 5_100 + 101 && of("quiet") <= 300);
        of("loud") + left_out == 5_100 + 101 && of("quiet") == 300 && left_out > 3_000 && of("loud") > 500
    });
    // Nor does its end wait.
    server.leave_log_unread(true);
    ask("loud", 5_000);
    server.signal(libc::SIGTERM);
    assert_eq!(server.ended().code(), Some(0));
}

/// Reaches an `unwrap` in deno_core, beneath V8: a module of the host's that is loaded late never gets to its end.
const FAILS_BENEATH_V8: &str = r#"
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/socket") {
      const [client, server] = Object.values(new WebSocketPair());
      server.accept();
      server.send("welcome");
      return new Response(null, { status: 101, webSocket: client });
    }
    if (pathname === "/stream") return new Response(new ReadableStream({ start: (to) => to.enqueue(new Uint8Array(9)) }));
    if (pathname === "/crash") {
      globalThis.Map = class { constructor() { for (;;); } };
      await import("node:querystring");
    }
    return new Response("fine");
  },
};
"#;

#[test]
fn where_the_runtime_itself_fails_only_the_isolate_is_lost() {
    let app = |source: &str, name: &str| {
        App::new(source).manifest(json!({ "name": name, "limits": { "cpu_ms": 100, "wall_ms": 90_000 } }))
    };
    let (bad, good) = (app(FAILS_BENEATH_V8, "bad"), app(ECHO, "good"));
    let server = Serve::new(&bad).args([good.manifest_path()]).config("[isolates]\nmax_per_app = 1\n").start();
    let request = |app: &str, path: &str| Request::get(path).header("host", &format!("{app}.localhost"));
    let ask = |app: &str, path: &str| server.send(&request(app, path));

    let mut socket = server.connect();
    socket.begin(&handshake("/socket").header("host", "bad.localhost")).unwrap().expect(101);
    let mut stream = server.connect();
    stream.begin(&request("bad", "/stream")).unwrap().expect(200);
    ask("bad", "/crash").expect_error(503, "cpu");
    assert!(socket.is_closed(), "the client of a WebSocket hears of it");
    assert!(stream.is_closed(), "an answer under way breaks off");
    ask("bad", "/").expect(200);
    ask("good", "/").expect(200);
    server.wait_for_log("ISOLATE_CRASHED");

    // An isolate that has crashed keeps its memory, so an app may lose a few of them and no more.
    let refused = (0..4).any(|_| ask("bad", "/crash").status == 500);
    assert!(refused, "it gets another isolate each time");
    ask("bad", "/").expect_error(500, "crashed");
    ask("good", "/").expect(200);
}

#[test]
fn a_check_survives_that_the_runtime_itself_fails() {
    let fills_the_heap = "constructor() { for (const all = []; ; ) all.push(new Array(1e6).fill(1.5)); }";
    let app = App::new(&format!("globalThis.Map = class {{ {fills_the_heap} }}; await import('node:querystring');"));
    let output = run(&["check", &app.manifest_path()]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains("error[ENTRYPOINT_THREW]") && report.contains("the runtime failed"), "{report}");
}
