//! What is known of one request, collected from where it is known: the listener, the router, the isolate. When all of them
//! are done with it, the last one to let go reports it: to the access log, the histograms and the trace. Nothing waits for
//! that, and nothing is reported twice.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{Method, StatusCode, Uri, Version};
use orilla_bindings::invocation::EndReason;
use orilla_bindings::meter::{Begun, Meter};

use super::Telemetry;
use super::trace_context::{SpanId, TraceContext, write_hex};

/// Names a request in answers and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(pub u64);

impl RequestId {
    /// Its digits.
    pub fn text(self) -> Arc<str> {
        self.with_digits(|digits| digits.into())
    }

    fn with_digits<T>(self, with: impl FnOnce(&str) -> T) -> T {
        let mut digits = [0; 16];
        write_hex(&self.0.to_be_bytes(), &mut digits);
        // Hexadecimal digits are always valid UTF-8.
        with(std::str::from_utf8(&digits).unwrap_or_default())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_digits(|digits| f.write_str(digits))
    }
}

/// Who answered a request.
#[derive(Clone, Copy, Debug, Default)]
pub enum Handled {
    /// The host itself: nothing else was reached.
    #[default]
    Refused,
    /// A static file.
    Static,
    /// An isolate.
    Invoked(Begun),
}

impl Handled {
    /// Its name in the log and in spans.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Static => "static",
            Self::Invoked(begun) if begun.is_cold() => "cold",
            Self::Invoked(_) => "warm",
        }
    }
}

/// The app a request went to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct App {
    /// Its name.
    pub name: Arc<str>,
    /// The version that answered.
    pub version: Arc<str>,
}

/// What the client got.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// Bytes of the body that were handed to the connection.
    pub bytes: u64,
    /// From the request's arrival to the last of these bytes.
    pub duration: Duration,
}

/// What becomes known while a request is handled.
#[derive(Debug, Default)]
pub struct Progress {
    /// The app, once the request is routed.
    pub app: Option<App>,
    /// Who answered.
    pub handled: Handled,
    /// CPU time of the invocation.
    pub cpu: Duration,
    /// Bytes of the isolate's heap and ArrayBuffers when they were last looked at.
    pub memory_bytes: u64,
    /// Why the host answered instead of the app, or why the answer broke off.
    pub reason: Option<Reason>,
    /// What the client got; nothing if it went away before there was an answer.
    pub answer: Option<Answer>,
}

impl Progress {
    /// Whether the app or the host ended what had begun well. A client that goes away is not their fault.
    pub fn broke_off(&self) -> bool {
        let began_well = self.answer.is_some_and(|answer| answer.status.as_u16() < 400);
        began_well && self.reason.as_ref().is_some_and(|reason| *reason != CLIENT_GONE)
    }
}

/// Why the host answered instead of the app, or why an answer broke off: a value of the `x-orilla-error` header, or
/// [`CLIENT_GONE`] or [`BODY_FAILED`].
pub type Reason = std::borrow::Cow<'static, str>;

/// The client went away before the end of the answer.
pub const CLIENT_GONE: Reason = Reason::Borrowed("client_gone");
/// The body of the answer could not be read to its end.
pub const BODY_FAILED: Reason = Reason::Borrowed("body_failed");

/// What only a trace wants to know of a request.
#[derive(Debug)]
pub struct SpanFacts {
    /// The span of the caller, if it sent one.
    pub parent: Option<SpanId>,
    /// What the caller's tracing systems say to others.
    pub tracestate: String,
    /// Whether the request came over TLS.
    pub secure: bool,
    /// The client's address.
    pub client: String,
    /// The host the request is addressed to, as it says itself.
    pub host: String,
    /// The client's software, as it says itself.
    pub user_agent: String,
}

/// One request.
pub struct Record {
    /// Its id.
    pub id: RequestId,
    /// Its place in its trace, and what calls it makes in turn belong to.
    pub context: TraceContext,
    /// The method.
    pub method: Method,
    /// The target.
    pub uri: Uri,
    /// The version of HTTP.
    pub version: Version,
    /// When it arrived.
    pub began: Instant,
    /// What its span needs, if it is recorded.
    pub(super) span: Option<Box<SpanFacts>>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) progress: Mutex<Progress>,
}

impl Record {
    /// The app is known.
    pub fn routed(&self, app: App) {
        self.progress().app = Some(app);
    }

    /// A static file answers.
    pub fn is_static(&self) {
        self.progress().handled = Handled::Static;
    }

    /// The answer is out, as far as it will ever be. A reason that the isolate gave before is the better one.
    pub(super) fn answered(&self, status: StatusCode, bytes: u64, reason: Option<Reason>) {
        let mut progress = self.progress();
        progress.answer = Some(Answer { status, bytes, duration: self.began.elapsed() });
        if progress.reason.is_none() {
            progress.reason = reason;
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Meter for Record {
    fn begun(&self, begun: Begun) {
        let mut progress = self.progress();
        progress.handled = Handled::Invoked(begun);
        // What another isolate did not live to finish is of no interest any more.
        progress.reason = None;
    }

    fn charge(&self, cpu: Duration, memory_bytes: u64) {
        let mut progress = self.progress();
        progress.cpu += cpu;
        progress.memory_bytes = memory_bytes;
    }

    fn ended(&self, reason: EndReason) {
        self.progress().reason = Some(reason.as_str().into());
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let mut progress = std::mem::take(self.progress.get_mut().unwrap_or_else(PoisonError::into_inner));
        match &mut progress.answer {
            // A WebSocket's answer is its beginning only.
            Some(answer) if answer.status == StatusCode::SWITCHING_PROTOCOLS => answer.duration = self.began.elapsed(),
            Some(_) => {}
            None => {
                progress.reason.get_or_insert(CLIENT_GONE);
            }
        }
        let span = self.span.take();
        self.telemetry.report(self, progress, span);
    }
}
