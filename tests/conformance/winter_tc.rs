//! The suite in winter_tc/: every interface and member of ECMA-429, its presence and its behaviour.
//!
//! Each file there is an area and a module of its own. What runs is one module, as an app's bundle is, and it runs both
//! from source and from a snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use super::page;
use crate::harness::{App, Serve, Server, succeeds};

/// What the suite answers for an area.
#[derive(Deserialize)]
struct Outcome {
    held: usize,
    /// Why the cases that are known not to hold do not.
    differing: Vec<String>,
    failures: Vec<String>,
}

#[test]
fn an_app_finds_what_ecma_429_lists() {
    let app = app();
    let from_source = outcomes(&start(&app));
    succeeds(&["snapshot", &app.manifest_path()]);
    let server = start(&app);
    let from_snapshot = outcomes(&server);
    assert!(!server.log().contains("SNAPSHOT_"), "the snapshot is not used\n{}", server.log());

    let mut failures = String::new();
    for (how, outcomes) in [("from source", &from_source), ("from a snapshot", &from_snapshot)] {
        for (area, outcome) in outcomes {
            for failure in &outcome.failures {
                writeln!(failures, "{area}, {how}: {failure}").unwrap();
            }
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
    page::has_table("ecma-429", &table(&from_source));
}

#[test]
fn every_interface_of_ecma_429_is_documented() {
    let page = page::text();
    let idl = source("idl.js");
    let minimum = &idl[idl.find("const minimum").unwrap()..idl.find("const beyond").unwrap()];
    let names =
        minimum.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(": describe(")).map(|(name, _)| name);
    let missing: Vec<_> = names.filter(|name| !page.contains(&format!("`{}`", name.trim_matches('"')))).collect();
    assert!(missing.is_empty(), "docs/web-platform.md does not name {missing:?}");
}

/// What stands before the areas in the one module.
const BEFORE: [&str; 3] = ["harness.js", "idl.js", "peer.js"];

/// What stands after them: the app.
const AFTER: &str = "serve.js";

/// The files of the areas.
fn areas() -> BTreeSet<String> {
    let names = fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != AFTER && !BEFORE.contains(&name.as_str())).collect()
}

fn directory() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/winter_tc"))
}

fn source(file: &str) -> String {
    fs::read_to_string(directory().join(file)).unwrap()
}

/// A file as a part of the one module: what it imports stands beside it there.
fn part(file: &str) -> String {
    let source = source(file);
    let lines = source.lines().filter(|line| !line.starts_with("import "));
    let unexported = |line: &str| line.strip_prefix("export ").filter(|_| file != AFTER).unwrap_or(line).to_owned();
    lines.map(|line| unexported(line) + "\n").collect()
}

fn app() -> App {
    let mut server_js: String = BEFORE.into_iter().map(part).collect();
    for file in areas() {
        let name = file.strip_suffix(".js").unwrap();
        writeln!(server_js, "area({name:?}, () => {{\n{}}});", part(&file)).unwrap();
    }
    server_js += &part(AFTER);
    App::new(&server_js).manifest(json!({ "limits": { "wall_ms": 60_000, "cpu_ms": 30_000 } }))
}

fn start(app: &App) -> Server {
    Serve::new(app).config("[egress]\nallow = [\"127.0.0.0/8\"]\n").start()
}

fn outcomes(server: &Server) -> BTreeMap<String, Outcome> {
    let run = |file: String| {
        let area = file.strip_suffix(".js").unwrap().to_owned();
        let reply = server.get(&format!("/{area}?origin=http://{}", server.address()));
        reply.expect(200);
        (area, serde_json::from_slice(&reply.body).unwrap())
    };
    areas().into_iter().map(run).collect()
}

fn table(outcomes: &BTreeMap<String, Outcome>) -> String {
    let mut table = "| Area | Cases that hold | What differs |\n| --- | --- | --- |\n".to_owned();
    for (area, Outcome { held, differing, .. }) in outcomes {
        let reasons: BTreeSet<_> = differing.iter().map(String::as_str).collect();
        let differing = reasons.into_iter().collect::<Vec<_>>().join("; ");
        writeln!(table, "| `{area}` | {held} | {differing} |").unwrap();
    }
    table
}
