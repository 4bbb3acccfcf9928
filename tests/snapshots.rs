//! App snapshots: what goes into one must not be what should be fresh, and one that does not fit is not used.

use std::collections::BTreeSet;
use std::fs;
use std::process::Output;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::harness::{App, Serve, Server, run, succeeds, wait_until};

/// Makes a snapshot, and asserts that it is declined, naming `what` at `place` of server.js.
#[track_caller]
fn declined(server_js: &str, what: &str, place: &str) {
    let app = App::new(server_js);
    let Output { status, stdout, stderr } = run(&["snapshot", &app.manifest_path()]);
    let text = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    assert_eq!(status.code(), Some(1), "{text}");
    assert!(text.contains(what) && text.contains(&format!("server.js:{place}")), "no {what} at {place} in\n{text}");
    assert!(!app.path("server.snapshot").exists());
    // The app is none the worse for it.
    Server::of(&app).get("/").expect(200);
}

#[test]
fn time_and_randomness_at_module_scope_stand_against_a_snapshot() {
    let app = "\nexport default { fetch: () => new Response(String(x)) };";
    declined(&format!("const x = Date.now();{app}"), "Date.now()", "1:16");
    declined(&format!("const x = new Date();{app}"), "new Date()", "1:11");
    declined(&format!("const x = Date();{app}"), "Date()", "1:11");
    declined(&format!("\n  const x = Math.random();{app}"), "Math.random()", "2:18");
    declined(&format!("const x = crypto.randomUUID();{app}"), "crypto.randomUUID()", "1:18");
    declined(&format!("const x = crypto.getRandomValues(new Uint8Array(1));{app}"), "crypto.getRandomValues()", "1:18");
    declined(&format!("const x = performance.timeOrigin;{app}"), "performance.timeOrigin", "1:23");
}

#[test]
fn hazards_are_found_through_functions_and_node_modules() {
    declined(
        "import { randomBytes } from 'node:crypto';\nfunction seed() {\n  return randomBytes(4);\n}\nconst x = seed();\n\
         export default { fetch: () => new Response(String(x)) };",
        "crypto",
        "3:10",
    );
}

#[test]
fn work_begun_at_module_scope_stands_against_a_snapshot() {
    let app = "\nexport default { fetch: () => new Response(String(x)) };";
    declined(&format!("const x = setTimeout(() => {{}}, 1000);{app}"), "setTimeout()", "1:11");
    declined(&format!("const x = setInterval(() => {{}}, 1000);{app}"), "setInterval()", "1:11");
    declined(&format!("const x = fetch('http://127.0.0.1/').catch(() => 1);{app}"), "fetch()", "1:11");
}

#[test]
fn an_app_that_cannot_start_has_no_snapshot() {
    let app = App::new("export default {\n  fetch( {\n};");
    let Output { status, stderr, .. } = run(&["snapshot", &app.manifest_path()]);
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("error[ENTRYPOINT_SYNTAX]") && stderr.contains("server.js:"), "{stderr}");
}

#[test]
fn what_is_drawn_in_a_request_is_fresh_in_every_isolate() {
    let app = App::new(
        "import { randomUUID } from 'node:crypto'; const counts = { n: 0 }; export default { fetch: () => \
         Response.json([crypto.randomUUID(), randomUUID(), Math.random(), String(crypto.getRandomValues(new Uint32Array(4))), \
         Math.abs(new Date() - Date.now()) < 60000, Date.now() > 1.7e12, counts.n++]) };",
    );
    succeeds(&["snapshot", &app.manifest_path()]);
    let mut drawn = BTreeSet::new();
    for _ in 0..4 {
        let reply = Server::of(&app).get("/").json();
        let values = reply.as_array().unwrap();
        drawn.extend(values[..4].iter().map(ToString::to_string));
        assert_eq!(values[4..], [json!(true), json!(true), json!(0)]);
    }
    assert_eq!(drawn.len(), 16, "isolates of one snapshot draw the same: {drawn:?}");
}

