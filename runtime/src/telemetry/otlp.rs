//! Sends spans with OTLP over HTTP, in batches, to where the host is told to. A request never waits for it: what a full
//! queue has no room for, and what the receiver will not take, is dropped and counted.

pub mod delivery;
pub mod span;

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use self::delivery::Delivery;
use self::span::Span;
use super::Measures;
use super::trace_context::TraceId;
use crate::config::telemetry::Telemetry as Config;

/// Spans that wait to be sent; one more is dropped.
pub const MAX_QUEUED_SPANS: usize = 4096;
/// Spans sent in one request.
pub const MAX_BATCH_SPANS: usize = 512;
/// Longest that a span waits for others before it is sent.
pub const BATCH_INTERVAL: Duration = Duration::from_secs(5);
/// Longest that a host which is told to stop goes on sending.
pub const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Why spans cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum ExporterError {
    /// `TELEMETRY_ENDPOINT`
    #[error("[telemetry] otlp_endpoint cannot be used: {0}; give a URL such as http://127.0.0.1:4318")]
    Endpoint(String),
}

impl ExporterError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Endpoint(_) => "TELEMETRY_ENDPOINT",
        }
    }
}

/// What became of spans.
#[derive(Default)]
pub struct SpanCounts {
    /// The receiver has them.
    pub exported: AtomicU64,
    /// The queue had no room for them.
    pub dropped: AtomicU64,
    /// The receiver did not take them.
    pub failed: AtomicU64,
}

impl SpanCounts {
    /// Writes them in Prometheus' text format.
    pub fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "# HELP orilla_spans_total Spans by what became of them.\n# TYPE orilla_spans_total counter")?;
        for (outcome, count) in [("exported", &self.exported), ("dropped", &self.dropped), ("failed", &self.failed)] {
            writeln!(out, "orilla_spans_total{{outcome=\"{outcome}\"}} {}", count.load(Relaxed))?;
        }
        Ok(())
    }
}

/// The way of spans to their receiver.
pub struct Exporter {
    queue: mpsc::Sender<Span>,
    measures: Arc<Measures>,
    sample_ratio: f64,
    closing: watch::Sender<bool>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

impl Exporter {
    /// Starts to send spans, if there is an endpoint. Has to be called within a tokio runtime.
    ///
    /// # Errors
    /// The endpoint cannot be used.
    pub fn start(config: &Config, measures: Arc<Measures>) -> Result<Option<Self>, ExporterError> {
        let Some(endpoint) = &config.otlp_endpoint else { return Ok(None) };
        let (queue, spans) = mpsc::channel(MAX_QUEUED_SPANS);
        let (closing, closed) = watch::channel(false);
        let delivery = Delivery::new(endpoint, config, measures.clone(), closed.clone())?;
        let worker = tokio::spawn(send_batches(spans, delivery, closed));
        let worker = Mutex::new(Some(worker));
        Ok(Some(Self { queue, measures, sample_ratio: config.sample_ratio, closing, worker }))
    }

    /// Whether a trace that begins here is recorded.
    pub fn samples(&self, trace: TraceId) -> bool {
        trace.falls_within(self.sample_ratio)
    }

    /// Takes a span, or drops it where there is no room.
    pub fn offer(&self, span: Span) {
        if self.queue.try_send(span).is_err() {
            self.measures.spans.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Sends what is waiting, once and for at most [`FLUSH_TIMEOUT`], and takes no more.
    pub async fn close(&self) {
        self.closing.send_replace(true);
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut worker) = worker else { return };
        if timeout(FLUSH_TIMEOUT, &mut worker).await.is_err() {
            worker.abort();
            tracing::warn!(code = "TELEMETRY_EXPORT", "the last spans could not be sent before the host stopped");
        }
    }
}

/// Collects spans and sends them until the host stops, and then what is left.
async fn send_batches(mut spans: mpsc::Receiver<Span>, mut delivery: Delivery, mut closed: watch::Receiver<bool>) {
    let mut batch = Vec::with_capacity(MAX_BATCH_SPANS);
    loop {
        tokio::select! {
            () = fill(&mut spans, &mut batch) => {}
            // The sender lives as long as anyone could ask for this.
            _ = closed.wait_for(|closing| *closing) => break,
        }
        delivery.deliver(batch.drain(..)).await;
    }
    spans.close();
    loop {
        let missing = MAX_BATCH_SPANS - batch.len();
        spans.recv_many(&mut batch, missing).await;
        if batch.is_empty() {
            return;
        }
        delivery.deliver(batch.drain(..)).await;
    }
}

/// Waits for spans until there is a whole batch of them, or until the first has waited long enough.
async fn fill(spans: &mut mpsc::Receiver<Span>, batch: &mut Vec<Span>) {
    if spans.recv_many(batch, MAX_BATCH_SPANS).await == 0 {
        return std::future::pending().await;
    }
    let deadline = Instant::now() + BATCH_INTERVAL;
    while batch.len() < MAX_BATCH_SPANS {
        let missing = MAX_BATCH_SPANS - batch.len();
        if !matches!(timeout_at(deadline, spans.recv_many(batch, missing)).await, Ok(1..)) {
            return;
        }
    }
}
