//! Debugging with `--inspect`: the DevTools protocol spoken to the real binary, and stack traces in the app's own source.

use std::net::SocketAddr;
use std::thread;

use serde_json::{Value, json};

use crate::harness::{App, Connection, Reply, Request, Serve, Server, succeeds, wait_until};
use crate::websocket::{TEXT, receive, send};

/// The line of `greeting` counts from 0.
const APP: &str = "const state = { going: true };
export default {
  fetch(request) {
    const name = new URL(request.url).pathname.slice(1);
    const greeting = `Hello ${name}`;
    if (name === \"fail\") throw new Error(\"as asked\");
    if (name === \"loop\") console.log(\"looping\");
    while (name === \"loop\" && state.going) continue;
    return new Response(greeting);
  },
};
//# sourceMappingURL=server.js.map
";
const LINE_AFTER_GREETING: u32 = 5;

/// Every line of [`APP`] is ten lines further down in its source.
const SOURCE_MAP: &str = r#"{
  "version": 3,
  "sources": ["src/greeting.ts"],
  "sourcesContent": [""],
  "names": [],
  "mappings": "AAUA;AACA;AACA;AACA;AACA;AACA;AACA;AACA;AACA;AACA;AACA"
}"#;

fn app() -> App {
    // Whoever looks at a paused app needs longer than any request may take.
    let limits = json!({ "wall_ms": 200, "cpu_ms": 50, "queue_wait_ms": 200 });
    App::new(APP).write("server.js.map", SOURCE_MAP).manifest(json!({ "limits": limits }))
}

/// A server that debuggers may connect to, and where.
fn inspected(app: &App) -> (Server, SocketAddr) {
    let mut server = Serve::new(app).args(["--inspect=127.0.0.1:0"]).start();
    let address = server.listens_at("inspector listening on ");
    (server, address)
}

fn ask(inspector: SocketAddr, path: &str) -> Reply {
    let request = Request::get(path).header("host", &inspector.to_string());
    Connection::open(inspector).request(&request).unwrap()
}

/// What `/json` says of the one isolate there is, once it has its app.
fn target(inspector: SocketAddr) -> Value {
    let mut targets = Value::Null;
    wait_until("an isolate is listed", || {
        targets = ask(inspector, "/json").json();
        targets.as_array().unwrap().len() == 1
    });
    targets[0].take()
}

fn handshake(path: &str, host: &str) -> Request {
    Request::get(path)
        .header("host", host)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

/// A debugger that is attached.
struct Debugger {
    socket: Connection,
    last_command: u64,
    events: Vec<Value>,
}

impl Debugger {
    fn attach(inspector: SocketAddr) -> Self {
        let url = target(inspector)["webSocketDebuggerUrl"].as_str().unwrap().to_owned();
        let path = url.strip_prefix(&format!("ws://{inspector}")).unwrap();
        let mut socket = Connection::open(inspector);
        socket.begin(&handshake(path, &inspector.to_string())).unwrap().expect(101);
        Self { socket, last_command: 0, events: Vec::new() }
    }

    /// Attaches, and learns of the app's script.
    fn enable(inspector: SocketAddr) -> (Self, Value) {
        let mut debugger = Self::attach(inspector);
        debugger.command("Runtime.enable", json!({}));
        debugger.command("Debugger.enable", json!({}));
        let script = debugger.event("Debugger.scriptParsed", |script| script["url"] == "file:///app/server.js");
        (debugger, script)
    }

    /// Sends a command and returns its result.
    #[track_caller]
    fn command(&mut self, method: &str, parameters: Value) -> Value {
        self.last_command += 1;
        let command = json!({ "id": self.last_command, "method": method, "params": parameters });
        send(&mut self.socket, TEXT, command.to_string().as_bytes());
        loop {
            let mut message = self.message();
            if message["id"] == self.last_command {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].take();
            }
            self.events.push(message);
        }
    }

    /// The first event of this kind that there was or will be.
    fn event(&mut self, method: &str, is_meant: impl Fn(&Value) -> bool) -> Value {
        let is_meant = |event: &Value| event["method"] == method && is_meant(&event["params"]);
        loop {
            if let Some(index) = self.events.iter().position(is_meant) {
                return self.events.remove(index)["params"].take();
            }
            let message = self.message();
            self.events.push(message);
        }
    }

    fn message(&mut self) -> Value {
        let (opcode, payload) = receive(&mut self.socket);
        assert_eq!(opcode, TEXT, "{}", String::from_utf8_lossy(&payload));
        serde_json::from_slice(&payload).unwrap()
    }

    fn break_after_greeting(&mut self) {
        let place = json!({ "url": "file:///app/server.js", "lineNumber": LINE_AFTER_GREETING });
        let set = self.command("Debugger.setBreakpointByUrl", place);
        assert_eq!(set["locations"].as_array().unwrap().len(), 1, "{set}");
    }

    /// Waits until the app is paused, and returns the innermost frame.
    fn paused(&mut self) -> String {
        let paused = self.event("Debugger.paused", |_| true);
        paused["callFrames"][0]["callFrameId"].as_str().unwrap().to_owned()
    }

    fn evaluate_in(&mut self, frame: &str, expression: &str) -> Value {
        let question = json!({ "callFrameId": frame, "expression": expression, "returnByValue": true });
        self.command("Debugger.evaluateOnCallFrame", question)["result"]["value"].take()
    }
}

#[test]
fn a_breakpoint_holds_a_request_without_limit_of_time() {
    let app = app();
    let (server, inspector) = inspected(&app);
    let (mut debugger, script) = Debugger::enable(inspector);
    let map = script["sourceMapURL"].as_str().unwrap().strip_prefix(&format!("http://{inspector}")).unwrap();
    assert_eq!(ask(inspector, map).expect(200), SOURCE_MAP);
    debugger.break_after_greeting();
    thread::scope(|scope| {
        let request = scope.spawn(|| server.get("/Ada"));
        let frame = debugger.paused();
        let waiting = scope.spawn(|| server.get("/Grace"));
        // Longer than the manifest gives it.
        thread::sleep(std::time::Duration::from_secs(1));
        assert_eq!(debugger.evaluate_in(&frame, "greeting"), "Hello Ada");
        debugger.command("Debugger.resume", json!({}));
        debugger.paused();
        debugger.command("Debugger.disable", json!({}));
        assert_eq!(request.join().unwrap().expect(200), "Hello Ada");
        assert_eq!(waiting.join().unwrap().expect(200), "Hello Grace");
    });
}

#[test]
fn what_a_debugger_runs_itself_does_not_pause() {
    let app = app();
    let (server, inspector) = inspected(&app);
    let (mut debugger, _) = Debugger::enable(inspector);
    debugger.command("Debugger.setPauseOnExceptions", json!({ "state": "all" }));
    let evaluated = debugger.command("Runtime.evaluate", json!({ "expression": "debugger; 5" }));
    assert_eq!(evaluated["result"]["value"], 5);
    let thrown = debugger.command("Runtime.evaluate", json!({ "expression": "null.x" }));
    assert_eq!(thrown["result"]["className"], "TypeError");
    assert_eq!(server.get("/Ada").expect(200), "Hello Ada");
    debugger.break_after_greeting();
    thread::scope(|scope| {
        let request = scope.spawn(|| server.get("/Ada"));
        let frame = debugger.paused();
        debugger.command("Runtime.evaluate", json!({ "expression": "debugger; 5" }));
        assert_eq!(debugger.evaluate_in(&frame, "name"), "Ada");
        debugger.command("Debugger.resume", json!({}));
        assert_eq!(request.join().unwrap().expect(200), "Hello Ada");
    });
}

#[test]
fn a_session_that_goes_away_lets_the_request_go_on() {
    let app = app();
    let (server, inspector) = inspected(&app);
    for _ in 0..3 {
        let (mut debugger, _) = Debugger::enable(inspector);
        debugger.break_after_greeting();
        thread::scope(|scope| {
            let request = scope.spawn(|| server.get("/Ada"));
            debugger.paused();
            debugger.socket.close();
            assert_eq!(request.join().unwrap().expect(200), "Hello Ada");
        });
    }
}

#[test]
fn a_stopping_host_lets_the_request_go_on() {
    let app = app();
    let (mut server, inspector) = inspected(&app);
    let (mut debugger, _) = Debugger::enable(inspector);
    debugger.break_after_greeting();
    let mut client = server.connect();
    let request = Request::get("/Ada");
    thread::scope(|scope| {
        let reply = scope.spawn(|| client.request(&request).unwrap());
        debugger.paused();
        server.signal(libc::SIGTERM);
        assert_eq!(reply.join().unwrap().expect(200), "Hello Ada");
    });
    assert!(server.ended().success());
}

#[test]
fn an_endless_loop_can_be_entered() {
    let app = app();
    let (server, inspector) = inspected(&app);
    thread::scope(|scope| {
        let request = scope.spawn(|| server.get("/loop"));
        server.wait_for_log("looping");
        let (mut debugger, _) = Debugger::enable(inspector);
        debugger.command("Debugger.pause", json!({}));
        let frame = debugger.paused();
        assert_eq!(debugger.evaluate_in(&frame, "state.going = false"), false);
        debugger.command("Debugger.resume", json!({}));
        assert_eq!(request.join().unwrap().expect(200), "Hello loop");
    });
}

#[test]
fn isolates_are_listed() {
    let app = app();
    let (server, inspector) = inspected(&app);
    server.get("/Ada").expect(200);
    let target = target(inspector);
    let id = target["id"].as_str().unwrap();
    assert_eq!(target["type"], "node");
    assert_eq!(target["url"], "file:///app/server.js");
    assert_eq!(target["webSocketDebuggerUrl"], format!("ws://{inspector}/{id}"));
    let title = target["title"].as_str().unwrap();
    assert!(title.starts_with("app ") && title.ends_with(&format!(" #{id}")), "{title}");
    assert_eq!(ask(inspector, "/json/list").json()[0], target);
    assert_eq!(ask(inspector, "/json/version").json()["Protocol-Version"], "1.3");
    ask(inspector, "/0").expect_error(404, "not_found");
    ask(inspector, &format!("/{id}")).expect_error(426, "bad_request");
    ask(inspector, &format!("/maps/{id}/server.js")).expect_error(404, "not_found");
    ask(inspector, &format!("/maps/{id}/../manifest.json")).expect_error(404, "not_found");
}

#[test]
fn neither_web_pages_nor_names_they_could_take_are_answered() {
    let app = app();
    let (_server, inspector) = inspected(&app);
    let id = target(inspector)["id"].as_str().unwrap().to_owned();
    let port = inspector.port();
    let status = |request: &Request| Connection::open(inspector).begin(request).unwrap().status;
    for (host, expected) in [
        ("rebound.example", 400),
        ("127.0.0.1.example", 400),
        (&*format!("localhost.example:{port}"), 400),
        ("", 400),
        (&*format!("localhost:{port}"), 200),
        (&*format!("[::1]:{port}"), 200),
    ] {
        assert_eq!(status(&Request::get("/json").header("host", host)), expected, "{host:?}");
    }
    let local = format!("localhost:{port}");
    assert_eq!(status(&handshake(&format!("/{id}"), "rebound.example")), 400);
    let of_page = handshake(&format!("/{id}"), &local).header("origin", "https://page.example");
    assert_eq!(status(&of_page), 403);
    let of_devtools = handshake(&format!("/{id}"), &local).header("origin", "devtools://devtools");
    assert_eq!(status(&of_devtools), 101);
}

#[test]
fn stack_traces_name_the_original_source() {
    let app = app();
    for start in ["from source", "from a snapshot"] {
        if start == "from a snapshot" {
            succeeds(&["snapshot", &app.manifest_path()]);
        }
        let server = Server::of(&app);
        server.get("/fail").expect_error(500, "uncaught");
        server.wait_for_log("Error: as asked");
        let log = server.log();
        assert!(log.contains("file:///app/src/greeting.ts:16:1"), "{start}\n{log}");
        assert!(!log.contains("SNAPSHOT_"), "{log}");
    }
}

#[test]
fn a_broken_source_map_is_ignored() {
    for broken in
        ["{", "[]", r#"{"version":2,"sources":[],"mappings":""}"#, r#"{"version":3,"sources":["a"],"mappings":"!"}"#]
    {
        let server = Server::of(&app().write("server.js.map", broken));
        for _ in 0..2 {
            server.get("/fail").expect_error(500, "uncaught");
        }
        wait_until("both are logged", || server.log().matches("Error: as asked").count() == 2);
        let log = server.log();
        assert!(log.contains("file:///app/server.js:6:32"), "{log}");
        assert_eq!(log.matches("SOURCE_MAP_UNUSABLE").count(), 1, "{log}");
    }
}