#[test]
fn the_faster_start_is_measured_and_noted_in_the_file() {
    let noted = |server_js: &str| {
        let app = App::new(server_js);
        let said = succeeds(&["snapshot", &app.manifest_path()]);
        assert!(said.contains(" ms in a waiting isolate, in "), "{said}");
        let file = fs::read(app.path("server.snapshot")).unwrap();
        let faster = |start: &str| {
            let key = format!("\"faster\":\"{start}\"");
            file.windows(key.len()).any(|bytes| bytes == key.as_bytes())
        };
        let server = Server::of(&app);
        assert_eq!(server.get("/").expect(200), "ok");
        assert!(!server.log().contains("SNAPSHOT_"), "the file is not used: {}", server.log());
        (faster("prewarmed"), faster("snapshot"))
    };
    assert_eq!(noted("export default { fetch: () => new Response('ok') };"), (true, false));
    // Half a second of work at module scope, which the snapshot saves.
    let slow =
        "let x = 0; for (let i = 0; i < 3e8; i++) x = (x + i) | 0; export default { fetch: () => new Response('ok') };";
    assert_eq!(noted(slow), (false, true));
}

#[test]
fn state_of_module_scope_is_in_the_snapshot() {
    let app = App::new(
        "class Route { #path; constructor(path) { this.#path = path; } get path() { return this.#path; } } \
         const routes = new Map([[/^.a/u, new Route('/a')]]); const later = await Promise.resolve('awaited'); \
         const bytes = new TextEncoder().encode('ü'); const url = new URL('http://a.example/x?y=1'); const headers = new Headers({ a: 'b' }); \
         const symbol = Symbol.for('s'); const big = 2n ** 70n; \
         export default { fetch: () => Response.json([[...routes.values()][0].path, [...routes.keys()][0].test('/a'), later, \
         [...bytes], url.searchParams.get('y'), headers.get('a'), symbol.description, String(big)]) };",
    );
    let expected = json!(["/a", true, "awaited", [195, 188], "1", "b", "s", "1180591620717411303424"]);
    assert_eq!(Server::of(&app).get("/").json(), expected);
    succeeds(&["snapshot", &app.manifest_path()]);
    let server = Server::of(&app);
    assert_eq!(server.get("/").json(), expected);
    assert!(!server.log().contains("SNAPSHOT_"), "the snapshot is not used");
}

/// Answers from the snapshot, whatever starts faster.
fn from_snapshot(app: &App) -> Server {
    succeeds(&["snapshot", &app.manifest_path()]);
    let server = Serve::new(app).config("[isolates]\nprewarm = 0\n").start();
    assert_eq!(server.get("/").status, 200, "{}", server.log());
    assert!(!server.log().contains("SNAPSHOT_"), "the snapshot is not used");
    server
}

#[test]
fn what_a_module_keeps_of_the_platform_is_what_requests_find() {
    let app = App::new(
        "const names = ['Date', 'fetch', 'setTimeout', 'Blob', 'WebSocket', 'Intl', 'SharedArrayBuffer', 'WebAssembly']; \
         const kept = names.map((name) => globalThis[name]); const now = Date.now; const kinds = new Map([[Date, 'date']]); \
         class Day extends Date {} const there = [typeof SharedArrayBuffer, typeof WebAssembly]; \
         export default { async fetch() { const shared = new (kept[6])(4); return Response.json([ \
         names.filter((name, index) => globalThis[name] !== kept[index]), now === Date.now, kinds.get(new Date(0).constructor), \
         kinds.get(structuredClone(new Date(0)).constructor), new Day(0) instanceof Date, new Blob(['x']).constructor === kept[3], \
         Math.abs(now() - new (kept[0])()) < 1000, there, shared instanceof SharedArrayBuffer, shared.byteLength, \
         kept[7].validate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])), Date.length, Date.name]); } };",
    );
    let expected =
        json!([[], true, "date", "date", true, true, true, ["function", "object"], true, 4, true, 7, "Date"]);
    assert_eq!(Server::of(&app).get("/").json(), expected);
    assert_eq!(from_snapshot(&app).get("/").json(), expected);

    // One that keeps nothing finds what there always is.
    let app = App::new(
        "const day = new Date(0); export default { fetch: () => new Response(`${String(Date)} ${Date.now} ${day.getTime()}`) };",
    );
    let plain = Server::of(&app).get("/").expect(200);
    assert!(plain.starts_with("function Date() { [native code] }"), "{plain}");
    assert_eq!(from_snapshot(&app).get("/").expect(200), plain);
}

