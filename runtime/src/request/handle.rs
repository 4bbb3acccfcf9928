//! A request's way: to its app and version, then a static file if there is one, else into an isolate.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::header::{CONNECTION, CONTENT_TYPE, EXPECT, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use orilla_bindings::inbound_headers::InboundHeaders;
use orilla_bindings::invocation::{EndReason, FetchRequest, Reply, ReplyBody, RequestBody};
use orilla_bindings::own_origin::OwnOrigin;
use orilla_services::caller::{Caller, Identity, Policy};
use tokio::runtime::Handle;

use super::authority::{Authority, LastAuthority};
use super::body::{HostBody, InboundBody, IntakeError, intake};
use super::respond::{ERROR_HEADER, failure, refusal, static_file};
use super::static_files::{Lookup, StaticReply, path};
use super::{stay, websocket};
use crate::apps::deployment::Deployment;
use crate::apps::deployments::Deployments;
use crate::apps::registry::{Apps, Target};
use crate::isolate::dispatched::Dispatched;
use crate::isolate::pool::Pool;
use crate::metrics::Metrics;
use crate::telemetry::observed::Observed;
use crate::telemetry::record::{App, Record};
use crate::telemetry::{Arrival, Telemetry};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Names a request in answers and logs.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Isolates that are asked one after the other for one request, each after the former ended without an answer.
const MAX_ISOLATES_ASKED: usize = 3;

/// What every request needs.
pub struct Host {
    /// The apps.
    pub apps: Arc<Apps>,
    /// Knows the versions that have no traffic.
    pub deployments: Arc<Deployments>,
    /// The host's counters.
    pub metrics: Arc<Metrics>,
    /// Longest pause in a request's body.
    pub body_idle: Duration,
    /// Whether the host speaks TLS.
    pub secure: bool,
    /// What every request is reported to.
    pub telemetry: Arc<Telemetry>,
    /// Where the work on a request is done that comes from an isolate.
    pub workers: Handle,
}

/// What is known of a connection.
pub struct Peer {
    address: HeaderValue,
    authority: LastAuthority,
    /// How far its requests are below one that came over a connection.
    depth: u8,
}

impl Peer {
    /// The other end of a connection.
    pub fn new(address: SocketAddr) -> Arc<Self> {
        let text = match address.ip() {
            IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4),
            v4 => v4,
        };
        // An address is always a valid header value.
        let address = HeaderValue::from_str(&text.to_string()).unwrap_or(HeaderValue::from_static("unknown"));
        Arc::new(Self { address, authority: LastAuthority::default(), depth: 0 })
    }

    /// An app that asks itself, for a client.
    pub fn own(client: HeaderValue, depth: u8) -> Arc<Self> {
        Arc::new(Self { address: client, authority: LastAuthority::default(), depth })
    }

    /// Says who the client is, whatever it says itself.
    fn dress(&self, headers: &mut HeaderMap, secure: bool) {
        headers.insert(FORWARDED_FOR, self.address.clone());
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static(if secure { "https" } else { "http" }));
        headers.remove(EXPECT);
    }
}

impl Host {
    /// Answers a request.
    pub async fn handle<B: InboundBody>(
        self: Arc<Self>,
        peer: Arc<Peer>,
        request: Request<B>,
    ) -> Response<Observed<HostBody>> {
        let client = peer.address.to_str().unwrap_or_default();
        let record = self.telemetry.begin(&request, Arrival { client, secure: self.secure });
        let response = self.answer(peer, request, &record).await;
        self.metrics.answered(response.status().as_u16());
        Observed::response(response, &ERROR_HEADER, record)
    }

    async fn answer<B: InboundBody>(
        self: &Arc<Self>,
        peer: Arc<Peer>,
        request: Request<B>,
        record: &Arc<Record>,
    ) -> Response<HostBody> {
        let Some(authority) = peer.authority.of(&request, self.secure) else {
            return refusal(StatusCode::BAD_REQUEST, "bad_request", "the request needs one valid Host header");
        };
        let (pool, stays) = match self.route(&authority, &request, record).await {
            Ok(routed) => routed,
            Err(refusal) => return refusal,
        };
        let Deployment { name, version, .. } = &*pool.deployment;
        record.routed(App { name: name.clone(), version: version.clone() });
        let mut response = match self.answer_alone(&pool.deployment, &request, record).await {
            Some(response) => response,
            None => self.dispatch(&pool, peer, &authority, request, record).await,
        };
        if stays {
            stay::remember(&pool.deployment.version, self.secure, response.headers_mut());
        }
        response
    }

