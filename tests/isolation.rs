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
