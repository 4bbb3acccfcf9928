//! The Web Platform Tests that need no page: each `.any.js` file runs in a fresh process beside their own server, and
//! what fails must be what `wpt/expected/` says, neither more nor less.
//!
//! `./dev test` fetches both and says in `ORILLA_WPT` where they are. `ORILLA_ACCEPT=1` writes down what is found.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::page;
use crate::harness::{App, Reply, Request, Serve, skipped};

/// Directories of the Web Platform Tests.
const SUITES: [&str; 28] = [
    "FileAPI",
    "WebCryptoAPI",
    "compression",
    "console",
    "dom/abort",
    "dom/events",
    "encoding",
    "fetch/api",
    "fetch/content-encoding",
    "fetch/content-type",
    "fetch/data-urls",
    "fetch/range",
    "hr-time",
    "html/webappapis/atob",
    "html/webappapis/microtask-queuing",
    "html/webappapis/structured-clone",
    "html/webappapis/timers",
    "mimesniff/mime-types",
    "performance-timeline",
    "streams",
    "url",
    "urlpattern",
    "user-timing",
    "wasm/webapi",
    "webidl/ecmascript-binding/es-exceptions",
    "webmessaging/broadcastchannel",
    "websockets",
    "xhr/formdata",
];

/// Files that run at the same time. More of them only wait for each other: the other tests use the processors as well.
const WORKERS: usize = 2;

/// `wpt/expected/<suite>.json`.
#[derive(Default, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// How many tests pass.
    passing: usize,
    /// The tests that fail, by file.
    failing: BTreeMap<String, BTreeSet<String>>,
    /// The files that do not come to their end, each with the reason.
    broken: BTreeMap<String, String>,
    /// The files that are not run, each with the reason. Written by hand.
    skipped: BTreeMap<String, String>,
}

/// What the runner answers for a file.
#[derive(Deserialize)]
struct Outcome {
    error: Option<String>,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    name: String,
    status: String,
    message: Option<String>,
}

#[test]
fn the_web_platform_tests_pass_but_for_those_expected_to_fail() {
    let Some(tests) = directory_of_tests() else {
        skipped("the Web Platform Tests: ORILLA_WPT does not say where they are; `./dev test` fetches them");
        return;
    };
    let expected: BTreeMap<_, _> = SUITES.iter().map(|suite| (*suite, read_expected(suite))).collect();
    let outcomes = run_all(&tests, &expected);
    let mut surprises = String::new();
    for (suite, expected) in &expected {
        let found = sum_up(expected, &outcomes, suite);
        if page::rewrites() {
            write_expected(suite, &found);
        } else if found != *expected {
            describe(&mut surprises, suite, expected, &found, &outcomes);
        }
    }
    assert!(surprises.is_empty(), "\n{surprises}");
    if page::rewrites() {
        the_page_has_the_counts();
    }
}

#[test]
fn the_page_has_the_counts() {
    let mut table = "| Suite | Pass | Fail | Files not run |\n| --- | --- | --- | --- |\n".to_owned();
    for suite in SUITES {
        let Expected { passing, failing, broken, skipped } = read_expected(suite);
        let failing: usize = failing.values().map(BTreeSet::len).sum();
        writeln!(table, "| `{suite}` | {passing} | {failing} | {} |", broken.len() + skipped.len()).unwrap();
    }
    page::has_table("wpt", &table);
}

#[allow(clippy::disallowed_methods, reason = "only the environment says where the tests are")]
fn directory_of_tests() -> Option<PathBuf> {
    let directory = PathBuf::from(std::env::var_os("ORILLA_WPT")?);
    let harness = directory.join("tests/resources/testharness.js");
    assert!(harness.exists(), "no Web Platform Tests in {}", directory.display());
    Some(directory)
}

fn expected_path(suite: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/wpt/expected").join(format!("{suite}.json"))
}

fn read_expected(suite: &str) -> Expected {
    let path = expected_path(suite);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn write_expected(suite: &str, found: &Expected) {
    fs::write(expected_path(suite), serde_json::to_string_pretty(found).unwrap() + "\n").unwrap();
}

/// The `.any.js` files of a suite, without those about what no standard has yet.
fn files(tests: &Path, suite: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let root = tests.join("tests").join(suite);
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            if path.is_dir() {
                directories.push(path);
            } else if name.ends_with(".any.js") && !name.contains("tentative") {
                found.insert(name);
            }
        }
    }
    found
}

