//! KV through the whole stack, where the cases under apps/kv cannot look.

use serde_json::json;

use crate::harness::{App, Request, Server};

const STORE: &str = r#"
import { getPlatform } from "@orilla/platform";

const { KV } = getPlatform();

export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/list") {
      const page = await KV.n.list({ limit: Number(searchParams.get("limit")), cursor: searchParams.get("cursor") ?? undefined });
      return Response.json({ names: page.keys.map(({ name }) => name), cursor: page.cursor ?? null });
    }
    if (request.method === "PUT") await KV.n.put(pathname, await request.text());
    return new Response(await KV.n.get(pathname));
  },
};
"#;

#[test]
fn a_cursor_is_good_after_a_restart_and_while_keys_change() {
    let app = App::new(STORE);
    let server = Server::of(&app);
    for key in ["/a", "/c", "/e", "/g"] {
        server.send(&Request::new("PUT", key).body("v")).expect(200);
    }
    let first = server.get("/list?limit=2").json();
    assert_eq!(first["names"], json!(["/a", "/c"]));
    drop(server);

    let server = Server::of(&app);
    for key in ["/b", "/d"] {
        server.send(&Request::new("PUT", key).body("v")).expect(200);
    }
    let rest = server.get(&format!("/list?limit=10&cursor={}", first["cursor"].as_str().unwrap())).json();
    assert_eq!(rest, json!({ "names": ["/d", "/e", "/g"], "cursor": null }));
}

#[test]
fn a_reader_on_another_connection_sees_every_finished_write() {
    let server = Server::of(&App::new(STORE));
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let server = &server;
            scope.spawn(move || {
                let (mut writes, mut reads) = (server.connect(), server.connect());
                for value in 0..50 {
                    let key = format!("/{writer}");
                    writes.request(&Request::new("PUT", &key).body(value.to_string())).unwrap().expect(200);
                    assert_eq!(reads.request(&Request::get(&key)).unwrap().expect(200), value.to_string());
                }
            });
        }
    });
}

#[test]
fn a_namespace_that_is_no_string_is_refused_by_every_function() {
    let app = App::new(
        "import { getPlatform } from '@orilla/platform'; const { kv } = getPlatform(); \
         const code = (call) => call().then(() => 'none', (error) => error.code); \
         export default { fetch: async () => Response.json(await Promise.all([ \
         code(() => kv.get(42, 'k')), code(() => kv.put(null, 'k', 'v')), code(() => kv.delete({}, 'k')), code(() => kv.list(undefined))])) };",
    );
    assert_eq!(Server::of(&app).get("/").json(), json!(vec!["KV_NAMESPACE_INVALID"; 4]));
}