#[test]
fn the_limit_of_stack_traces_is_what_the_module_set() {
    let limit_of = |at_module_scope: &str| {
        let app = App::new(&format!(
            "const before = Error.stackTraceLimit; {at_module_scope}; \
             export default {{ fetch: () => Response.json([before, Error.stackTraceLimit ?? null, Object.keys(Error)]) }};"
        ));
        let expected = Server::of(&app).get("/").json();
        assert_eq!(from_snapshot(&app).get("/").json(), expected);
        expected
    };
    assert_eq!(limit_of("Error.stackTraceLimit = 3"), json!([10, 3, ["stackTraceLimit"]]));
    assert_eq!(
        limit_of("Error.stackTraceLimit = 0; Error.stackTraceLimit = before"),
        json!([10, 10, ["stackTraceLimit"]])
    );
    assert_eq!(limit_of("delete Error.stackTraceLimit"), json!([10, null, []]));
    let used = "\nexport default { fetch: () => new Response('ok') };";
    let app = App::new(&format!("Object.freeze(Error);{used}"));
    let Output { status, stderr, .. } = run(&["snapshot", &app.manifest_path()]);
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("SNAPSHOT_DECLINED") && stderr.contains("Object.freeze(Error)"), "{stderr}");
}

#[test]
fn a_snapshot_that_v8_cannot_load_is_never_there() {
    for at_module_scope in
        ["Map.prototype.getOrInsert = () => {}", "Promise.try = () => {}", "Object.freeze(Map.prototype)"]
    {
        let app = App::new(&format!("{at_module_scope};\nexport default {{ fetch: () => new Response('ok') }};"));
        let Output { status, stderr, .. } = run(&["snapshot", &app.manifest_path()]);
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        assert_eq!(status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("error[SNAPSHOT_IMPOSSIBLE]: no isolate boots from it"), "{stderr}");
        let left = fs::read_dir(app.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
        assert!(left.iter().all(|name| name == "manifest.json" || name == "server.js"), "{left:?}");
        assert_eq!(Server::of(&app).get("/").expect(200), "ok");
    }

    // Nor where the app could not be served here, because of a variable that is set elsewhere.
    let manifest = r#"{"version":1,"name":"app","entrypoint":"server.js","env":{"required":["NEEDED"]}}"#;
    let app = App::new("Promise.try = () => {};\nexport default { fetch: () => new Response('ok') };");
    let app = app.write("manifest.json", manifest);
    let Output { stderr, .. } = run(&["snapshot", &app.manifest_path()]);
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    assert!(stderr.contains("error[SNAPSHOT_IMPOSSIBLE]: no isolate boots from it"), "{stderr}");
    assert!(!app.path("server.snapshot").exists());
}

#[test]
fn a_getter_that_tells_shared_buffers_is_kept() {
    let app = App::new(
        "const { get } = Object.getOwnPropertyDescriptor(SharedArrayBuffer.prototype, 'byteLength'); \
         const isShared = (value) => { try { get.call(value); return true; } catch { return false; } }; \
         const atStart = isShared(new ArrayBuffer(8)); export default { fetch: () => Response.json([atStart, \
         isShared(new ArrayBuffer(8)), isShared(new SharedArrayBuffer(8)), get.call(new SharedArrayBuffer(8)), isShared({})]) };",
    );
    let expected = json!([false, false, true, 8, false]);
    assert_eq!(Server::of(&app).get("/").json(), expected);
    assert_eq!(from_snapshot(&app).get("/").json(), expected);
}

#[test]
fn stacks_that_are_looked_at_at_module_scope_are_kept() {
    let app = App::new(
        "function sites() { const before = Error.prepareStackTrace; const at = {}; \
         Error.prepareStackTrace = function (error, list) { return [this === Error, error === at, list]; }; \
         Error.captureStackTrace(at); const { stack } = at; Error.prepareStackTrace = before; return stack; } \
         class Shop { constructor() { this.sites = sites(); } } \
         const kept = [sites(), new Shop().sites]; const error = new TypeError('no such item'); const { stack } = error; \
         const names = Object.getOwnPropertyNames(Object.getPrototypeOf(sites()[2][0])).filter((name) => name !== 'constructor'); \
         const told = ([...rest]) => { const list = rest.pop(); return [rest, list.map((site) => names.map((name) => [name, \
         String(site[name]())]))]; }; \
         export default { fetch: () => Response.json([...kept.map(told), 'prepareStackTrace' in Error, stack, error.stack === stack, \
         new Error('x').stack.split('\\n').length > 1]) };",
    );
    let told = Server::of(&app).get("/").json();
    assert_eq!(told[0][0], json!([true, true]));
    assert_eq!(told[1][1][1][3], json!(["getFunctionName", "Shop"]));
    assert_eq!(from_snapshot(&app).get("/").json(), told);
}

#[test]
fn what_is_hashed_at_module_scope_is_in_the_snapshot() {
    let app = App::new(
        "import { createHash, createHmac } from 'node:crypto'; const bytes = new TextEncoder().encode('b'); \
         const hash = createHash('sha256').update('a').update(bytes); bytes[0] = 0; const at = hash.copy().digest('hex'); \
         const mac = () => createHmac('sha1', 'key').update('a').digest('hex'); const early = mac(); let unknown; try { createHash('nope'); } catch (error) { unknown = error.code; } \
         export default { fetch: () => Response.json([at === createHash('sha256').update('ab').digest('hex'), \
         hash.copy().update('c').digest('hex') === createHash('sha256').update('abc').digest('hex'), \
         early === mac(), unknown]) };",
    );
    let expected = json!([true, true, true, "ERR_CRYPTO_INVALID_DIGEST"]);
    assert_eq!(Server::of(&app).get("/").json(), expected);
    assert_eq!(from_snapshot(&app).get("/").json(), expected);
}

#[test]
fn keys_that_are_read_at_module_scope_are_in_the_snapshot() {
    let app = App::new(&format!(
        "import {{ createECDH, createPrivateKey, createPublicKey, sign, verify }} from 'node:crypto'; \
         const key = createPrivateKey('{KEY}'); const open = createPublicKey({{ key: createPublicKey(key).export({{ format: 'jwk' }}), \
         format: 'jwk' }}); const ecdh = createECDH('prime256v1').setPrivateKey('01', 'hex'); \
         const early = verify('sha256', 'text', open, new Uint8Array(70)); \
         export default {{ fetch: () => Response.json([early, verify('sha256', 'text', open, sign('sha256', 'text', key)), \
         ecdh.computeSecret(ecdh.getPublicKey()).length, key.asymmetricKeyType, open.equals(createPublicKey(key))]) }};"
    ));
    let expected = json!([false, true, 32, "ec", true]);
    assert_eq!(Server::of(&app).get("/").json(), expected);
    assert_eq!(from_snapshot(&app).get("/").json(), expected);
}

/// A key that OpenSSL has made for this test.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgtPlMPyOtvd574/mS\\nKV9JAHcxZ2oitjrJY9J7TRh3fGKhRANCAATmBgN6wH9h+OVdJd+MsxyJ7vjptj5v\\nWW+B5hbCpoG4pm9DlLFc1YTJYYJjbGX3otXtuVJEuTXNN+YGlCmq0/Um\\n-----END PRIVATE KEY-----";

#[test]
fn what_keys_draw_on_chance_for_is_not_done_at_module_scope() {
    let app = "\nexport default { fetch: () => new Response(String(x)) };";
    let sign = format!("import {{ sign }} from 'node:crypto';\nconst x = sign('sha256', 'text', '{KEY}');{app}");
    declined(&sign, "sign()", "2:11");
    let generate = "import { generateKeyPairSync } from 'node:crypto';\nconst x = generateKeyPairSync('ed25519');";
    declined(&format!("{generate}{app}"), "generateKeyPairSync()", "2:11");
}

#[test]
fn a_place_is_named_once_however_often_it_is_reached() {
    let app = App::new(
        "function stamp() { return Date.now(); }\nfor (let i = 0; i < 100; i++) stamp();\n\
         export default { fetch: () => new Response('ok') };",
    );
    let Output { stderr, .. } = run(&["snapshot", &app.manifest_path()]);
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(stderr.matches("server.js:1:32: Date.now()").count(), 1, "{stderr}");
}

#[test]
fn a_formatter_of_module_scope_is_made_when_it_is_used() {
    let app = App::new(
        "const money = new Intl.NumberFormat('de-DE', { style: 'currency', currency: 'EUR' }); \
         const day = Intl.DateTimeFormat('en', { timeZone: 'UTC', dateStyle: 'long' }); \
         class Plural extends Intl.PluralRules { of(n) { return this.select(n); } } const plural = new Plural('en', { type: 'ordinal' }); \
         const words = new Intl.Segmenter('en', { granularity: 'word' }); const format = (n) => money.format(n); \
         export default { fetch: () => Response.json([format(5), day.format(0), day.formatToParts(0).length, plural.of(2), \
         [...words.segment('a b')].length, money instanceof Intl.NumberFormat, money.constructor === Intl.NumberFormat, \
         plural instanceof Plural, money.resolvedOptions().currency, ['b', 'a'].sort(new Intl.Collator('en').compare)]) };",
    );
    let expected = Server::of(&app).get("/").json();
    assert_eq!(expected[0], "5,00\u{a0}€");
    assert_eq!(from_snapshot(&app).get("/").json(), expected);
    let used = "\nexport default { fetch: () => new Response(String(x)) };";
    declined(&format!("const x = new Intl.NumberFormat('en').format(5);{used}"), "Intl.NumberFormat", "1:39");
}

#[test]
fn what_cannot_be_frozen_stands_against_a_snapshot_where_it_is() {
    let used = "\nexport default { fetch: () => new Response(String(x)) };";
    declined(&format!("const x = new MessageChannel();{used}"), "new MessageChannel()", "1:11");
    declined(&format!("const x = new Blob([]);{used}"), "new Blob()", "1:11");
    declined(&format!("const x = new SharedArrayBuffer(8);{used}"), "SharedArrayBuffer", "1:11");
    let module = "new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))";
    declined(&format!("const x = {module};{used}"), "WebAssembly", "1:27");
}

#[test]
fn an_app_that_throws_has_no_snapshot_for_that_reason() {
    let app = App::new("const now = Date.now(); throw new Error(`at ${typeof now}`);");
    let Output { status, stderr, .. } = run(&["snapshot", &app.manifest_path()]);
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("error[ENTRYPOINT_THREW]") && stderr.contains("at number"), "{stderr}");
    assert!(stderr.contains("server.js:1:31: "), "{stderr}");
}

