//! What the host tells of the requests it handles: [`access_log`] lines, [`histograms`], spans over [`otlp`]. All three are
//! made from the one [`record`] of a request; [`trace_context`] ties it to what called it and to what it calls. Lines of all kinds go
//! through the [`log`].

pub mod access_log;
pub mod histograms;
pub mod log;
pub mod observed;
pub mod otlp;
pub mod record;
#[cfg(test)]
mod tests;
pub mod trace_context;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use http::header::{HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, Request, StatusCode};

use self::histograms::Histograms;
use self::otlp::{Exporter, ExporterError, SpanCounts};
use self::record::{Handled, Progress, Record, RequestId, SpanFacts};
use self::trace_context::TraceContext;
use crate::config::telemetry::{Access, Telemetry as Config};

/// How a request reached the host.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The client's address.
    pub client: &'a str,
    /// Whether it came over TLS.
    pub secure: bool,
}

/// What is counted of requests, isolates and spans.
#[derive(Default)]
pub struct Measures {
    /// Durations by app.
    pub durations: Histograms,
    /// What became of spans.
    pub spans: SpanCounts,
}

impl Measures {
    /// Writes all of it in Prometheus' text format.
    pub fn write(&self, out: &mut String) -> std::fmt::Result {
        self.durations.write(out)?;
        self.spans.write(out)
    }
}

/// What every request is reported to.
pub struct Telemetry {
    measures: Arc<Measures>,
    access: Access,
    exporter: Option<Exporter>,
    /// Makes request ids unique across restarts.
    instance: u32,
    requests: AtomicU64,
}

impl Telemetry {
    /// Starts what is configured. Has to be called within a tokio runtime, which carries the export.
    ///
    /// # Errors
    /// The endpoint for spans cannot be used.
    pub fn start(access: Access, config: &Config, measures: Arc<Measures>) -> Result<Arc<Self>, ExporterError> {
        Ok(Arc::new(Self {
            exporter: Exporter::start(config, measures.clone())?,
            measures,
            access,
            instance: rand::random(),
            requests: AtomicU64::new(0),
        }))
    }

    /// Begins the record of a request.
    pub fn begin<B>(self: &Arc<Self>, request: &Request<B>, arrival: Arrival<'_>) -> Arc<Record> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) as u32;
        let caller = TraceContext::of(request.headers());
        let context = match (&self.exporter, caller) {
            (Some(_), Some(caller)) => caller.child(),
            (Some(exporter), None) => TraceContext::begin(|trace| exporter.samples(trace)),
            // Without spans of its own the host is no place in the trace: what it calls hangs on its caller.
            (None, Some(caller)) => caller,
            (None, None) => TraceContext::begin(|_| false),
        };
        let recorded = self.exporter.is_some() && context.sampled;
        Arc::new(Record {
            id: RequestId(u64::from(self.instance) << 32 | u64::from(number)),
            context,
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            began: Instant::now(),
            span: recorded.then(|| Box::new(span_facts(caller, request, arrival))),
            telemetry: self.clone(),
            progress: Mutex::default(),
        })
    }

    fn report(&self, record: &Record, progress: Progress, span: Option<Box<SpanFacts>>) {
        access_log::write(self.access, record, &progress);
        self.observe(&progress);
        if let (Some(exporter), Some(facts)) = (&self.exporter, span) {
            exporter.offer(otlp::span::Span::new(record, progress, *facts));
        }
    }

    fn observe(&self, progress: &Progress) {
        let Some(app) = &progress.app else { return };
        // The quick answers of static files would hide the app's.
        if matches!(progress.handled, Handled::Static) {
            return;
        }
        let durations = self.measures.durations.of(&app.name);
        if let Handled::Invoked(begun) = &progress.handled {
            durations.queue_wait.observe(begun.queue_wait());
            durations.cpu.observe(progress.cpu);
        }
        // How long a WebSocket was open says nothing of how quick the app is.
        if let Some(answer) = &progress.answer
            && answer.status != StatusCode::SWITCHING_PROTOCOLS
        {
            durations.duration.observe(answer.duration);
        }
    }

    /// Sends what is still waiting, for at most [`otlp::FLUSH_TIMEOUT`]. What is reported afterwards is not sent.
    pub async fn close(&self) {
        if let Some(exporter) = &self.exporter {
            exporter.close().await;
        }
    }
}

fn span_facts<B>(caller: Option<TraceContext>, request: &Request<B>, arrival: Arrival<'_>) -> SpanFacts {
    let headers = request.headers();
    SpanFacts {
        parent: caller.map(|caller| caller.span),
        tracestate: caller.and_then(|_| trace_context::tracestate(headers)).unwrap_or_default(),
        secure: arrival.secure,
        client: arrival.client.to_owned(),
        host: request.uri().authority().map_or_else(|| text(headers, HOST), |authority| authority.to_string()),
        user_agent: text(headers, USER_AGENT),
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> String {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}
