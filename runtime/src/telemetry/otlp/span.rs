//! The spans of one request, named and attributed after OpenTelemetry's semantic conventions for HTTP servers, and the
//! protobuf message they are sent in. Queries and headers other than the client's software are not in them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::uri::Authority;
use http::{Method, Version};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use opentelemetry_proto::tonic::trace::v1::{self as proto, ResourceSpans, ScopeSpans};
use orilla_bindings::meter::Boot;

use crate::telemetry::record::{App, Handled, Progress, Record, RequestId, SpanFacts};
use crate::telemetry::trace_context::TraceContext;

/// Bytes of an attribute that a client can choose; the rest is cut off.
pub const MAX_ATTRIBUTE_BYTES: usize = 1024;

/// The service of requests that reached no app.
const NO_APP: &str = "orilla";

/// The bits of a span's flags that say whether its parent is remote: that it is known, and that it is.
const PARENT_IS_KNOWN: u32 = 0x100;
const PARENT_IS_REMOTE: u32 = 0x200;

/// A request that is over, as far as its trace is concerned.
pub struct Span {
    request: RequestId,
    context: TraceContext,
    method: Method,
    path: String,
    version: Version,
    /// Nanoseconds since 1970.
    began: u64,
    duration: Duration,
    /// The part of its isolate's boot that the request waited for: after its beginning, and how long.
    boot: Option<(Boot, Duration, Duration)>,
    facts: SpanFacts,
    progress: Progress,
}

impl Span {
    /// The spans of a request that ends now.
    pub fn new(record: &Record, progress: Progress, facts: SpanFacts) -> Self {
        let boot = match &progress.handled {
            Handled::Invoked(begun) if begun.is_cold() => Some(begun.boot),
            _ => None,
        };
        Self {
            request: record.id,
            context: record.context,
            method: record.method.clone(),
            path: cut(record.uri.path()).to_owned(),
            version: record.version,
            began: unix_nanos(record.began),
            duration: progress.answer.map_or_else(|| record.began.elapsed(), |answer| answer.duration),
            boot: boot.map(|boot| {
                let began = boot.began.max(record.began);
                (boot, began.duration_since(record.began), boot.ready.saturating_duration_since(began))
            }),
            facts,
            progress,
        }
    }

    /// The span of the request, and that of the boot it waited for.
    fn into_proto(self) -> impl Iterator<Item = proto::Span> {
        let boot = self.boot.map(|(boot, after, took)| {
            let began = self.began + nanos(after);
            proto::Span {
                span_id: self.context.child().span.0.to_vec(),
                parent_span_id: self.context.span.0.to_vec(),
                name: "boot".into(),
                kind: SpanKind::Internal.into(),
                start_time_unix_nano: began,
                end_time_unix_nano: began + nanos(took),
                attributes: vec![text("orilla.boot.start", boot.kind.as_str())],
                flags: u32::from(self.context.flags()) | PARENT_IS_KNOWN,
                ..self.in_trace()
            }
        });
        std::iter::once(self.server_span()).chain(boot)
    }

    fn server_span(&self) -> proto::Span {
        let parent = self.facts.parent;
        let remote = if parent.is_some() { PARENT_IS_KNOWN | PARENT_IS_REMOTE } else { PARENT_IS_KNOWN };
        proto::Span {
            span_id: self.context.span.0.to_vec(),
            parent_span_id: parent.map_or_else(Vec::new, |parent| parent.0.to_vec()),
            name: known_method(&self.method).unwrap_or("HTTP").to_owned(),
            kind: SpanKind::Server.into(),
            start_time_unix_nano: self.began,
            end_time_unix_nano: self.began + nanos(self.duration),
            attributes: self.attributes(),
            flags: u32::from(self.context.flags()) | remote,
            status: self.error().map(|reason| proto::Status { code: SpanStatus::Error.into(), message: reason }),
            ..self.in_trace()
        }
    }

    /// What all spans of the request have.
    fn in_trace(&self) -> proto::Span {
        proto::Span {
            trace_id: self.context.trace.0.to_vec(),
            trace_state: self.facts.tracestate.clone(),
            ..proto::Span::default()
        }
    }

