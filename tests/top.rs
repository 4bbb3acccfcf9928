//! `runtime top` against a real host. The live screen has unit tests; here is what it prints.

use std::net::{SocketAddr, TcpListener};
use std::process::Output;

use serde_json::Value;

use crate::harness::{App, Serve, run};

fn top(admin: SocketAddr, option: &str) -> Output {
    run(&["top", option, "--interval", "0.2", "--admin", &format!("http://{admin}")])
}

#[track_caller]
fn printed(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_isolates_of_a_host_are_printed() {
    let app = App::new("export default { fetch: () => new Response('ok') };");
    let mut server = Serve::new(&app).args(["--admin-port", "0"]).start();
    let admin = server.listens_at("admin listening on ");
    server.get("/").expect(200);

    let table = printed(top(admin, "--once"));
    let lines: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..2], ["isolates", "1"], "{table}");
    let column = lines[1].iter().position(|name| *name == "APP").unwrap();
    assert_eq!((lines.len(), lines[1][0]), (3, "ISOLATE"), "{table}");
    let json: Value = serde_json::from_str(&printed(top(admin, "--json"))).unwrap();
    let isolate = &json["isolates"][0];
    assert_eq!(lines[2][0], isolate["isolate"].to_string(), "{table}");
    assert_eq!(isolate["app"], "app");
    // A size is two words: its number and its unit.
    assert_eq!(lines[2][column + 1], "app", "{table}");
}

#[test]
fn a_host_that_is_not_there_is_said() {
    // Nobody listens on a port that was just given back.
    let admin = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for option in ["--once", "--json"] {
        let output = top(admin, option);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("error[ADMIN_UNREACHABLE]"), "{stderr}");
        assert!(output.stdout.is_empty());
    }
}
