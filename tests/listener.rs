//! Ports, protocols and the end of the process.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{App, Connection, DEADLINE, Request, Serve, Server};

const HELLO: &str = "export default { fetch: (request) => new Response(`hello ${new URL(request.url).protocol}`) };";

fn curl(arguments: &[&str]) -> String {
    let output =
        Command::new("curl").args(["--silent", "--show-error", "--max-time", "60"]).args(arguments).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let app = App::new(HELLO);
    let output = Serve::new(&app).port(&port).fails();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("error[") && stderr.contains(&port), "{stderr}");
}

#[test]
fn the_admin_listener_is_apart_from_the_apps() {
    let app = App::new(HELLO);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let mut server = Serve::new(&app).args(["--admin-port", &free]).start();
    let admin = server.listens_at("admin listening on ");
    let mut connection = Connection::open(admin);
    let mut ask = |path| connection.request(&Request::get(path)).unwrap();
    assert_eq!(ask("/_orilla/health").expect(200), "{\"status\":\"ok\"}\n");
    assert!(ask("/_orilla/metrics").expect(200).contains("# TYPE"));
    ask("/").expect(404);
    assert_eq!(server.get("/_orilla/health").expect(200), "hello http:");
}

#[test]
fn http_2_is_spoken_with_prior_knowledge() {
    let server = Server::of(&App::new(HELLO));
    let url = format!("http://{}/", server.address());
    let both = ["--http2-prior-knowledge", "--write-out", " over %{http_version}", &url];
    assert_eq!(curl(&both), "hello http: over 2");
}

#[test]
fn tls_is_spoken_in_both_protocol_versions() {
    let app = App::new(HELLO);
    let (certificate, key) =
        (app.beside("cert.pem").display().to_string(), app.beside("key.pem").display().to_string());
    let openssl = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ])
        .output()
        .unwrap();
    assert!(openssl.status.success(), "{}", String::from_utf8_lossy(&openssl.stderr));
    let server = Serve::new(&app).args(["--tls-cert", &certificate, "--tls-key", &key]).start();
    let url = format!("https://localhost:{}/", server.address().port());
    for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let arguments = [option, "--cacert", &certificate, "--write-out", " over %{http_version}", &url];
        assert_eq!(curl(&arguments), format!("hello https: over {version}"));
    }
    drop(server);
    let output = Serve::new(&app).args(["--tls-cert", &key, "--tls-key", &key]).fails();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("error["));
}

#[test]
fn sigterm_lets_requests_in_flight_finish() {
    let app = App::new(
        "export default { async fetch() { console.log('begun'); await new Promise((resolve) => setTimeout(resolve, 500)); \
         return new Response('finished'); } };",
    );
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let mut server = Server::of(&app);
        let mut connection = server.connect();
        connection.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        server.wait_for_log("begun");
        server.signal(signal);
        assert_eq!(connection.reply("GET").unwrap().expect(200), "finished");
        assert!(connection.is_closed());
        assert!(server.ended().success());
    }
}

#[test]
fn the_time_to_drain_is_bounded() {
    let app = App::new("export default { fetch() { console.log('begun'); return new Promise(() => {}); } };");
    let mut server = Serve::new(&app).config("[server]\ndrain_timeout_ms = 100\n").start();
    let mut connection = server.connect();
    connection.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    server.wait_for_log("begun");
    server.signal(libc::SIGTERM);
    server.ended();
}

#[test]
fn the_log_is_json_with_app_and_request() {
    let app =
        App::new("export default { fetch() { console.warn('line', { a: 1 }, [2]); return new Response('ok'); } };");
    let server = Server::of(&app);
    server.get("/").expect(200);
    server.wait_for_log("line { a: 1 } [ 2 ]");
    let log = server.log();
    let line = log.lines().find(|line| line.contains("line { a: 1 }")).unwrap();
    let entry: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert!(entry["level"].as_str().is_some_and(|level| level.eq_ignore_ascii_case("warn")), "{entry}");
    assert!(entry.to_string().contains("\"app\":\"app\""), "{entry}");
}

