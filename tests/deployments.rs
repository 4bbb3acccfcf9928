//! Deploying to a running host: versions, previews, traffic, rollback, and that nothing is dropped while one takes over from
//! another.

use std::fs;
use std::net::SocketAddr;
use std::process::Output;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::harness::{
    App, Connection, Reply, Request, Serve, Server, beside_busy_cores, may_raise_threads, run, succeeds, wait_until,
};
use crate::websocket::handshake;

pub const TOKEN: &str = "a-token-for-the-tests-of-deployments";

/// The configuration of a host that makes none.
pub const WITHOUT_SNAPSHOTS: &str = "[isolates]\nmake_snapshots = false\n";

/// A host that serves one directory called `base` and takes deployments.
pub struct Host {
    pub base: App,
    pub server: Server,
    pub admin: SocketAddr,
}

impl Host {
    pub fn start(base: App) -> Self {
        let serve = Serve::new(&base);
        Self::serving(base, serve)
    }

    /// A host with what was said to it so far, and the token.
    pub fn serving(base: App, serve: Serve) -> Self {
        let mut server = serve.env("ORILLA_ADMIN_TOKEN", TOKEN).args(["--admin-port", "0"]).start();
        let admin = server.listens_at("admin listening on ");
        Self { base, server, admin }
    }

    pub fn new() -> Self {
        Self::start(base())
    }

    pub fn restart(mut self) -> Self {
        self.server.kill();
        Self::start(self.base)
    }

