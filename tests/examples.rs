//! The examples, served for real. Those that are built from packages are skipped, loudly, where they have not been built.

use std::path::Path;

use serde_json::json;

use crate::harness::{App, Reply, Request, Server, skipped};

/// Serves an example from a copy, so that what it stores goes away; `None` if it has not been built.
pub fn serve(directory: &str) -> Option<(App, Server)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(directory);
    if !source.join("manifest.json").exists() {
        skipped(&format!("examples/{directory} has no manifest.json; build it with `./dev examples`"));
        return None;
    }
    let app = App::copy_of(&source);
    let server = Server::of(&app);
    Some((app, server))
}

#[test]
fn hello() {
    let (_app, server) = serve("hello").unwrap();
    assert_eq!(server.get("/").expect(200), "Hello from Orilla\n");
}

#[test]
fn todo_kv() {
    let (app, server) = serve("todo-kv").unwrap();
    assert!(server.get("/").expect(200).contains("<html"));
    let json = |method: &str, path: &str, body: &str| -> Reply { server.send(&Request::new(method, path).body(body)) };
    let created = json("POST", "/api/todos", r#"{"text":" Buy milk "}"#);
    created.expect(201);
    let id = created.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(created.json()["text"], "Buy milk");
    assert_eq!(json("PATCH", &format!("/api/todos/{id}"), r#"{"done":true}"#).json()["done"], true);
    assert_eq!(json("POST", "/api/todos", r#"{"text":""}"#).json()["error"]["code"], "BAD_TEXT");
    drop(server);

    let server = Server::of(&app);
    let list = server.get("/api/todos").json();
    assert_eq!((&list["count"], &list["todos"][0]["done"]), (&json!(1), &json!(true)));
    server.send(&Request::new("DELETE", &format!("/api/todos/{id}"))).expect(204);
    assert_eq!(server.get("/api/todos").json()["count"], 0);
}

#[test]
fn hono() {
    let Some((_app, server)) = serve("hono/build") else { return };
    let greeting = server.get("/api/greet/World");
    assert_eq!(greeting.expect(200), r#"{"greeting":"Hello, World"}"#);
    assert!(greeting.header("etag").is_some() && greeting.header("access-control-allow-origin").is_some());
    assert_eq!(server.get("/api/countdown/2").expect(200), "2\n1\ngo\n");
    server.get("/api/notes/n").expect(404);
    server.send(&Request::new("PUT", "/api/notes/n").body("text")).expect(204);
    assert_eq!(server.get("/api/notes/n").expect(200), "text");
    server.get("/api/nothing").expect(404);
    assert!(server.get("/").expect(200).contains("<html"));
}

#[test]
fn sveltekit() {
    let Some((_app, server)) = serve("sveltekit/build") else { return };
    assert!(server.get("/about").expect(200).contains("About"));
    let rendered = server.get("/sverdle");
    assert!(rendered.expect(200).contains("<form"), "{}", rendered.text());
    let origin = format!("http://{}", server.address());
    let form = Request::post("/sverdle?/update", "key=a")
        .header("host", &server.address().to_string())
        .header("origin", &origin)
        .header("content-type", "application/x-www-form-urlencoded");
    let played = server.send(&form);
    played.expect(200);
    assert!(played.header("set-cookie").is_some_and(|cookie| cookie.starts_with("sverdle=")), "{:?}", played.headers);
    server.get("/no-such-page").expect(404);
}