    /// The isolates of the version a request is for, and whether its client is to stay with that version.
    #[allow(clippy::result_large_err, reason = "the error is the answer")]
    async fn route<B>(
        &self,
        authority: &Authority,
        request: &Request<B>,
        record: &Record,
    ) -> Result<(Arc<Pool>, bool), Response<HostBody>> {
        match self.apps.route(authority.host(), request.uri().path()) {
            Target::App(app) => {
                let before = || stay::version(request.headers());
                app.choose(before, record.id.0)
                    .ok_or_else(|| refusal(StatusCode::NOT_FOUND, "app_not_found", "no version of the app has traffic"))
            }
            Target::Version(app, version) => {
                let pool = match app.version(&version) {
                    Some(pool) => Some(pool),
                    None => self.deployments.preview(&app, &version).await,
                };
                pool.map(|pool| (pool, false)).ok_or_else(|| {
                    refusal(StatusCode::NOT_FOUND, "version_not_found", "the app has no such version here")
                })
            }
            Target::Unknown => {
                Err(refusal(StatusCode::NOT_FOUND, "app_not_found", "no app is served under this host name and path"))
            }
        }
    }

    /// The answer to what needs no isolate: a static file, or what the app does not want to be asked for. A path that the app could
    /// read otherwise than its routes do is nobody's.
    async fn answer_alone<B>(
        &self,
        deployment: &Deployment,
        request: &Request<B>,
        record: &Record,
    ) -> Option<Response<HostBody>> {
        let raw = request.uri().path();
        let path = match path::decode(raw) {
            Ok(path) => path,
            Err(error) => return Some(static_file(StaticReply::bad_path(error))),
        };
        if let Some(files) = &deployment.static_files {
            let target = request.uri().path_and_query().map_or(raw, |target| target.as_str());
            match files.respond(request.method(), target, request.headers()).await {
                Lookup::Found(reply) | Lookup::Refused(reply) => {
                    self.metrics.static_responses.fetch_add(1, Ordering::Relaxed);
                    record.is_static();
                    return Some(static_file(reply));
                }
                Lookup::NotFound => {}
            }
        }
        if !deployment.manifest.manifest.routes.reach_app(&path.route()) {
            return Some(outside_routes(deployment, request.method(), request.headers()).await);
        }
        None
    }

    async fn dispatch<B: InboundBody>(
        self: &Arc<Self>,
        pool: &Pool,
        peer: Arc<Peer>,
        authority: &Authority,
        request: Request<B>,
        record: &Arc<Record>,
    ) -> Response<HostBody> {
        let trace = record.id.text();
        let deployment = &pool.deployment;
        let limits = &deployment.limits;
        let (mut parts, incoming) = request.into_parts();
        let handshake = websocket::Handshake::of(&mut parts);
        let body = if handshake.is_some() || incoming_is_empty(&parts.method, &incoming) {
            RequestBody::Empty
        } else {
            match intake(incoming, limits.request_body_bytes, self.body_idle).await {
                Ok(body) => body,
                Err(error) => return self.refuse_body(&error, &trace),
            }
        };
        let scheme = if self.secure { "https" } else { "http" };
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        // An absolute URI may have a query and no path.
        let slash = if target.starts_with('/') { "" } else { "/" };
        let url = [scheme, "://", authority.as_str(), slash, target].concat();
        let own = Some(OwnOrigin { host: self.clone(), client: peer.address.clone(), depth: peer.depth });
        let (context, secure) = (record.context, self.secure);
        let headers = InboundHeaders::new(parts.headers, move |headers| {
            peer.dress(headers, secure);
            context.write_to(headers);
        });
        let caller = Arc::new(Caller {
            app: deployment.name.clone(),
            tenant: deployment.name.clone(),
            identity: Identity::Anonymous,
            policy: Policy::Enforced,
            trace: trace.clone(),
        });
        let upgradable = handshake.is_some();
        let method = parts.method.clone();
        let meter = record.clone();
        let request = Box::new(FetchRequest { method, url, headers, body, upgradable, attempt: 0, meter, own });
        match ask(pool, caller, request, record.began).await {
            Ok((dispatched, reply)) => self.reply(dispatched, reply, handshake, &parts.method, &trace),
            Err(reason) => self.fail(reason, &trace),
        }
    }