#[test]
fn the_environment_is_never_stale() {
    let app = App::new(
        "const atStart = process.env.PUBLIC_A ?? 'none'; \
         export default { fetch: (_, env) => Response.json([atStart, env.PUBLIC_A, env.PUBLIC_B ?? null, process.env.PUBLIC_B ?? null]) };",
    )
    .write("one.env", "PUBLIC_A=one\n");
    let env_file = app.path("one.env").display().to_string();
    succeeds(&["snapshot", &app.manifest_path(), "--env-file", &env_file]);

    let same = Serve::new(&app).args(["--env-file", &env_file]).env("PUBLIC_B", "b").start();
    assert_eq!(same.get("/").json(), json!(["one", "one", "b", "b"]));
    assert!(!same.log().contains("SNAPSHOT_"), "only PUBLIC_A was read, and it is the same");
    drop(same);

    let changed = Serve::new(&app).env("PUBLIC_A", "two").start();
    assert_eq!(changed.get("/").json(), json!(["two", "two", null, null]));
    changed.wait_for_log("SNAPSHOT_ENV_CHANGED");
}

#[test]
fn a_snapshot_that_is_not_whole_is_ignored() {
    let app = App::new("export default { fetch: () => new Response('ok') };");
    succeeds(&["snapshot", &app.manifest_path()]);
    let whole = fs::read(app.path("server.snapshot")).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for damaged in [&whole[..whole.len() / 2], &whole[..20], b"", b"something else altogether", &flipped] {
        fs::write(app.path("server.snapshot"), damaged).unwrap();
        let server = Server::of(&app);
        assert_eq!(server.get("/").expect(200), "ok");
        server.wait_for_log("SNAPSHOT_DAMAGED");
    }
}