#[test]
fn the_host_says_who_the_client_is_whatever_the_client_says() {
    let app = App::new(
        "const added = ['x-forwarded-for', 'x-forwarded-proto', 'traceparent'];
         export default { fetch({ url, headers }) {
           const one_by_one = () => added.map((name) => headers.get(name));
           const all = () => [...headers].filter(([name]) => added.includes(name)).sort().map(([, value]) => value);
           // What comes first must not matter: the host adds them when the app first looks.
           const seen = url.endsWith('/all') ? [all(), one_by_one()] : [one_by_one(), all()];
           return Response.json(seen.map((values) => [...values].sort()));
         } };",
    );
    let server = Server::of(&app);
    for target in ["/one", "/all"] {
        let honest = Request::get(target);
        let liar = ["198.51.100.1", "198.51.100.2"].into_iter().fold(honest.clone(), |request, address| {
            request.header("x-forwarded-for", address).header("x-forwarded-proto", "https")
        });
        for request in [honest, liar] {
            let seen = server.send(&request).json();
            assert_eq!(seen[0], seen[1], "{target}");
            assert_eq!(seen[0].as_array().unwrap().len(), 3, "{seen}");
            assert_eq!(seen[0][1], "127.0.0.1", "{seen}");
            assert_eq!(seen[0][2], "http", "{seen}");
        }
    }
}

/// A client of HTTP/2 that asks for one thing and reads what comes. What it takes of the answer's body is up to its windows.
struct Http2 {
    connection: Connection,
    /// Bytes of the body so far, and whether that was all.
    received: usize,
    has_ended: bool,
    answers_pings: bool,
    /// Whether the server has said that it takes no more requests, and that nothing is wrong (RFC 9113, 6.8).
    is_told_to_end: bool,
}

impl Http2 {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const GO_AWAY: u8 = 7;
    const WINDOW_UPDATE: u8 = 8;

    fn begin(server: &Server, path: &str) -> Self {
        let connection = server.connect();
        let mut this = Self { connection, received: 0, has_ended: false, answers_pings: true, is_told_to_end: false };
        this.connection.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        this.send(Self::SETTINGS, 0, 0, &[]);
        this.ask(1, path);
        this
    }

    fn ask(&mut self, stream: u32, path: &str) {
        self.has_ended = false;
        // GET, http, the authority `a` and the path, in HPACK; the end of the head and of the request (RFC 9113, 6.2; RFC 7541).
        let mut head = vec![0x82, 0x86, 0x41, 1, b'a', 0x44, u8::try_from(path.len()).unwrap()];
        head.extend(path.as_bytes());
        self.send(Self::HEADERS, 5, stream, &head);
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.connection.send(frame).unwrap();
    }

    /// Lets so many more bytes come.
    fn take(&mut self, bytes: u32) {
        self.send(Self::WINDOW_UPDATE, 0, 0, &bytes.to_be_bytes());
        self.send(Self::WINDOW_UPDATE, 0, 1, &bytes.to_be_bytes());
    }

