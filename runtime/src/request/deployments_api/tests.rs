use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use async_trait::async_trait;
use http::header::AUTHORIZATION;
use http_body_util::Full;
use orilla_services::clock::Clock;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::*;
use crate::apps::manifest::problem::{Problem, Problems};
use crate::apps::versions::bundle::Bundle;

const TOKEN: &str = "0123456789abcdef";

struct Standing;

impl Clock for Standing {
    fn now(&self) -> u64 {
        1
    }
}

/// Serves nothing, but keeps count of what it was told. A version whose server.js says `broken` fails its check.
#[derive(Default)]
struct Ledger {
    states: Mutex<BTreeMap<VersionId, VersionState>>,
    traffic: Mutex<Option<Traffic>>,
}

#[async_trait]
impl Deployer for Ledger {
    type Ready = VersionId;

    async fn activate(&self, _: &AppName, version: &VersionId, directory: &Path) -> Result<VersionId, Problems> {
        let entrypoint = directory.join("server.js");
        if fs::read(&entrypoint).unwrap() == b"broken" {
            let message = format!("{}: it is broken", entrypoint.display());
            return Err(Problem::error("ENTRYPOINT_SYNTAX", &entrypoint, message).into());
        }
        self.states.lock().unwrap().insert(version.clone(), VersionState::Ready);
        Ok(version.clone())
    }

    async fn set_traffic(&self, _: &AppName, shares: Vec<(VersionId, u8)>) {
        let shares = shares.into_iter().map(|(version, percent)| Share { version, percent });
        let traffic: Traffic = shares.collect::<Vec<_>>().try_into().unwrap();
        *self.traffic.lock().unwrap() = Some(traffic.clone());
        for (version, state) in &mut *self.states.lock().unwrap() {
            *state = if traffic.percent(version) > 0 { VersionState::Ready } else { VersionState::Draining };
        }
    }

    async fn stop(&self, _: &AppName, version: &VersionId) {
        self.states.lock().unwrap().remove(version);
    }

    async fn remove(&self, _: &AppName) {}

    fn state(&self, _: &AppName, version: &VersionId) -> VersionState {
        self.states.lock().unwrap().get(version).copied().unwrap_or(VersionState::Stopped)
    }

    fn preview(&self, app: &AppName, version: &VersionId) -> String {
        format!("http://{version}--{app}.localhost")
    }
}

struct Fixture {
    data: TempDir,
    deployer: Arc<Ledger>,
    api: Arc<DeploymentsApi<Ledger>>,
}

impl Fixture {
    fn new() -> Self {
        let data = TempDir::new().unwrap();
        let deployer = Arc::new(Ledger::default());
        let store = Arc::new(Store::open(data.path(), Arc::new(Standing)).unwrap());
        Self { api: DeploymentsApi::new(store, deployer.clone(), AdminToken::new(Some(TOKEN))), deployer, data }
    }