    pub fn command(&self, arguments: &[&str]) -> Output {
        let admin = format!("http://{}", self.admin);
        run(&[arguments, &["--admin", &admin, "--token", TOKEN]].concat())
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.command(&[arguments, &["--json"]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}\n{}", self.server.log());
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn deploy(&self, app: &App, arguments: &[&str]) -> Value {
        self.json(&[&["deploy", &app.manifest_path()], arguments].concat())
    }

    pub fn admin(&self, request: &Request) -> Reply {
        Connection::open(self.admin)
            .request(&request.clone().header("authorization", &format!("Bearer {TOKEN}")))
            .unwrap()
    }

    pub fn ask(&self, host: &str) -> Reply {
        self.server.send(&Request::get("/").header("host", &format!("{host}.localhost")))
    }
}

/// The app `base`.
pub fn base() -> App {
    App::new("export default { fetch: () => new Response('base') };").manifest(json!({ "name": "base" }))
}

/// The app `shop`, answering with `text`.
pub fn shop(text: &str) -> App {
    App::new(&format!("export default {{ fetch: () => new Response({text:?}) }};")).manifest(json!({ "name": "shop" }))
}

/// The version that an answer to a deploy names.
pub fn version(deployed: &Value) -> String {
    deployed["version"].as_str().unwrap().to_owned()
}

#[test]
fn a_deployed_version_takes_over_and_can_be_rolled_back() {
    let host = Host::new();
    let first = version(&host.deploy(&shop("first"), &[]));
    assert_eq!(host.ask("shop").expect(200), "first");
    assert_eq!(host.ask("base").expect(200), "base");
    let second = version(&host.deploy(&shop("second"), &[]));
    assert_ne!(first, second);
    assert_eq!(host.ask("shop").expect(200), "second");
    assert_eq!(host.ask(&format!("{first}--shop")).expect(200), "first", "the preview of a version without traffic");

    host.json(&["rollback", "--app", "shop"]);
    assert_eq!(host.ask("shop").expect(200), "first");
    let apps = host.json(&["deployments"]);
    let versions = apps["apps"][0]["versions"].as_array().unwrap();
    let percent = |wanted: &str| versions.iter().find(|one| one["version"] == wanted).unwrap()["percent"].clone();
    assert_eq!((percent(&first), percent(&second)), (json!(100), json!(0)), "{apps}");
}

#[test]
fn an_app_starts_in_memory_that_is_there_before() {
    // Faster from its snapshot than in an isolate that waits, and more than 4 MB of objects are in that.
    let app = App::new(
        "let x = 0; for (let i = 0; i < 3e8; i++) x = (x + i) | 0; \
         const kept = Array.from({ length: 40_000 }, (_, i) => ({ i, x: [i, x] })); \
         export default { fetch: () => new Response(kept.length) };",
    );
    let app = app.manifest(json!({ "name": "shop" }));
    succeeds(&["snapshot", &app.manifest_path()]);
    let mut host = Host::new();
    host.deploy(&app, &[]);
    host.server.kill();
    let mut page_faults_of_start = |prewarm: usize| {
        let config = format!("[isolates]\nprewarm = {prewarm}\n");
        host.server = Serve::new(&host.base).config(&config).start();
        // 4 MB, and what V8 itself takes.
        let are_there = |faults: &[u64]| faults.iter().filter(|&&faults| faults > 1200).count() == prewarm;
        wait_until("the memory is there", || are_there(&host.server.page_faults("spare memory")));
        assert_eq!(host.ask("shop").expect(200), "40000");
        let [faults] = host.server.page_faults("isolate shop")[..] else { panic!("it started twice") };
        wait_until("memory for the next start is there", || host.server.page_faults("spare memory").len() == prewarm);
        host.server.kill();
        faults
    };
    let (with, without) = (page_faults_of_start(1), page_faults_of_start(0));
    assert!(with + 300 < without, "{with} page faults with memory that was there, {without} without");
}

#[test]
fn what_was_deployed_is_there_after_a_kill() {
    let host = Host::new();
    let first = version(&host.deploy(&shop("first"), &[]));
    host.deploy(&shop("second"), &[]);
    let host = host.restart();
    assert_eq!(host.ask("shop").expect(200), "second");
    assert_eq!(host.ask(&format!("{first}--shop")).expect(200), "first");
    host.json(&["rollback", "--app", "shop"]);
    let host = host.restart();
    assert_eq!(host.ask("shop").expect(200), "first");
}

#[test]
fn a_version_without_traffic_is_only_a_preview() {
    let host = Host::new();
    host.deploy(&shop("first"), &[]);
    let deployed = host.deploy(&shop("second"), &["--no-activate"]);
    assert_eq!(host.ask("shop").expect(200), "first");
    assert_eq!(host.ask(&format!("{}--shop", version(&deployed))).expect(200), "second");
    let preview = deployed["preview"].as_str().unwrap();
    assert!(preview.starts_with(&format!("http://{}--shop.localhost:", version(&deployed))), "{preview}");
}

#[test]
fn traffic_is_divided_and_a_browser_stays_with_its_version() {
    let host = Host::new();
    host.deploy(&shop("first"), &[]);
    host.deploy(&shop("second"), &["--traffic", "30"]);
    let replies: Vec<_> = (0..100).map(|_| host.ask("shop")).collect();
    let seconds = replies.iter().filter(|reply| reply.text() == "second").count();
    assert!((20..=40).contains(&seconds), "{seconds} of 100");
    let second = replies.iter().find(|reply| reply.text() == "second").unwrap();
    let cookie = second.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    for _ in 0..20 {
        let request = Request::get("/").header("host", "shop.localhost").header("cookie", pair);
        assert_eq!(host.server.send(&request).expect(200), "second");
    }
}

#[test]
fn a_deploy_that_fails_its_check_changes_nothing_and_says_why() {
    let host = Host::new();
    host.deploy(&shop("first"), &[]);
    for (source, code) in [
        ("export default { fetch: ", "ENTRYPOINT_SYNTAX"),
        ("export default {};", "ENTRYPOINT_NO_FETCH"),
        ("throw new Error('at start');", "ENTRYPOINT_THREW"),
    ] {
        let broken = shop("x").write("server.js", source);
        let output = host.command(&["deploy", &broken.manifest_path()]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(code), "{:?} {said}", output.status);
        assert_eq!(host.ask("shop").expect(200), "first");
    }
    let greedy = shop("x").manifest(json!({ "name": "shop", "limits": { "heap_mb": 1_000_000 } }));
    let output = host.command(&["deploy", &greedy.manifest_path()]);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(host.ask("shop").expect(200), "first");
}

#[test]
fn only_who_knows_the_token_deploys() {
    let host = Host::new();
    let app = shop("first");
    let admin = format!("http://{}", host.admin);
    let said = |output: Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let path = app.manifest_path();
    assert!(said(run(&["deploy", &path, "--admin", &admin])).contains("ADMIN_TOKEN_REQUIRED"));
    let wrong = "another-token-that-is-not-the-right-one";
    assert!(said(run(&["deploy", &path, "--admin", &admin, "--token", wrong])).contains("ADMIN_TOKEN_WRONG"));
    let reply = Connection::open(host.admin).request(&Request::get("/_orilla/apps")).unwrap();
    assert_eq!(reply.status, 401);
    assert_eq!(host.ask("shop").expect(200), "base", "the only app answers every name");
}

#[test]
fn a_version_that_serves_is_not_deleted() {
    let host = Host::new();
    let first = version(&host.deploy(&shop("first"), &[]));
    let delete = |version: &str| host.admin(&Request::new("DELETE", &format!("/_orilla/apps/shop/versions/{version}")));
    let reply = delete(&first);
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (409, &json!("VERSION_ACTIVE")));
    host.deploy(&shop("second"), &[]);
    wait_until("the first version has drained", || delete(&first).status < 300);
    host.ask(&format!("{first}--shop")).expect_error(404, "version_not_found");
    assert_eq!(host.ask("shop").expect(200), "second");
}

#[test]
fn a_damaged_version_is_found_out_by_its_hash() {
    let mut host = Host::new();
    let first = version(&host.deploy(&shop("first"), &[]));
    host.server.kill();
    let file = host.base.beside(&format!("data/apps/shop/versions/{first}/files/server.js"));
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("first", "fIrst")).unwrap();
    let host = Host::start(host.base);
    host.server.wait_for_log("VERSION_CORRUPT");
    host.ask("shop").expect_error(404, "app_not_found");
    assert_eq!(host.ask("base").expect(200), "base");
    host.deploy(&shop("second"), &[]);
    assert_eq!(host.ask("shop").expect(200), "second");
}

