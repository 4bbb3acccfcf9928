//! A case: an app in `apps/<service>/<case>/app/`, and in `case.json` beside it the requests it gets and what must come
//! back. Each runs twice, from source and from a snapshot; those of services that keep data once more on Postgres.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::{App, Reply, Request, Serve, succeeds, throwaway};

/// case.json.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// Variables of the host's environment.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Whether the app can be started from a snapshot.
    #[serde(default = "yes")]
    snapshot: bool,
    /// In order, against one server.
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    request: Sent,
    expect: Expected,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    #[serde(default = "get")]
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(default = "ok")]
    status: u16,
    /// Headers that must be there; others may be too.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    body_json: Option<Value>,
    body_contains: Option<String>,
}

fn yes() -> bool {
    true
}

fn get() -> String {
    "GET".to_owned()
}

fn ok() -> u16 {
    200
}

/// Every directory under apps/ that holds a case, as `service/case`.
pub fn case_directories() -> Vec<String> {
    let children = |directory: &Path| -> Vec<PathBuf> {
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let services = children(&apps());
    let mut names: Vec<String> = services
        .iter()
        .flat_map(|service| children(service))
        .map(|case| case.strip_prefix(apps()).unwrap().display().to_string())
        .collect();
    names.sort();
    names
}

/// Services whose data can be on Postgres.
const ON_POSTGRES: [&str; 2] = ["database/", "kv/"];

/// Runs the case `service/case` without and with a snapshot, and on Postgres.
pub fn run_case(name: &str) {
    let directory = apps().join(name);
    let text = fs::read_to_string(directory.join("case.json")).unwrap();
    let case: Case = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}/case.json: {error}"));
    let app = App::copy_of(&directory.join("app"));
    run_steps(&format!("{name} from source"), &case, &app, Serve::new(&app));
    if ON_POSTGRES.iter().any(|service| name.starts_with(service)) {
        let database = throwaway::server().database();
        run_steps(&format!("{name} on Postgres"), &case, &app, Serve::new(&app).args(["--database", &database.url]));
    }
    if case.snapshot {
        let env = app.beside("case.env");
        let lines: String = case.env.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        fs::write(&env, lines).unwrap();
        succeeds(&["snapshot", &app.manifest_path(), "--env-file", &env.display().to_string()]);
        assert!(app.path("server.snapshot").exists(), "{name}: no snapshot was written");
        run_steps(&format!("{name} from a snapshot"), &case, &app, Serve::new(&app));
    }
}

fn run_steps(name: &str, case: &Case, app: &App, serve: Serve) {
    let serve = case.env.iter().fold(serve, |serve, (name, value)| serve.env(name, value));
    let server = serve.start();
    for step in &case.steps {
        let Sent { method, path, headers, body } = &step.request;
        let request = Request::new(method, path).body(body.as_str());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        check(&format!("{name}: {method} {path}"), &step.expect, &server.send(&request));
    }
    // A snapshot that is not used says why, with a code of this kind.
    assert!(!server.log().contains("SNAPSHOT_"), "{name}: the snapshot is not used");
    drop(server);
    let _ = fs::remove_dir_all(app.beside("data"));
}

fn check(step: &str, expected: &Expected, reply: &Reply) {
    let text = reply.text();
    assert_eq!(reply.status, expected.status, "{step}\n{:?}\n{text}", reply.headers);
    for (name, value) in &expected.headers {
        assert_eq!(reply.header(name).as_deref(), Some(value.as_str()), "{step}: {name}");
    }
    if let Some(body) = &expected.body {
        assert_eq!(&text, body, "{step}");
    }
    if let Some(body) = &expected.body_json {
        assert_eq!(&reply.json(), body, "{step}");
    }
    if let Some(part) = &expected.body_contains {
        assert!(text.contains(part), "{step}: no {part:?} in\n{text}");
    }
}

fn apps() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("apps")
}
