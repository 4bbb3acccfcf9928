//! Many versions of an app: what a host keeps of them, what it loads, and who answers.

use std::os::unix::fs::symlink;
use std::thread;

use serde_json::json;

use crate::deployments::{Host, TOKEN, WITHOUT_SNAPSHOTS, base, shop, version};
use crate::harness::{Request, Serve, expect, run, shell};

/// A host that makes no snapshots.
fn host() -> Host {
    let base = base();
    let serve = Serve::new(&base).config(WITHOUT_SNAPSHOTS);
    Host::serving(base, serve)
}

#[test]
fn traffic_goes_to_all_it_was_given_to_however_many_previews_there_are() {
    let host = host();
    host.deploy(&shop("first"), &[]);
    let previews: Vec<_> =
        (0..9).map(|number| version(&host.deploy(&shop(&number.to_string()), &["--no-activate"]))).collect();
    // There is room for eight, so the first of them is loaded again, and the second makes room for it.
    let split = json!({ "traffic": [
        { "version": previews[1], "percent": 50 },
        { "version": previews[0], "percent": 50 },
    ] });
    host.admin(&Request::post("/_orilla/apps/shop/traffic", split.to_string())).expect(200);
    let answers: Vec<_> = (0..40).map(|_| host.ask("shop").expect(200)).collect();
    assert!(answers.iter().all(|answer| answer == "0" || answer == "1"), "{answers:?}");
    assert!(["0", "1"].iter().all(|one| answers.iter().any(|answer| answer == one)), "{answers:?}");
}

#[test]
fn a_rollback_finds_its_version_however_many_were_deployed_since() {
    let host = host();
    let first = version(&host.deploy(&shop("first"), &[]));
    // More than are kept of those that never answered.
    for number in 0..50 {
        host.deploy(&shop(&number.to_string()), &["--no-activate"]);
    }
    host.deploy(&shop("second"), &[]);
    assert_eq!(host.ask("shop").expect(200), "second");
    let apps = host.json(&["deployments", "--app", "shop"]);
    let versions = apps["versions"].as_array().unwrap();
    assert!(versions.len() < 52 && versions.iter().any(|one| one["version"] == first), "{apps}");
    host.json(&["rollback", "--app", "shop"]);
    assert_eq!(host.ask("shop").expect(200), "first");
}

#[test]
fn the_only_app_answers_every_name_until_another_has_traffic() {
    let host = host();
    let anybody = Request::get("/").header("host", "www.example.com");
    assert_eq!(host.server.send(&anybody).expect(200), "base");
    let preview = version(&host.deploy(&shop("preview"), &["--no-activate"]));
    assert_eq!(host.ask(&format!("{preview}--shop")).expect(200), "preview");
    assert_eq!(host.server.send(&anybody).expect(200), "base", "nothing else has traffic");
    host.ask("shop").expect_error(404, "app_not_found");

    host.admin(&Request::new("DELETE", &format!("/_orilla/apps/shop/versions/{preview}"))).expect(200);
    assert_eq!(host.ask("shop").expect(200), "base", "the app is gone with its last version");
    assert!(!host.server.log().contains("ONLY_APP_NO_LONGER"), "{}", host.server.log());

    host.deploy(&shop("first"), &[]);
    host.server.send(&anybody).expect_error(404, "app_not_found");
    host.server.wait_for_log("ONLY_APP_NO_LONGER");
}

#[test]
fn no_link_publishes_a_hidden_file() {
    let host = host();
    for (link, target) in
        [("static/settings.txt", "../.env"), ("static/code", "../.git"), ("static/lib", "../node_modules")]
    {
        let app = shop("x").manifest(json!({ "name": "shop", "static": "static" })).write("static/in.txt", "in");
        let app = app.write(".env", "SECRET=1").write(".git/config", "x").write("node_modules/x.js", "x");
        symlink(target, app.path(link)).unwrap();
        expect(&host.command(&["deploy", &app.manifest_path()]), 2, &["error[BUNDLE_INVALID]", link]);
        assert_eq!(run(&["check", &app.manifest_path()]).status.code(), Some(2), "{link}");
    }
}

#[test]
fn a_preview_is_loaded_once_however_many_look_at_it() {
    let host = host();
    let source = "let isFresh = true;
        export default { fetch() { if (isFresh) console.log('a fresh isolate'); isFresh = false; return new Response('preview'); } };";
    let app = shop("x").manifest(json!({ "name": "shop", "static": "static" })).write("server.js", source);
    // Some time to read.
    let preview = version(&host.deploy(&app.write("static/large.bin", vec![7; 8 << 20]), &["--no-activate"]));
    let host = host.restart();
    thread::scope(|scope| {
        let asks = (0..8).map(|_| scope.spawn(|| host.ask(&format!("{preview}--shop")).expect(200)));
        let asks: Vec<_> = asks.collect();
        asks.into_iter().for_each(|ask| assert_eq!(ask.join().unwrap(), "preview"));
    });
    host.server.wait_for_log("a fresh isolate");
    assert_eq!(host.server.log().matches("a fresh isolate").count(), 1, "{}", host.server.log());
}

#[test]
fn what_is_kept_for_ever_brings_no_cookie() {
    let host = host();
    let app = |text: &str| {
        let keys = json!({ "name": "shop", "static": "static", "routes": { "immutable": ["/assets/*"] } });
        shop(text).manifest(keys).write("static/assets/a.js", "1")
    };
    host.deploy(&app("first"), &[]);
    host.deploy(&app("second"), &["--traffic", "50"]);
    assert!(host.ask("shop").header("set-cookie").is_some());
    let asset = Request::get("/assets/a.js").header("host", "shop.localhost");
    let reply = host.server.send(&asset);
    assert_eq!((reply.expect(200), reply.header("set-cookie")), ("1".to_owned(), None));
    let reply = host.server.send(&asset.header("if-none-match", &reply.header("etag").unwrap()));
    assert_eq!((reply.status, reply.header("set-cookie")), (304, None));
}

#[test]
fn commands_say_which_app_is_not_there_and_end_well_where_nobody_reads() {
    let host = host();
    expect(&host.command(&["rollback", "--app", "typo"]), 2, &["error[APP_NOT_FOUND]"]);
    host.deploy(&shop("first"), &[]);
    for command in ["deployments", "deployments --json"] {
        // By then nobody reads any more.
        let line = format!(
            "{{ sleep 0.3; runtime {command} --admin http://{} --token {TOKEN}; echo \"ended with $?\" >&2; }} | true",
            host.admin
        );
        expect(&shell(&host.base.beside(""), &line), 0, &["ended with 0"]);
    }
}
