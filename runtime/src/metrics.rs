//! Counters of the host, in Prometheus' text format on the admin listener. Counting never waits.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use orilla_bindings::invocation::EndReason;

use crate::isolate::crash;
use crate::telemetry::Measures;

/// All counters of one host.
#[derive(Default)]
pub struct Metrics {
    /// Connections open now.
    pub connections: AtomicU64,
    /// Answers by class of their status, 1xx to 5xx.
    pub responses: [AtomicU64; 5],
    /// Answers from static files.
    pub static_responses: AtomicU64,
    /// Invocations that ended early, by reason.
    pub failures: [AtomicU64; REASONS.len()],
    /// Isolates alive now.
    pub isolates: AtomicU64,
    /// Isolates that have ended.
    pub isolates_ended: AtomicU64,
    /// What telemetry measures.
    pub measures: Arc<Measures>,
}

const REASONS: [EndReason; 9] = [
    EndReason::Cpu,
    EndReason::Memory,
    EndReason::Wall,
    EndReason::Boot,
    EndReason::Uncaught,
    EndReason::Reclaimed,
    EndReason::Overloaded,
    EndReason::BodyTooLarge,
    EndReason::Crashed,
];

impl Metrics {
    /// Counts an answer.
    pub fn answered(&self, status: u16) {
        if let Some(class) = self.responses.get(usize::from(status / 100).wrapping_sub(1)) {
            class.fetch_add(1, Relaxed);
        }
    }

    /// Counts an invocation that ended early.
    pub fn failed(&self, reason: EndReason) {
        if let Some(index) = REASONS.iter().position(|known| *known == reason) {
            self.failures[index].fetch_add(1, Relaxed);
        }
    }

    /// All of it in Prometheus' text format, with what the vector indexes in memory take, in bytes.
    pub fn render(&self, vector_bytes: usize) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut out, vector_bytes);
        out
    }

    fn write(&self, out: &mut String, vector_bytes: usize) -> std::fmt::Result {
        let gauge = |value: &AtomicU64| value.load(Relaxed);
        writeln!(out, "# HELP orilla_connections Open connections.\n# TYPE orilla_connections gauge")?;
        writeln!(out, "orilla_connections {}", gauge(&self.connections))?;
        writeln!(out, "# HELP orilla_isolates Isolates alive.\n# TYPE orilla_isolates gauge")?;
        writeln!(out, "orilla_isolates {}", gauge(&self.isolates))?;
        writeln!(out, "# HELP orilla_isolates_ended_total Isolates gone.\n# TYPE orilla_isolates_ended_total counter")?;
        writeln!(out, "orilla_isolates_ended_total {}", gauge(&self.isolates_ended))?;
        writeln!(out, "# HELP orilla_isolates_crashed Isolates crashed.\n# TYPE orilla_isolates_crashed gauge")?;
        writeln!(out, "orilla_isolates_crashed {}", crash::crashed())?;
        writeln!(out, "# HELP orilla_vector_cache_bytes Vectors in memory.\n# TYPE orilla_vector_cache_bytes gauge")?;
        writeln!(out, "orilla_vector_cache_bytes {vector_bytes}")?;
        writeln!(out, "# HELP orilla_responses_total Answers.\n# TYPE orilla_responses_total counter")?;
        for (class, count) in self.responses.iter().enumerate() {
            writeln!(out, "orilla_responses_total{{class=\"{}xx\"}} {}", class + 1, gauge(count))?;
        }
        writeln!(
            out,
            "# HELP orilla_static_responses_total Static files.\n# TYPE orilla_static_responses_total counter"
        )?;
        writeln!(out, "orilla_static_responses_total {}", gauge(&self.static_responses))?;
        writeln!(out, "# HELP orilla_failures_total Early ends.\n# TYPE orilla_failures_total counter")?;
        for (reason, count) in REASONS.iter().zip(&self.failures) {
            writeln!(out, "orilla_failures_total{{reason=\"{}\"}} {}", reason.as_str(), gauge(count))?;
        }
        self.measures.write(out)
    }
}
