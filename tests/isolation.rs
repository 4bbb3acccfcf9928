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
fn an_app_that_is_stuck_keeps_no_other_from_reading() {
    let app = |name: &str, body: &str| {
        let source = format!(
            "import {{ getPlatform }} from '@orilla/platform';
             const {{ KV }} = getPlatform();
             export default {{ async fetch() {{ {body} }} }};"
        );
        let limits = json!({ "cpu_ms": 60_000, "wall_ms": if name == "stuck" { 120_000 } else { 5_000 } });
        App::new(&source).manifest(json!({ "name": name, "limits": limits }))
    };
    // More reads than there are connections, none of which it takes for 10 seconds.
    let stuck = app(
        "stuck",
        "const reads = Array.from({ length: 1000 }, (_, n) => KV.things.get(`key ${n}`));
         for (const end = performance.now() + 10_000; performance.now() < end; );
         return new Response(String((await Promise.all(reads)).length));",
    );
    let other = app("other", "return new Response(String(await KV.things.get(crypto.randomUUID())));");
    let server = Serve::new(&stuck).args([other.manifest_path()]).start();
    let ask = |name: &str| server.send(&Request::get("/").header("host", &format!("{name}.localhost")));
    assert_eq!(ask("other").expect(200), "null");
    std::thread::scope(|scope| {
        let stuck = scope.spawn(|| ask("stuck").expect(200));
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(ask("other").expect(200), "null");
        assert!(!stuck.is_finished());
        assert_eq!(stuck.join().unwrap(), "1000");
    });
}
