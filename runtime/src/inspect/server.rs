//! The listener for debuggers: says which isolates there are, hands out source maps, and turns a WebSocket handshake into
//! a [`session`]. Whoever reaches it can run code in every app, so it answers neither web pages
//! nor names that a page could have pointed at it.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use deno_core::v8;
use http::header::{CONTENT_TYPE, HOST, HeaderValue, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use orilla_snapshot::loader::ENTRYPOINT;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::session;
use super::targets::{Target, Targets};
use crate::request::body::HostBody;
use crate::request::respond::refusal;
use crate::request::websocket::Handshake;

/// Connections of debuggers open at the same time; one more waits.
pub const MAX_INSPECT_CONNECTIONS: usize = 64;

/// How long a debugger may take to send a request's headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// The version of the protocol that V8 speaks.
const PROTOCOL_VERSION: &str = "1.3";

/// A listener for debuggers that serves. Dropping it closes every session, so that paused isolates go on.
pub struct Inspector {
    accepting: tokio::task::JoinHandle<()>,
    /// Sessions end when it is gone.
    _stop: watch::Sender<()>,
}

impl Inspector {
    /// Serves until it is dropped.
    pub fn start(listener: TcpListener, targets: Arc<Targets>) -> Self {
        let (stop, stopped) = watch::channel(());
        Self { accepting: tokio::spawn(accept(listener, targets, stopped)), _stop: stop }
    }
}

impl Drop for Inspector {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, targets: Arc<Targets>, stop: watch::Receiver<()>) {
    let places = Arc::new(Semaphore::new(MAX_INSPECT_CONNECTIONS));
    loop {
        // It is never closed.
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Usually there are no descriptors left; they come back when somebody closes a connection.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (targets, stop) = (targets.clone(), stop.clone());
        tokio::spawn(async move {
            serve(stream, targets, stop).await;
            drop(place);
        });
    }
}

/// Serves one connection, and the session it may become.
async fn serve(stream: TcpStream, targets: Arc<Targets>, stop: watch::Receiver<()>) {
    // Without it the answers of a debugger that steps would wait for each other.
    let _ = stream.set_nodelay(true);
    let (sessions, mut begun) = tokio::sync::mpsc::channel(1);
    let service = service_fn(move |request| {
        let (targets, sessions) = (targets.clone(), sessions.clone());
        async move {
            let (response, session) = answer(request, &targets).unwrap_or_else(|refusal| (refusal, None));
            if let Some(session) = session {
                // A connection becomes at most one session.
                let _ = sessions.try_send(session);
            }
            Ok::<_, Infallible>(response)
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a debugger's connection broke off");
        return;
    }
    let Some(Session { upgrade, debugger, host }) = begun.recv().await else { return };
    let Ok(upgraded) = upgrade.await else { return };
    let isolate = debugger.0.isolate;
    tracing::info!(app = %debugger.0.deployment.name, isolate, "a debugger is attached");
    session::serve(upgraded, debugger, host, stop).await;
    tracing::info!(isolate, "the debugger has left");
}

/// A debugger that was let in.
struct Session {
    upgrade: hyper::upgrade::OnUpgrade,
    debugger: super::targets::Attached,
    /// What it calls this listener.
    host: String,
}

type Answer = (Response<HostBody>, Option<Session>);

#[allow(clippy::result_large_err, reason = "the error is the answer")]
fn answer(request: Request<Incoming>, targets: &Targets) -> Result<Answer, Response<HostBody>> {
    let (mut parts, _) = request.into_parts();
    let host = permitted_host(&parts.headers)?;
    refuse_web_pages(&parts.headers)?;
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return Err(refusal(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "use GET"));
    }
    let path = parts.uri.path().to_owned();
    let answer = match path.as_str() {
        "/json/version" => json_body(&json!({
            "Browser": concat!("orilla/", env!("CARGO_PKG_VERSION")),
            "Protocol-Version": PROTOCOL_VERSION,
            "V8-Version": v8::VERSION_STRING,
        })),
        "/json" | "/json/list" => {
            json_body(&targets.all().iter().map(|target| description(target, &host)).collect::<Vec<_>>().into())
        }
        path if path.starts_with("/maps/") => source_map(path, targets)?,
        path => {
            let number = path.strip_prefix('/').and_then(|number| number.parse().ok());
            let target = number.and_then(|number| targets.get(number)).ok_or_else(not_found)?;
            let upgrade_required =
                || refusal(StatusCode::UPGRADE_REQUIRED, "bad_request", "a debugger connects here with a WebSocket");
            let handshake = Handshake::of(&mut parts).ok_or_else(upgrade_required)?;
            let debugger = target.attach().ok_or_else(|| {
                refusal(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "this isolate has as many debuggers as it may")
            })?;
            let (response, upgrade) = handshake.switch(HeaderMap::new());
            return Ok((response, Some(Session { upgrade, debugger, host })));
        }
    };
    Ok((answer, None))
}

/// What the request calls this listener. Only addresses and `localhost`: any other name may be that of a web page, made to
/// lead here by its own name server.
#[allow(clippy::result_large_err, reason = "the error is the answer")]
fn permitted_host(headers: &HeaderMap) -> Result<String, Response<HostBody>> {
    let named = headers.get(HOST).and_then(|host| host.to_str().ok());
    let authority = named.and_then(|host| host.parse::<Authority>().ok());
    let is_permitted = |authority: &Authority| {
        let host = authority.host();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        bare.parse::<IpAddr>().is_ok() || host.eq_ignore_ascii_case("localhost")
    };
    authority
        .filter(is_permitted)
        .map(|authority| authority.to_string())
        .ok_or_else(|| refusal(StatusCode::BAD_REQUEST, "bad_request", "name this host by its IP address or localhost"))
}

/// A page may open a WebSocket to any address; the browser says whose page it is.
#[allow(clippy::result_large_err, reason = "the error is the answer")]
fn refuse_web_pages(headers: &HeaderMap) -> Result<(), Response<HostBody>> {
    match headers.get(ORIGIN) {
        Some(origin) if !origin.as_bytes().starts_with(b"devtools://") => {
            Err(refusal(StatusCode::FORBIDDEN, "bad_request", "web pages may not debug"))
        }
        _ => Ok(()),
    }
}

/// An isolate as debuggers list it.
fn description(target: &Target, host: &str) -> Value {
    let Target { isolate, deployment, .. } = target;
    json!({
        "id": isolate.to_string(),
        "title": format!("{} {} #{isolate}", deployment.name, deployment.version),
        "description": "an isolate of orilla",
        "type": "node",
        "url": ENTRYPOINT,
        "devtoolsFrontendUrl": format!("devtools://devtools/bundled/js_app.html?v8only=true&ws={host}/{isolate}"),
        "webSocketDebuggerUrl": format!("ws://{host}/{isolate}"),
    })
}

/// The source map of an isolate's app.
#[allow(clippy::result_large_err, reason = "the error is the answer")]
fn source_map(path: &str, targets: &Targets) -> Result<Response<HostBody>, Response<HostBody>> {
    let (number, name) = path.trim_start_matches("/maps/").split_once('/').ok_or_else(not_found)?;
    let target = number.parse().ok().and_then(|number| targets.get(number)).ok_or_else(not_found)?;
    let map = &target.deployment.source_map;
    let is_named = map.name.as_deref() == Some(name);
    let content = Some(map).filter(|_| is_named).and_then(|map| map.content()).ok_or_else(not_found)?;
    Ok(json_response(bytes::Bytes::from_owner(content)))
}

fn json_body(value: &Value) -> Response<HostBody> {
    json_response(format!("{value}\n").into())
}

fn json_response(body: bytes::Bytes) -> Response<HostBody> {
    let mut response = Response::new(HostBody::full(body));
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

fn not_found() -> Response<HostBody> {
    refusal(StatusCode::NOT_FOUND, "not_found", "there are /json, /json/version and the isolates that /json lists")
}
