//! The access log: one line for each request, with the target `access`. It never holds a query, a header or a body, which
//! may be secret.

use std::time::Duration;

use super::record::{Handled, Progress, Record};
use crate::config::telemetry::Access;

/// The target of the lines, for `[log] filter`.
pub const TARGET: &str = "access";

/// Writes the line of a request, if `access` wants it.
pub fn write(access: Access, record: &Record, progress: &Progress) {
    let status = progress.answer.map(|answer| answer.status.as_u16());
    let failed = status.is_some_and(|status| status >= 500) || progress.broke_off();
    macro_rules! line {
        ($level:ident) => {{
            let begun = match &progress.handled {
                Handled::Invoked(begun) => Some(begun),
                Handled::Refused | Handled::Static => None,
            };
            tracing::$level!(
                target: TARGET,
                request = %record.id,
                method = record.method.as_str(),
                path = record.uri.path(),
                status,
                app = progress.app.as_ref().map(|app| &*app.name),
                version = progress.app.as_ref().map(|app| &*app.version),
                handled = progress.handled.as_str(),
                isolate = begun.map(|begun| begun.isolate),
                duration_ms = progress.answer.map(|answer| millis(answer.duration)),
                queue_wait_ms = begun.map(|begun| millis(begun.queue_wait())),
                cpu_ms = begun.map(|_| millis(progress.cpu)),
                memory_bytes = begun.map(|_| progress.memory_bytes),
                response_bytes = progress.answer.map(|answer| answer.bytes),
                reason = progress.reason.as_deref(),
                trace = %record.context.trace,
            );
        }};
    }
    match access {
        Access::Errors | Access::All if failed => line!(warn),
        Access::All => line!(info),
        Access::Errors | Access::Off => {}
    }
}

/// Milliseconds, to the microsecond.
fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}
