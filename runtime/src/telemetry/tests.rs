//! Telemetry through its public surface: headers in and out, records of requests, a real receiver for spans.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod export;
mod exposition;
mod log;
mod trace;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderName, Request, Response};
use http_body_util::Full;
use orilla_bindings::invocation::EndReason;
use orilla_bindings::meter::{Begun, Boot, BootKind, Meter as _};

use super::observed::Observed;
use super::record::{App, Record};
use super::{Arrival, Measures, Telemetry};
use crate::config::telemetry::{Access, Telemetry as Config};

const ERROR_HEADER: HeaderName = HeaderName::from_static("x-orilla-error");
const ARRIVAL: Arrival<'static> = Arrival { client: "192.0.2.7", secure: true };

fn get(uri: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

fn app(name: &str) -> App {
    App { name: name.into(), version: "v1".into() }
}

/// An isolate takes the request in; it had to be booted first if `cold`.
fn invoke(record: &Record, cold: bool) {
    let ready = if cold { record.began + Duration::from_millis(8) } else { record.began };
    record.begun(Begun {
        isolate: 7,
        boot: Boot { kind: BootKind::Snapshot, began: record.began, ready },
        waits_since: record.began,
        at: ready + Duration::from_millis(2),
    });
    record.charge(Duration::from_micros(1500), 4 << 20);
}

/// The host answers, and hyper sends all of the body unless the client `reads` only its beginning.
fn answer(record: Arc<Record>, status: u16, error: Option<EndReason>) {
    let mut response = Response::builder().status(status);
    if let Some(reason) = error {
        response = response.header(ERROR_HEADER, reason.as_str());
    }
    let body = Full::new(Bytes::from_static(b"hello"));
    send(Observed::response(response.body(body).unwrap(), &ERROR_HEADER, record));
}

fn send(response: Response<Observed<Full<Bytes>>>) {
    use http_body::Body as _;
    let mut body = response.into_body();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let frame: std::task::Poll<Option<Result<_, Infallible>>> = std::pin::Pin::new(&mut body).poll_frame(&mut context);
    assert!(frame.is_ready());
}

/// Telemetry without a log, and what it counts.
fn counted(config: &Config) -> (Arc<Telemetry>, Arc<Measures>) {
    let measures = Arc::new(Measures::default());
    (Telemetry::start(Access::Off, config, measures.clone()).unwrap(), measures)
}

#[test]
fn what_waited_for_a_boot_is_cold_and_its_boot_is_no_queue() {
    let began = Instant::now();
    let ready = began + Duration::from_millis(8);
    let boot = Boot { kind: BootKind::Prewarmed, began, ready };
    let invocation = |waits_since, at| Begun { isolate: 1, boot, waits_since, at };
    let cold = invocation(began, ready + Duration::from_millis(3));
    assert!(cold.is_cold() && cold.queue_wait() == Duration::from_millis(3));
    let later = ready + Duration::from_millis(10);
    let warm = invocation(later, later + Duration::from_millis(1));
    assert!(!warm.is_cold() && warm.queue_wait() == Duration::from_millis(1));
}
