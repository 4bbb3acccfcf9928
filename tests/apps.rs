//! Several apps in one process: which of them a request reaches, and a directory of apps that is watched.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::harness::{App, Reply, Request, Serve, Server, wait_until};

fn named(name: &str) -> App {
    let source = format!(
        "import {{ getPlatform }} from '@orilla/platform';
         export default {{ async fetch(request) {{
           const {{ pathname, searchParams }} = new URL(request.url);
           const kv = getPlatform().KV.shared;
           if (searchParams.has('put')) await kv.put('key', searchParams.get('put'));
           return Response.json(['{name}', pathname, await kv.get('key')]);
         }} }};"
    );
    App::new(&source).manifest(json!({ "name": name }))
}

fn ask(server: &Server, host: &str, target: &str) -> Reply {
    server.send(&Request::get(target).header("host", host))
}

#[test]
fn requests_reach_apps_by_host_and_by_path() {
    let (shop, blog) = (named("shop"), named("blog"));
    let config = "[routing.hosts]\n\"Example.com\" = \"shop\"\n\"bücher.example\" = \"blog\"\n\
         [routing.paths]\n\"/blog\" = \"blog\"\n\"/\" = \"shop\"\n";
    let server = Serve::new(&shop).args([blog.manifest_path()]).config(config).start();
    let mut kept = server.connect();
    for (host, target, app) in [
        ("shop.localhost", "/x", "shop"),
        ("SHOP.localhost:8080", "/blog", "shop"),
        ("blog.localhost", "/x", "blog"),
        ("example.com", "/blog/1", "shop"),
        ("xn--bcher-kva.example", "/", "blog"),
        ("other.example", "/blog/1", "blog"),
        ("other.example", "/blog", "blog"),
        ("other.example", "/blogs", "shop"),
        ("other.example", "/", "shop"),
    ] {
        let request = Request::get(target).header("host", host);
        let over_one_connection = [kept.request(&request).unwrap(), kept.request(&request).unwrap()];
        for reply in [server.send(&request)].into_iter().chain(over_one_connection) {
            assert_eq!(reply.json()[0], app, "{host}{target}");
        }
    }
    assert_eq!(ask(&server, "other.example", "/blog/1").json()[1], "/blog/1", "the app sees the whole path");
}

#[test]
fn a_route_to_an_app_that_is_not_there_is_a_warning() {
    let config = "[routing.hosts]\n\"example.com\" = \"shpo\"\n[routing.paths]\n\"/x\" = \"other\"\n";
    let server = Serve::new(&named("shop")).config(config).start();
    server.wait_for_log("`example.com` leads to the app `shpo`, which is not here; did you mean `shop`?");
    server.wait_for_log("`/x` leads to the app `other`, which is not here");
    assert_eq!(server.log().matches("ROUTE_WITHOUT_APP").count(), 2);
}

#[test]
fn a_request_for_nobody_says_so() {
    let (shop, blog) = (named("shop"), named("blog"));
    let server = Serve::new(&shop).args([blog.manifest_path()]).start();
    ask(&server, "localhost", "/").expect_error(404, "app_not_found");
    ask(&server, "shop.localhost.example", "/").expect_error(404, "app_not_found");
    ask(&server, "0123456789abcdef--shop.localhost", "/").expect_error(404, "version_not_found");
}

#[test]
fn each_app_has_its_own_data() {
    let (shop, blog) = (named("shop"), named("blog"));
    let server = Serve::new(&shop).args([blog.manifest_path()]).start();
    ask(&server, "shop.localhost", "/?put=mine").expect(200);
    assert_eq!(ask(&server, "shop.localhost", "/").json()[2], "mine");
    assert_eq!(ask(&server, "blog.localhost", "/").json()[2], json!(null));
}

#[test]
fn two_apps_of_one_name_are_refused() {
    let (one, other) = (named("shop"), named("shop"));
    let output = Serve::new(&one).args([other.manifest_path()]).fails();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("error[APP_NAME_TAKEN]") && said.contains(&other.manifest_path()), "{said}");
}

/// Copies an app's two files to where it is served from.
fn put(target: &Path, app: &App) {
    fs::create_dir_all(target).unwrap();
    for file in ["server.js", "manifest.json"] {
        fs::write(target.join(file), fs::read(app.path(file)).unwrap()).unwrap();
    }
}

#[test]
fn what_a_directory_of_apps_could_not_serve_is_looked_at_again() {
    let shop = named("shop");
    let directory = shop.beside("apps");
    put(&directory.join("first"), &shop);
    let other = App::new("export default { fetch: () => new Response('another shop') };");
    put(&directory.join("second"), &other.manifest(json!({ "name": "shop" })));
    let site = json!({ "name": "site", "static": "static", "routes": { "fallback": "pages/200.html" } });
    put(&directory.join("site"), &named("site").manifest(site));
    fs::create_dir_all(directory.join("site/static/pages")).unwrap();
    fs::write(directory.join("site/static/in.txt"), "in").unwrap();
    let server = Serve::bare(&shop).args(["--apps-dir".as_ref(), directory.as_os_str()]).start();

    // The rest of the site comes late.
    ask(&server, "site.localhost", "/in.txt").expect(500);
    fs::write(directory.join("site/static/pages/200.html"), "page").unwrap();
    assert_eq!(ask(&server, "site.localhost", "/in.txt").expect(200), "in");
    fs::write(directory.join("site/static/new.txt"), "new").unwrap();
    wait_until("the new file is served", || ask(&server, "site.localhost", "/new.txt").text() == "new");

    // Several looks have found the name taken.
    assert_eq!(server.log().matches("APP_NAME_TAKEN").count(), 1, "{}", server.log());
    fs::remove_dir_all(directory.join("first")).unwrap();
    wait_until("the name is free", || ask(&server, "shop.localhost", "/").text() == "another shop");
}

#[test]
fn a_directory_of_apps_is_watched() {
    let shop = named("shop");
    let directory = shop.beside("apps");
    let put = |name: &str, app: &App| put(&directory.join(name), app);
    put("first", &shop);
    let server = Serve::bare(&shop).args(["--apps-dir".as_ref(), directory.as_os_str()]).start();
    assert_eq!(ask(&server, "any.example", "/").json()[0], "shop");

    put("second", &named("blog"));
    wait_until("the new app is served", || ask(&server, "blog.localhost", "/").status == 200);

    fs::write(directory.join("second/server.js"), "export default { fetch: () => new Response('changed') };").unwrap();
    wait_until("the changed app is served", || ask(&server, "blog.localhost", "/").text() == "changed");

    fs::write(directory.join("second/server.js"), "export default { fetch: ").unwrap();
    server.wait_for_log("ENTRYPOINT_SYNTAX");
    assert_eq!(ask(&server, "blog.localhost", "/").text(), "changed", "what was served goes on");

    put("third", &shop);
    server.wait_for_log("APP_NAME_TAKEN");

    fs::remove_dir_all(directory.join("second")).unwrap();
    wait_until("the app is gone", || ask(&server, "blog.localhost", "/").text() != "changed");
}

#[test]
fn a_host_name_that_is_claimed_twice_is_refused() {
    let (shop, blog) = (named("shop"), named("blog"));
    for hosts in ["\"example.com\" = \"shop\"\n\"Example.COM\" = \"blog\"\n", "\"blog.localhost\" = \"shop\"\n"] {
        let config = format!("[routing.hosts]\n{hosts}");
        let output = Serve::new(&shop).args([blog.manifest_path()]).config(&config).fails();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.code() == Some(2) && said.contains("CONFIG_VALUE") && said.contains("claimed twice"),
            "{said}"
        );
    }
}