    fn read_frame(&mut self) -> std::io::Result<()> {
        let head = self.connection.exactly(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let payload = self.connection.exactly(length)?;
        match head[3] {
            Self::DATA => {
                self.received += length;
                self.has_ended = head[4] & 1 == 1;
            }
            Self::GO_AWAY => self.is_told_to_end |= payload[4..8] == [0; 4],
            Self::PING if self.answers_pings => self.send(Self::PING, 1, 0, &payload),
            _ => {}
        }
        Ok(())
    }

    /// Reads until the body has so many bytes.
    fn read_until(&mut self, received: usize) {
        while self.received < received {
            self.read_frame().unwrap();
        }
    }
}

#[test]
fn an_http_2_client_that_takes_nothing_of_an_answer_is_cut_off() {
    const WINDOW: usize = 65_535;
    const STEPS: usize = 12;
    let length = WINDOW * STEPS;
    let source = format!("const text = 'x'.repeat({length}); export default {{ fetch: () => new Response(text) }};");
    let app = App::new(&source).manifest(json!({ "static": "static" })).write("static/long.txt", "y".repeat(length));
    let server = Serve::new(&app).config("[server]\nsend_timeout_ms = 2000\nkeep_alive_timeout_ms = 3600000\n").start();
    // They read all that comes, and open no window for more.
    let mut paused = Http2::begin(&server, "/long.txt");
    let mut silent = Http2::begin(&server, "/");
    silent.read_until(WINDOW);
    assert!(silent.connection.is_closed());
    // One that takes longer for all, and takes some all the time, gets all.
    let mut steady = Http2::begin(&server, "/");
    for step in 1..=STEPS {
        steady.read_until(WINDOW * step);
        std::thread::sleep(Duration::from_millis(300));
        if step < STEPS {
            steady.take(u32::try_from(WINDOW).unwrap());
        }
    }
    assert_eq!((steady.received, steady.has_ended), (length, true));
    // A file is on the disk meanwhile, and waits for as long as the client wants.
    paused.take(u32::try_from(length).unwrap());
    while !paused.has_ended {
        paused.read_frame().unwrap();
    }
    assert_eq!(paused.received, length);
}

#[test]
fn an_http_2_connection_that_rests_is_told_to_end() {
    let app = App::new("export default { fetch: () => new Response('answered') };");
    let server = Serve::new(&app).config("[server]\nkeep_alive_timeout_ms = 2000\n").start();
    let until_ended = |client: &mut Http2| {
        while !client.has_ended {
            client.read_frame().unwrap();
        }
    };
    let began = Instant::now();
    let mut client = Http2::begin(&server, "/");
    until_ended(&mut client);
    for stream in [3, 5, 7, 9] {
        std::thread::sleep(Duration::from_millis(700));
        client.ask(stream, "/");
        until_ended(&mut client);
    }
    assert_eq!(client.received, 5 * "answered".len());
    // What is read until the server closes the connection.
    let rest = |client: &mut Http2| loop {
        match client.read_frame() {
            Ok(_) => assert!(began.elapsed() < DEADLINE, "it is not told to end"),
            Err(error) => return error.kind(),
        }
    };
    assert_eq!(rest(&mut client), ErrorKind::UnexpectedEof);
    assert!(client.is_told_to_end);
    // One that does not answer is cut off a little later.
    let mut deaf = Http2::begin(&server, "/");
    deaf.answers_pings = false;
    assert!(matches!(rest(&mut deaf), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset));
    assert!(deaf.has_ended && deaf.is_told_to_end);
    drop((server, client, deaf));
    // The first request has to come within the time for the head.
    let times = "[server]\nheader_read_timeout_ms = 500\nkeep_alive_timeout_ms = 3600000\n";
    let server = Serve::new(&app).config(times).start();
    let mut silent = server.connect();
    silent.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    assert!(silent.is_closed());
}

#[test]
fn clients_that_read_slowly_leave_the_files_to_others() {
    let long = "x".repeat(1 << 20);
    let app = App::new(HELLO).manifest(json!({ "static": "static" })).write("static/long.txt", &long);
    let server = Server::of(&app);
    // As many as tokio has threads for files, and more; none opens a window for more than comes by itself.
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let mut client = Http2::begin(&server, "/long.txt");
            (1..190).for_each(|number| client.ask(2 * number + 1, "/long.txt"));
            client.read_until(65_535);
            client
        })
        .collect();
    assert_eq!(server.get("/long.txt").expect(200), long);
    drop(clients);
}

#[test]
fn a_new_connection_takes_the_place_of_one_that_rests() {
    let app = App::new(
        "const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
         const upgraded = () => {
           const [client, server] = Object.values(new WebSocketPair());
           server.accept();
           server.addEventListener('message', ({ data }) => server.send(data));
           return new Response(null, { status: 101, webSocket: client });
         };
         const ticks = () => new Response(new ReadableStream({
           async pull(controller) { await sleep(100); controller.enqueue(new Uint8Array(1)); } }));
         export default { fetch: ({ url }) => {
           const { pathname } = new URL(url);
           return pathname === '/socket' ? upgraded() : pathname === '/ticks' ? ticks() : new Response('answered');
         } };",
    );
    let server = Serve::new(&app).config("[server]\nmax_connections = 4\nkeep_alive_timeout_ms = 3600000\n").start();
    let asked = || {
        let mut connection = server.connect();
        assert_eq!(connection.request(&Request::get("/")).unwrap().expect(200), "answered");
        connection
    };
    let begun = |request: &Request| {
        let mut connection = server.connect();
        (connection.begin(request).unwrap().status, connection)
    };
    let handshake = Request::get("/socket")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let (status, mut socket) = begun(&handshake);
    assert_eq!(status, 101);
    let (_, mut streamed) = begun(&Request::get("/ticks"));
    // More than there are places for: each gets that of one which has been answered.
    let mut resting: Vec<_> = (0..6).map(|_| asked()).collect();
    // Those at work are spared, and where there are no others one that is new waits.
    let (_, second) = begun(&Request::get("/ticks"));
    let (_, third) = begun(&Request::get("/ticks"));
    assert!(resting.iter_mut().all(Connection::is_closed));
    let mut last = server.connect();
    last.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    assert!(last.is_silent_for(Duration::from_millis(1500)));
    streamed.chunk().unwrap().unwrap();
    drop(second);
    assert_eq!(last.reply("GET").unwrap().expect(200), "answered");
    drop(third);
    socket.send([0x81, 0x82, 0, 0, 0, 0, b'h', b'i']).unwrap();
    assert_eq!(socket.exactly(4).unwrap(), [0x81, 2, b'h', b'i']);
}