#[test]
fn a_snapshot_of_another_source_is_ignored() {
    let app = App::new("export default { fetch: () => new Response('old') };");
    succeeds(&["snapshot", &app.manifest_path()]);
    let app = app.write("server.js", "export default { fetch: () => new Response('new') };");
    let server = Server::of(&app);
    assert_eq!(server.get("/").expect(200), "new");
    server.wait_for_log("SNAPSHOT_STALE");
}

#[test]
fn snapshots_of_different_apps_live_side_by_side() {
    let apps: Vec<App> = [
        "const map = new Map(Array.from({ length: 500 }, (_, i) => ['a' + i, { i }])); export default { fetch: () => Response.json([...map.values()].slice(0, 3)) };",
        "class A { #x = 1n << 80n; get x() { return String(this.#x); } } const a = new A(); export default { fetch: () => new Response(a.x) };",
        "import { Buffer } from 'node:buffer'; import { EventEmitter } from 'node:events'; const e = new EventEmitter(); let n = 0; \
         e.on('x', () => n++); export default { fetch() { e.emit('x'); return new Response(Buffer.from('abc').toString('hex') + n); } };",
        "const text = 'ü'.repeat(1000); const r = /(?<a>ü+)/u; export default { fetch: () => new Response(String(r.exec(text).groups.a.length)) };",
    ]
    .into_iter()
    .map(App::new)
    .collect();
    let mut arguments = vec!["bench".to_owned(), "boots".to_owned()];
    arguments.extend(apps.iter().map(App::manifest_path));
    for app in &apps {
        succeeds(&["snapshot", &app.manifest_path()]);
    }
    arguments.extend(["--boots", "2000", "--at-once", "6", "--json"].map(str::to_owned));
    let Output { status, stdout, stderr } = run(&arguments);
    assert!(status.success(), "{status}: {}", String::from_utf8_lossy(&stderr));
    let figures: Value = serde_json::from_slice(&stdout).unwrap();
    assert_eq!((&figures["boots"], &figures["snapshots"]), (&json!(2000), &json!(4)));
    let resident: Vec<_> = figures["resident_mb"].as_array().unwrap().iter().flat_map(Value::as_f64).collect();
    let (early, late) = (resident[0], resident[9]);
    assert!(late < early * 1.5, "isolates that are gone leave memory behind: {early} MB, then {late} MB");
}