#[test]
fn an_app_of_a_directory_is_not_replaced() {
    let host = Host::new();
    let output = host.command(&["deploy", &shop("x").manifest_path(), "--app", "base"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("APP_NAME_TAKEN"), "{said}");
    assert_eq!(host.ask("base").expect(200), "base");
}

#[test]
fn deploying_under_load_fails_no_request() {
    let host = Host::new();
    host.deploy(&shop("version 0"), &[]);
    let (done, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut connection = host.server.connect();
                while !done.load(Ordering::Relaxed) {
                    // A version that is let go may close the connection between two requests, never during one.
                    let request = Request::get("/").header("host", "shop.localhost");
                    let reply = connection.request(&request).unwrap_or_else(|error| panic!("{error}"));
                    assert!(reply.expect(200).starts_with("version "));
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for number in 1..=6 {
            host.deploy(&shop(&format!("version {number}")), &[]);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(answered.load(Ordering::Relaxed) > 100);
    assert_eq!(host.ask("shop").expect(200), "version 6");
}

#[test]
fn the_host_makes_the_snapshot_that_a_version_comes_without() {
    let host = Host::new();
    let deployed = version(&host.deploy(&shop("first"), &[]));
    host.server.wait_for_log("the snapshot is made");
    let path = format!("data/apps/shop/versions/{deployed}/server.snapshot");
    assert!(fs::read(host.base.beside(&path)).unwrap().starts_with(b"orilla.snapshot"));
    let host = host.restart();
    assert_eq!(host.ask("shop").expect(200), "first");
    assert!(!host.server.log().contains("snapshot"), "it fits, and none is made again: {}", host.server.log());

    // A stale one is none.
    let stale = shop("second");
    assert!(run(&["snapshot", &stale.manifest_path()]).status.success());
    host.deploy(&stale.write("server.js", "export default { fetch: () => new Response('third') };"), &[]);
    host.server.wait_for_log("the snapshot is made");
    assert_eq!(host.ask("shop").expect(200), "third");

    // What cannot have one says why, and is served.
    host.deploy(
        &shop("x")
            .write("server.js", "const at = Date.now(); export default { fetch: () => new Response(`${at > 0}`) };"),
        &[],
    );
    host.server.wait_for_log("SNAPSHOT_DECLINED");
    assert_eq!(host.ask("shop").expect(200), "true");
}

#[test]
fn the_host_makes_snapshots_although_others_want_the_processor() {
    if !may_raise_threads() {
        return;
    }
    let host = Host::new();
    beside_busy_cores(2, || {
        host.deploy(&shop("first"), &[]);
        host.server.wait_for_log("the snapshot is made");
    });
}

#[test]
fn a_snapshot_that_was_declined_is_not_tried_again_until_something_is_different() {
    let host = Host::new();
    let source = "const at = Date.now(); export default { fetch: () => new Response(`${at > 0}`) };";
    let deployed = version(&host.deploy(&shop("x").write("server.js", source), &[]));
    host.server.wait_for_log("SNAPSHOT_DECLINED");
    let note = host.base.beside(&format!("data/apps/shop/versions/{deployed}/server.declined"));
    wait_until("the reason is noted", || note.exists());
    let host = host.restart();
    host.server.wait_for_log("as before: error[SNAPSHOT_DECLINED]");
    assert_eq!(host.ask("shop").expect(200), "true");

    // As another release, another environment or a damaged file would have it.
    let noted = fs::read_to_string(&note).unwrap();
    fs::write(&note, &noted[1..]).unwrap();
    let host = host.restart();
    host.server.wait_for_log("SNAPSHOT_DECLINED");
    assert!(!host.server.log().contains("as before"), "{}", host.server.log());
    wait_until("the reason is noted again", || fs::read_to_string(&note).is_ok_and(|text| text == noted));

    // Nor one that V8 cannot load.
    let source = "Promise.try = () => {}; export default { fetch: () => new Response('impossible') };";
    host.deploy(&shop("x").write("server.js", source), &[]);
    host.server.wait_for_log("SNAPSHOT_IMPOSSIBLE");
    let host = host.restart();
    host.server.wait_for_log("as before: error[SNAPSHOT_IMPOSSIBLE]");
    assert_eq!(host.ask("shop").expect(200), "impossible");
}

#[test]
fn a_snapshot_of_the_host_s_is_used_for_later_isolates_only_while_it_is_whole() {
    // Half a second of work at module scope, so that the snapshot is the faster start.
    let slow =
        "let x = 0; for (let i = 0; i < 3e8; i++) x = (x + i) | 0; export default { fetch: () => new Response('ok') };";
    let host = Host::new();
    let deployed = version(&host.deploy(&shop("x").write("server.js", slow), &[]));
    host.server.wait_for_log("the snapshot is made");
    let path = host.base.beside(&format!("data/apps/shop/versions/{deployed}/server.snapshot"));
    let booted = |host: &Host, start: &str| {
        let metrics = host.admin(&Request::get("/_orilla/metrics")).expect(200);
        metrics.lines().any(|line| line.contains("boot") && line.contains("shop") && line.contains(start))
    };
    let host = host.restart();
    assert_eq!(host.ask("shop").expect(200), "ok");
    assert!(booted(&host, "snapshot"), "{}", host.admin(&Request::get("/_orilla/metrics")).expect(200));
    let whole = fs::read(&path).unwrap();
    let host = host.restart();
    fs::hard_link(&path, host.base.beside("data/backup")).unwrap();
    assert_eq!(host.ask("shop").expect(200), "ok");
    assert!(booted(&host, "snapshot"), "{}", host.admin(&Request::get("/_orilla/metrics")).expect(200));
    let host = host.restart();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(host.ask("shop").expect(200), "ok");
    host.server.wait_for_log("SNAPSHOT_DAMAGED");
    assert!(!booted(&host, "snapshot"), "{}", host.admin(&Request::get("/_orilla/metrics")).expect(200));
    let host = host.restart();
    assert_eq!(host.ask("shop").expect(200), "ok");
    host.server.wait_for_log("SNAPSHOT_DAMAGED");
    host.server.wait_for_log("the snapshot is made");
}

#[test]
fn a_host_may_make_no_snapshots() {
    let base = base();
    let serve = Serve::new(&base).config(WITHOUT_SNAPSHOTS);
    let host = Host::serving(base, serve);
    let deployed = version(&host.deploy(&shop("first"), &[]));
    host.deploy(&shop("second"), &[]);
    assert!(!host.base.beside(&format!("data/apps/shop/versions/{deployed}/server.snapshot")).exists());
    assert!(!host.server.log().contains("snapshot"));
}

#[test]
fn a_slow_request_is_finished_by_the_version_that_began_it() {
    let host = Host::new();
    let slow =
        "export default { fetch: () => new Promise((done) => setTimeout(() => done(new Response('slow')), 1500)) };";
    host.deploy(&shop("x").write("server.js", slow), &[]);
    thread::scope(|scope| {
        let begun = scope.spawn(|| host.ask("shop"));
        thread::sleep(std::time::Duration::from_millis(300));
        host.deploy(&shop("second"), &[]);
        assert_eq!(host.ask("shop").expect(200), "second");
        assert_eq!(begun.join().unwrap().expect(200), "slow");
    });
}

#[test]
fn what_never_ends_is_ended_when_its_version_has_been_replaced_for_long() {
    // Each of the two isolates has one connection that lasts, and nothing that would wake it.
    let lasting = r#"
import { onDeploy } from "@orilla/platform/events";
onDeploy("stopped", async () => {
  await new Promise((resolve) => setTimeout(resolve, 300));
  console.log("the last words");
});
export default {
  fetch(request) {
    if (!request.headers.has("upgrade")) return new Response(new ReadableStream({ start: (to) => to.enqueue(new Uint8Array(9)) }));
    const [client, server] = Object.values(new WebSocketPair());
    server.accept();
    return new Response(null, { status: 101, webSocket: client });
  },
};
"#;
    let base = base();
    let serve = Serve::new(&base).config("[server]\ndrain_timeout_ms = 500\n[isolates]\ntarget_requests = 1\n");
    let host = Host::serving(base, serve);
    let app = App::new(lasting).manifest(json!({ "name": "shop", "limits": { "wall_ms": 300_000 } }));
    host.deploy(&app, &[]);
    let begin = |request: Request, status: u16| {
        let mut connection = host.server.connect();
        connection.begin(&request.header("host", "shop.localhost")).unwrap().expect(status);
        connection
    };
    let mut lasting = [begin(Request::get("/"), 200), begin(Request::get("/"), 200), begin(handshake("/"), 101)];
    assert_eq!(lasting[0].chunk().unwrap(), Some(vec![0; 9]));
    host.deploy(&shop("second"), &[]);
    assert!(lasting[0].is_silent_for(std::time::Duration::from_millis(200)), "it has some time");
    assert!(lasting.iter_mut().all(Connection::is_closed), "{}", host.server.log());
    host.server.wait_for_log("the last words");
    assert_eq!(host.ask("shop").expect(200), "second");
}

/// Writes each phase it is told of into its KV, and answers with what is there.
const PHASES: &str = r#"
import { getPlatform } from "@orilla/platform";
import { onDeploy } from "@orilla/platform/events";
const version = "VERSION";
for (const phase of ["ready", "draining", "stopped"]) {
  onDeploy(phase, async (event, ctx) => {
    if (event.phase !== phase || typeof event.ts !== "number") throw new Error("not the event");
    await new Promise((resolve) => setTimeout(resolve, 50));
    await ctx.KV.log.put(`${version} ${phase}`, String(event.ts));
  });
}
export default {
  async fetch() {
    const { keys } = await getPlatform().KV.log.list();
    return Response.json(keys.map(({ name }) => name));
  },
};
"#;

#[test]
fn an_app_is_told_of_the_phases_of_its_deployment() {
    let host = Host::new();
    let app = |version: &str| shop("x").write("server.js", PHASES.replace("VERSION", version));
    host.deploy(&app("1"), &[]);
    assert_eq!(host.ask("shop").json(), json!(["1 ready"]), "it was ready before its first request");
    host.deploy(&app("2"), &[]);
    wait_until("the first version has stopped", || {
        host.ask("shop").json() == json!(["1 draining", "1 ready", "1 stopped", "2 ready"])
    });
}

#[test]
fn an_app_is_told_when_the_host_stops() {
    let app = App::new(&PHASES.replace("VERSION", "1"));
    let mut server = Server::of(&app);
    wait_until("it is ready", || server.get("/").json() == json!(["1 ready"]));
    server.signal(libc::SIGTERM);
    assert!(server.ended().success());
    let server = Server::of(&app);
    assert_eq!(server.get("/").json(), json!(["1 draining", "1 ready", "1 stopped"]));
}

#[test]
fn a_handler_of_a_phase_that_cannot_be_is_refused() {
    let app = shop("x").write(
        "server.js",
        "import { onDeploy } from '@orilla/platform/events'; onDeploy('later', () => {}); export default { fetch() {} };",
    );
    let said = run(&["check", &app.manifest_path()]);
    assert!(String::from_utf8_lossy(&said.stdout).contains("knows the phases ready, draining, stopped"), "{said:?}");
}