    /// Why the request failed, if the fault is not the client's.
    fn error(&self) -> Option<String> {
        let status = self.progress.answer.map(|answer| answer.status);
        if !status.is_some_and(|status| status.is_server_error()) && !self.progress.broke_off() {
            return None;
        }
        let status = || status.map(|status| status.as_u16().to_string()).unwrap_or_default();
        Some(self.progress.reason.as_deref().map_or_else(status, str::to_owned))
    }

    fn attributes(&self) -> Vec<KeyValue> {
        let Self { facts, progress, .. } = self;
        let mut all = vec![
            text("http.request.method", known_method(&self.method).unwrap_or("_OTHER")),
            text("url.path", &self.path),
            text("url.scheme", if facts.secure { "https" } else { "http" }),
            text("network.protocol.name", "http"),
            text("client.address", &facts.client),
            text("orilla.request", &self.request.to_string()),
            text("orilla.handled", progress.handled.as_str()),
        ];
        if known_method(&self.method).is_none() {
            all.push(text("http.request.method_original", cut(self.method.as_str())));
        }
        all.extend(protocol_version(self.version).map(|version| text("network.protocol.version", version)));
        if let Ok(authority) = facts.host.parse::<Authority>() {
            all.push(text("server.address", cut(authority.host())));
            all.extend(authority.port_u16().map(|port| integer("server.port", port)));
        }
        if !facts.user_agent.is_empty() {
            all.push(text("user_agent.original", cut(&facts.user_agent)));
        }
        if let Some(answer) = &progress.answer {
            all.push(integer("http.response.status_code", answer.status.as_u16()));
            all.push(integer("http.response.body.size", clamped(answer.bytes)));
        }
        if let Some(error) = self.error() {
            all.push(text("error.type", &error));
        }
        if let Some(reason) = progress.reason.as_deref() {
            all.push(text("orilla.reason", reason));
        }
        if let Handled::Invoked(begun) = &progress.handled {
            all.push(boolean("faas.coldstart", begun.is_cold()));
            all.push(integer("orilla.isolate", clamped(begun.isolate)));
            all.push(seconds("orilla.queue_wait", begun.queue_wait()));
            all.push(seconds("orilla.cpu", progress.cpu));
            all.push(integer("orilla.memory_bytes", clamped(progress.memory_bytes)));
        }
        all
    }
}

/// The message for a batch of spans, in which each version of an app is a resource. All are of one service if it is named.
pub fn export_request(batch: impl Iterator<Item = Span>, service_name: Option<&Arc<str>>) -> ExportTraceServiceRequest {
    let mut by_app: BTreeMap<Option<App>, Vec<proto::Span>> = BTreeMap::new();
    for mut span in batch {
        by_app.entry(span.progress.app.take()).or_default().extend(span.into_proto());
    }
    let resource_spans = by_app.into_iter().map(|(app, spans)| {
        let mut attributes = vec![text("service.name", service_of(app.as_ref(), service_name))];
        if let Some(App { name, version }) = &app {
            attributes.extend([text("service.version", version), text("orilla.app", name)]);
        }
        ResourceSpans {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_spans: vec![ScopeSpans { scope: Some(scope()), spans, ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }
    });
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }
}

fn service_of<'a>(app: Option<&'a App>, service_name: Option<&'a Arc<str>>) -> &'a str {
    service_name.or(app.map(|app| &app.name)).map_or(NO_APP, |name| name)
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}

/// The method, if it is one that the conventions know; any other could be one of very many.
fn known_method(method: &Method) -> Option<&str> {
    let known = matches!(
        *method,
        Method::GET
            | Method::HEAD
            | Method::POST
            | Method::PUT
            | Method::DELETE
            | Method::CONNECT
            | Method::OPTIONS
            | Method::TRACE
            | Method::PATCH
    );
    known.then(|| method.as_str())
}

fn protocol_version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        _ => None,
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_ATTRIBUTE_BYTES)]
}

#[allow(clippy::disallowed_methods, reason = "spans of many machines are laid side by side: they need the real time")]
fn unix_nanos(at: Instant) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    nanos(now.saturating_sub(at.elapsed()))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn integer(key: &str, value: impl Into<i64>) -> KeyValue {
    attribute(key, Value::IntValue(value.into()))
}

fn clamped(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn boolean(key: &str, value: bool) -> KeyValue {
    attribute(key, Value::BoolValue(value))
}

fn seconds(key: &str, value: Duration) -> KeyValue {
    attribute(key, Value::DoubleValue(value.as_secs_f64()))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