    fn reply(
        &self,
        mut dispatched: Dispatched,
        reply: Reply,
        handshake: Option<websocket::Handshake>,
        method: &Method,
        trace: &str,
    ) -> Response<HostBody> {
        let response = match reply {
            Reply::Response(response) => response,
            Reply::Failed(reason) => {
                dispatched.finish();
                return self.fail(reason, trace);
            }
            Reply::Unanswered(_) => return self.fail(EndReason::Reclaimed, trace),
        };
        let (mut parts, body) = response.into_parts();
        // It is the host's word alone.
        parts.headers.remove(ERROR_HEADER);
        let body = match body {
            ReplyBody::Empty => {
                dispatched.finish();
                HostBody::Full(None)
            }
            ReplyBody::Full(bytes) => {
                dispatched.finish();
                // HEAD has the length of what GET would send; hyper takes it from the body and sends none.
                HostBody::full(bytes)
            }
            ReplyBody::Stream(chunks) => {
                let length = declared_length(&parts.headers).filter(|_| *method != Method::HEAD);
                HostBody::Stream { chunks, length, dispatched: Some(Box::new(dispatched)) }
            }
            ReplyBody::WebSocket(end) => match handshake {
                Some(handshake) => return handshake.accept(end, dispatched, parts.headers),
                None => return self.fail(EndReason::Uncaught, trace),
            },
        };
        if parts.status.is_server_error()
            && !parts.headers.contains_key(REQUEST_ID)
            && let Ok(value) = HeaderValue::from_str(trace)
        {
            parts.headers.insert(REQUEST_ID, value);
        }
        if parts.headers.get(CONTENT_TYPE).is_some_and(HeaderValue::is_empty) {
            parts.headers.remove(CONTENT_TYPE);
        }
        Response::from_parts(parts, body)
    }

    fn fail(&self, reason: EndReason, trace: &str) -> Response<HostBody> {
        self.metrics.failed(reason);
        failure(reason, trace)
    }

    fn refuse_body(&self, error: &IntakeError, trace: &str) -> Response<HostBody> {
        let (status, message) = match error {
            IntakeError::TooLarge => return self.fail(EndReason::BodyTooLarge, trace),
            IntakeError::TimedOut => (StatusCode::REQUEST_TIMEOUT, "the request's body stopped coming"),
            IntakeError::Broken => (StatusCode::BAD_REQUEST, "the request's body is broken"),
        };
        let mut response = refusal(status, "bad_request", message);
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

async fn outside_routes(deployment: &Deployment, method: &Method, headers: &HeaderMap) -> Response<HostBody> {
    let fallback = match &deployment.static_files {
        Some(files) => files.fallback(method, headers).await,
        None => None,
    };
    fallback.map_or_else(|| refusal(StatusCode::NOT_FOUND, "not_found", "there is nothing here"), static_file)
}

/// Hands the request to an isolate, and to another one if the first ended before it answered.
async fn ask(
    pool: &Pool,
    caller: Arc<Caller>,
    mut request: Box<FetchRequest>,
    since: Instant,
) -> Result<(Dispatched, Reply), EndReason> {
    for _ in 0..MAX_ISOLATES_ASKED {
        let mut dispatched = pool.dispatch(caller.clone(), request, since).await?;
        match dispatched.answer().await? {
            Ok(Reply::Unanswered(unanswered)) => {
                dispatched.finish();
                request = unanswered;
            }
            Ok(reply) => return Ok((dispatched, reply)),
            // The isolate is gone without a word: it was being dropped.
            Err(_) => {
                dispatched.finish();
                return Err(EndReason::Reclaimed);
            }
        }
    }
    Err(EndReason::Reclaimed)
}

fn incoming_is_empty(method: &Method, incoming: &impl InboundBody) -> bool {
    // A GET with a body is legal and means nothing; Request has no way to show it.
    incoming.is_end_stream() || *method == Method::GET || *method == Method::HEAD
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
