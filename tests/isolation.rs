//! Requests that run at the same time in one isolate do not see each other, and nothing reaches the platform outside one.

use serde_json::json;

use crate::harness::{App, Server};

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