#[test]
fn an_app_may_ask_for_no_snapshot() {
    let source = "export default { fetch: () => new Response('ok') };";
    let app = App::new(source).manifest(json!({ "features": { "snapshot": false } }));
    assert!(!run(&["snapshot", &app.manifest_path()]).status.success());
    assert!(!app.path("server.snapshot").exists());
    Server::of(&app).get("/").expect(200);
}

/// Bytes of the one code cache in the host's data directory.
fn code_cache(app: &App) -> Option<Vec<u8>> {
    let file = fs::read_dir(app.beside("data/code-cache")).ok()?.find_map(|file| {
        let path = file.unwrap().path();
        path.extension().is_some_and(|extension| extension == "bin").then_some(path)
    });
    fs::read(file?).ok()
}

/// Serves the app, asks it once and returns its code cache when it is as it should be.
#[track_caller]
fn cached_after_a_request(app: &App, is_good: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let server = Server::of(app);
    assert_eq!(server.get("/").expect(200), "3");
    for _ in 0..100 {
        if let Some(cache) = code_cache(app).filter(|cache| is_good(cache)) {
            return cache;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the code cache has {:?} bytes", code_cache(app).map(|cache| cache.len()));
}

#[test]
fn the_code_cache_has_what_the_first_request_called_and_is_made_anew_where_it_cannot_be_used() {
    let called = "{ const a = [1, 2, 3].map((x) => x + 1).filter((x) => x > 1); total = a.length; }\n".repeat(50);
    let app = App::new(&format!(
        "function called() {{ let total;\n{called} return total; }}\nexport default {{ fetch: () => new Response(String(called())) }};"
    ));
    let server = Server::of(&app);
    wait_until("it is there before the first request", || code_cache(&app).is_some());
    let young = code_cache(&app).unwrap();
    drop(server);
    let grown = cached_after_a_request(&app, |cache| cache.len() > young.len() + 2000);

    // It fits the other app by its name alone.
    let other = App::new("function f() { return 3; } export default { fetch: () => new Response(String(f())) };");
    let foreign = cached_after_a_request(&other, |_| true);
    let mut flipped = grown.clone();
    flipped[grown.len() / 2] ^= 1;
    for unusable in [foreign, grown[..grown.len() / 2].to_vec(), grown[..20].to_vec(), flipped] {
        let file = fs::read_dir(app.beside("data/code-cache")).unwrap().next().unwrap().unwrap().path();
        fs::write(file, &unusable).unwrap();
        cached_after_a_request(&app, |cache| cache.len() > young.len() + 2000 && cache != unusable);
    }
}

#[test]
fn the_code_caches_of_a_data_directory_have_a_bound() {
    let app = App::new("export default { fetch: () => new Response('ok') };");
    let directory = app.beside("data/code-cache");
    fs::create_dir_all(&directory).unwrap();
    for (name, mebibytes, seconds) in [("first.bin", 200, 1), ("second.bin", 200, 2), (".tmpabc", 1, 3)] {
        let file = fs::File::create(directory.join(name)).unwrap();
        // All of it is a hole, which takes no room.
        file.set_len(mebibytes << 20).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }
    let server = Server::of(&app);
    server.get("/").expect(200);
    wait_until("there is room", || !directory.join("first.bin").exists() && !directory.join(".tmpabc").exists());
    assert!(directory.join("second.bin").exists());
    let count = || fs::read_dir(&directory).unwrap().count();
    wait_until("the new one is kept", || count() == 2);
}
