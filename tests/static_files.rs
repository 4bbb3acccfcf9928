//! Static files through the real server. What answers which path is tested in detail beside the code.

use serde_json::json;

use crate::harness::{App, Request, Server};

fn site() -> App {
    App::new("export default { fetch: (request) => new Response(`app ${new URL(request.url).pathname}`) };")
        .manifest(json!({
            "static": "static",
            "routes": { "include": ["/api/*"], "immutable": ["/assets/*"], "fallback": "200.html" }
        }))
        .write("static/index.html", "<h1>Home</h1>")
        .write("static/200.html", "<h1>Shell</h1>")
        .write("static/assets/a.js", "let a = 1;")
        .write("static/assets/a.js.br", "pretend this is brotli")
        .write("static/large.bin", vec![7; 300_000])
        .write("static/.env", "SECRET=1")
}

#[test]
fn files_are_served_with_what_a_browser_needs_to_keep_them() {
    let server = Server::of(&site());
    let reply = server.get("/assets/a.js");
    assert_eq!(reply.expect(200), "let a = 1;");
    assert_eq!(reply.header("cache-control").as_deref(), Some("public, max-age=31536000, immutable"));
    assert_eq!(reply.header("x-content-type-options").as_deref(), Some("nosniff"));
    let tag = reply.header("etag").unwrap();
    server.send(&Request::get("/assets/a.js").header("if-none-match", &tag)).expect(304);
    let packed = server.send(&Request::get("/assets/a.js").header("accept-encoding", "gzip, br"));
    assert_eq!(packed.expect(200), "pretend this is brotli");
    assert_eq!(packed.header("content-encoding").as_deref(), Some("br"));
    assert_ne!(packed.header("etag").unwrap(), tag);
}

#[test]
fn ranges_and_head_are_answered() {
    let server = Server::of(&site());
    let part = server.send(&Request::get("/large.bin").header("range", "bytes=299990-"));
    part.expect(206);
    assert_eq!(part.body, [7; 10]);
    assert_eq!(part.header("content-range").as_deref(), Some("bytes 299990-299999/300000"));
    server.send(&Request::get("/large.bin").header("range", "bytes=300000-")).expect(416);
    let head = server.send(&Request::new("HEAD", "/large.bin"));
    assert_eq!((head.status, head.header("content-length").as_deref()), (200, Some("300000")));
    assert_eq!(server.get("/large.bin").body, vec![7; 300_000]);
}

#[test]
fn the_app_the_fallback_and_404_share_the_rest() {
    let server = Server::of(&site());
    assert_eq!(server.get("/").expect(200), "<h1>Home</h1>");
    assert_eq!(server.get("/api/x").expect(200), "app /api/x");
    let page = Request::get("/somewhere").header("accept", "text/html");
    assert_eq!(server.send(&page).expect(200), "<h1>Shell</h1>");
    server.get("/missing.png").expect(404);
    server.get("/.env").expect(404);
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_directory_is_not_served() {
    let app = site();
    std::os::unix::fs::symlink("/etc/passwd", app.path("static/link.txt")).unwrap();
    let server = Server::of(&app);
    assert!(!server.get("/link.txt").text().contains("root:"));
    server.wait_for_log("some files of the static directory are not served");
}