/// Runs every file that is not skipped; the outcomes are by suite and file.
fn run_all(tests: &Path, expected: &BTreeMap<&str, Expected>) -> BTreeMap<(String, String), Outcome> {
    let server = TestsServer::start(tests);
    let all = expected.iter().flat_map(|(suite, expected)| {
        let run = files(tests, suite).into_iter().filter(|file| !expected.skipped.contains_key(file));
        run.map(|file| ((*suite).to_owned(), file)).collect::<Vec<_>>()
    });
    let (queue, outcomes) = (Mutex::new(all.collect::<Vec<_>>()), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let runner = runner();
                while let Some((suite, file)) = next(&queue) {
                    let outcome = run(&runner, &server, &format!("/{suite}/{file}"));
                    outcomes.lock().unwrap().insert((suite, file), outcome);
                }
            });
        }
    });
    outcomes.into_inner().unwrap()
}

fn next(queue: &Mutex<Vec<(String, String)>>) -> Option<(String, String)> {
    queue.lock().unwrap().pop()
}

fn runner() -> App {
    let limits = json!({
        "wall_ms": 60_000, "cpu_ms": 60_000, "heap_mb": 512, "array_buffer_mb": 1024, "subrequests": 10_000,
    });
    App::new(include_str!("wpt/runner.js")).manifest(json!({ "limits": limits }))
}

fn run(runner: &App, tests: &TestsServer, file: &str) -> Outcome {
    let server = Serve::new(runner).config("[egress]\nallow = [\"127.0.0.0/8\", \"::1/128\"]\n").start();
    let request = Request::get(&format!("/?base=http://localhost:{}&file={file}", tests.port));
    let ended = |error: String| Outcome { error: Some(error), tests: Vec::new() };
    match server.connect().request(&request) {
        Ok(reply @ Reply { status: 200, .. }) => serde_json::from_slice(&reply.body).unwrap(),
        Ok(reply) => ended(format!("{} {}", reply.status, reply.header("x-orilla-error").unwrap_or_default())),
        Err(_) => ended("the process ended".to_owned()),
    }
}

/// The server that the tests come with, in Python.
struct TestsServer {
    process: Child,
    port: u16,
}

impl TestsServer {
    fn start(directory: &Path) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/wpt/server.py");
        let mut process = Command::new("python3")
            .arg(program)
            .arg(directory.join("tests"))
            .env("PYTHONPATH", directory.join("python"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { process, port: port.trim().parse().unwrap() }
    }
}

impl Drop for TestsServer {
    fn drop(&mut self) {
        // It ends, and so does the process that it has, when nobody can write to it any more.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// The outcomes of a suite in the form in which they are expected.
fn sum_up(expected: &Expected, outcomes: &BTreeMap<(String, String), Outcome>, suite: &str) -> Expected {
    let mut found = Expected { skipped: expected.skipped.clone(), ..Expected::default() };
    for ((_, file), outcome) in outcomes.iter().filter(|((of, _), _)| of == suite) {
        if let Some(error) = &outcome.error {
            found.broken.insert(file.clone(), error.clone());
            continue;
        }
        let (passing, failing): (Vec<_>, Vec<_>) = outcome.tests.iter().partition(|test| test.status == "PASS");
        found.passing += passing.len();
        if !failing.is_empty() {
            found.failing.insert(file.clone(), failing.iter().map(|test| test.name.clone()).collect());
        }
    }
    found
}

/// One line for each way in which what was found is not what was expected.
fn describe(
    text: &mut String,
    suite: &str,
    expected: &Expected,
    found: &Expected,
    outcomes: &BTreeMap<(String, String), Outcome>,
) {
    let none = BTreeSet::new();
    let with_failures: BTreeSet<_> = expected.failing.keys().chain(found.failing.keys()).collect();
    for file in with_failures {
        let of = |side: &'_ Expected| side.failing.get(file).unwrap_or(&none).clone();
        for name in of(found).difference(&of(expected)) {
            let outcome = &outcomes[&(suite.to_owned(), file.clone())];
            let message = outcome.tests.iter().find(|test| test.name == *name).and_then(|test| test.message.as_deref());
            writeln!(text, "{suite}/{file}: fails: {name}: {}", message.unwrap_or_default()).unwrap();
        }
        for name in of(expected).difference(&of(found)) {
            writeln!(text, "{suite}/{file}: does not fail any more: {name}").unwrap();
        }
    }
    for (file, why) in &found.broken {
        if expected.broken.get(file) != Some(why) {
            writeln!(text, "{suite}/{file}: does not come to its end: {why}").unwrap();
        }
    }
    for file in expected.broken.keys().filter(|file| !found.broken.contains_key(*file)) {
        writeln!(text, "{suite}/{file}: comes to its end now").unwrap();
    }
    if found.passing != expected.passing {
        writeln!(text, "{suite}: {} tests pass, and {} did", found.passing, expected.passing).unwrap();
    }
}