    async fn send(&self, method: Method, path: &str, body: impl Into<Bytes>) -> (u16, Json) {
        let request = Request::builder().method(method).uri(format!("{PREFIX}{path}"));
        let request = request.header(AUTHORIZATION, format!("Bearer {TOKEN}"));
        self.answer(request.body(Full::new(body.into())).unwrap()).await
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> (u16, Json) {
        let response = self.api.clone().answer(request).await;
        (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
    }

    async fn deploy(&self, source: &str, query: &str) -> (u16, Json) {
        self.send(Method::POST, &format!("/shop/versions?{query}"), bundle(source)).await
    }

    /// Deploys and tells the version.
    async fn version(&self, source: &str, query: &str) -> String {
        let (status, answer) = self.deploy(source, query).await;
        assert_eq!(status, 201, "{answer}");
        answer["version"].as_str().unwrap().to_owned()
    }

    /// What the app's requests go to, which must be what the store says.
    fn traffic(&self) -> Vec<(String, u8)> {
        let running = self.deployer.traffic.lock().unwrap().clone().unwrap();
        let stored = self.api.store.traffic(&"shop".to_owned().try_into().unwrap()).unwrap().unwrap();
        assert_eq!(running, stored);
        stored.shares().iter().map(|share| (share.version.to_string(), share.percent)).collect()
    }
}

fn bundle(source: &str) -> Vec<u8> {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("server.js"), source).unwrap();
    let mut bytes = Vec::new();
    Bundle::of(directory.path()).unwrap().write(&mut bytes).unwrap();
    bytes
}

fn code(answer: &Json) -> &str {
    answer["error"]["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn versions_come_share_the_traffic_go_back_and_are_deleted() {
    let host = Fixture::new();
    let a = host.version("a", "percent=10").await;
    assert_eq!(host.traffic(), [(a.clone(), 100)], "the first version answers everything");
    let b = host.version("b", "percent=10").await;
    assert_eq!(host.traffic(), [(a.clone(), 90), (b.clone(), 10)]);
    let c = host.version("c", "activate=false").await;
    assert_eq!(host.traffic(), [(a.clone(), 90), (b.clone(), 10)]);

    let split = json!({ "traffic": [{ "version": b, "percent": 50 }, { "version": c, "percent": 50 }] });
    assert_eq!(host.send(Method::POST, "/shop/traffic", split.to_string()).await, (200, split));
    assert_eq!(host.traffic(), [(b.clone(), 50), (c.clone(), 50)]);

    let (status, answer) = host.send(Method::GET, "", "").await;
    assert_eq!((status, &answer["apps"][0]["app"]), (200, &json!("shop")));
    let versions = answer["apps"][0]["versions"].as_array().unwrap();
    let states: BTreeMap<_, _> =
        versions.iter().map(|version| (version["version"].as_str().unwrap(), version)).collect();
    assert_eq!((&states[&*a]["state"], &states[&*a]["percent"]), (&json!("draining"), &json!(0)));
    assert_eq!((&states[&*c]["state"], &states[&*c]["percent"]), (&json!("ready"), &json!(50)));
    assert_eq!(states[&*c]["preview"], format!("http://{c}--shop.localhost"));

    for busy in [&a, &b] {
        let (status, answer) = host.send(Method::DELETE, &format!("/shop/versions/{busy}"), "").await;
        assert_eq!((status, code(&answer)), (409, "VERSION_ACTIVE"));
    }
    let (status, _) = host.send(Method::POST, "/shop/rollback", json!({ "to": a }).to_string()).await;
    assert_eq!((status, host.traffic()), (200, vec![(a.clone(), 100)]));
    let (status, answer) = host.send(Method::POST, "/shop/rollback", "").await;
    assert_eq!((status, code(&answer)), (409, "ROLLBACK_NONE"));

    host.deployer.states.lock().unwrap().insert(b.clone().try_into().unwrap(), VersionState::Stopped);
    assert_eq!(host.send(Method::DELETE, &format!("/shop/versions/{b}"), "").await.0, 200);
    let (status, answer) = host.send(Method::DELETE, &format!("/shop/versions/{b}"), "").await;
    assert_eq!((status, code(&answer)), (404, "VERSION_NOT_FOUND"));
}

#[tokio::test]
async fn a_version_that_fails_its_check_changes_nothing_and_says_why() {
    let host = Fixture::new();
    let a = host.version("a", "").await;
    let (status, answer) = host.deploy("broken", "").await;
    assert_eq!((status, code(&answer)), (422, "DEPLOY_CHECK_FAILED"));
    let problem = &answer["error"]["problems"][0];
    assert_eq!((&problem["file"], &problem["code"]), (&json!("server.js"), &json!("ENTRYPOINT_SYNTAX")));
    assert_eq!(problem["message"], "server.js: it is broken", "no path of the host");
    assert!(answer["error"]["report"].as_str().unwrap().contains("error[ENTRYPOINT_SYNTAX]"));
    assert_eq!(host.traffic(), [(a.clone(), 100)]);
    let (_, answer) = host.send(Method::GET, "/shop", "").await;
    assert_eq!(answer["versions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_damaged_version_gets_no_traffic() {
    let host = Fixture::new();
    let a = host.version("a", "").await;
    let b = host.version("b", "").await;
    fs::write(host.data.path().join(format!("apps/shop/versions/{a}/files/server.js")), "x").unwrap();
    let (status, answer) = host.send(Method::POST, "/shop/rollback", "").await;
    assert_eq!((status, code(&answer)), (409, "VERSION_CORRUPT"));
    assert_eq!(host.traffic(), [(b, 100)]);
    assert_eq!(host.version("a", "").await, a, "deploying it again repairs it");
    assert_eq!(host.traffic(), [(a, 100)]);
}

#[tokio::test]
async fn only_who_knows_the_token_is_answered() {
    let host = Fixture::new();
    let ask = |token: Option<&str>| {
        let request = Request::builder().method(Method::POST).uri(format!("{PREFIX}/shop/versions"));
        let request = match token {
            Some(token) => request.header(AUTHORIZATION, token),
            None => request,
        };
        host.answer(request.body(Full::new(bundle("a").into())).unwrap())
    };
    for (token, expected) in [
        (None, (401, "ADMIN_TOKEN_REQUIRED")),
        (Some("Basic 0123456789abcdef"), (401, "ADMIN_TOKEN_REQUIRED")),
        (Some("Bearer 0123456789abcdeg"), (403, "ADMIN_TOKEN_WRONG")),
        (Some("Bearer "), (403, "ADMIN_TOKEN_WRONG")),
    ] {
        let (status, answer) = ask(token).await;
        assert_eq!((status, code(&answer)), expected);
    }
    assert_eq!(ask(Some("bearer 0123456789abcdef")).await.0, 201);

    let closed = DeploymentsApi::new(host.api.store.clone(), host.deployer.clone(), AdminToken::new(None));
    let request = Request::get(PREFIX).header(AUTHORIZATION, "Bearer ").body(Full::new(Bytes::new())).unwrap();
    assert_eq!(closed.answer(request).await.status(), 403);
}

#[tokio::test]
async fn what_cannot_be_understood_is_refused_with_a_code() {
    let host = Fixture::new();
    let post = Method::POST;
    for (method, path, body, expected) in [
        (post.clone(), "/Shop/versions", "", (400, "APP_NAME_INVALID")),
        (post.clone(), "/shop/versions", "", (400, "BUNDLE_INVALID")),
        (post.clone(), "/shop/versions?percent=0", "", (400, "TRAFFIC_INVALID")),
        (post.clone(), "/shop/versions?activate=maybe", "", (400, "ADMIN_REQUEST_INVALID")),
        (post.clone(), "/shop/traffic", "{", (400, "ADMIN_REQUEST_INVALID")),
        (post.clone(), "/shop/traffic", "{\"traffic\":[]}", (400, "TRAFFIC_INVALID")),
        (post.clone(), "/shop/rollback", "{\"to\":\"../x\"}", (404, "VERSION_NOT_FOUND")),
        (post.clone(), "/shop/rollback", "{\"to\":\"0123456789abcdef\"}", (404, "VERSION_NOT_FOUND")),
        (post.clone(), "", "", (405, "ADMIN_METHOD_NOT_ALLOWED")),
        (post, "/shop/else", "", (404, "ADMIN_PATH_UNKNOWN")),
        (Method::GET, "/shop", "", (404, "APP_NOT_FOUND")),
        (Method::DELETE, "/shop/versions/%2e%2e", "", (404, "VERSION_NOT_FOUND")),
    ] {
        let (status, answer) = host.send(method, path, body).await;
        assert_eq!((status, code(&answer)), expected, "{path} {body}");
    }
    assert!(host.api.changing.are_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_one_app_follow_each_other() {
    let host = Arc::new(Fixture::new());
    // Two of the changes bring the same version, which alone could not have a part of the traffic.
    host.version("before", "").await;
    let changes: Vec<_> = (0..12)
        .map(|number| {
            let host = host.clone();
            tokio::spawn(async move { host.version(&format!("{}", number % 6), "percent=30").await })
        })
        .collect();
    for change in changes {
        change.await.unwrap();
    }
    assert_eq!(host.traffic().iter().map(|(_, percent)| u32::from(*percent)).sum::<u32>(), 100);
    assert!(host.api.changing.are_empty());
}

#[tokio::test]
async fn old_versions_make_room() {
    let host = Fixture::new();
    let first = host.version("first", "").await;
    for number in 0..MAX_VERSIONS + 2 {
        host.version(&number.to_string(), "activate=false").await;
    }
    let (_, answer) = host.send(Method::GET, "/shop", "").await;
    let versions = answer["versions"].as_array().unwrap();
    assert!(versions.iter().any(|version| version["version"] == first), "it has the traffic");
    assert!(versions.len() <= MAX_VERSIONS + 1);
}
