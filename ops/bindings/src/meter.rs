//! What an isolate tells of the invocations it runs. What becomes of that, a log or a metric, is the host's affair.

use std::time::{Duration, Instant};

use crate::invocation::EndReason;

/// How an isolate got its app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootKind {
    /// From the app's own snapshot.
    Snapshot,
    /// An isolate that waited took the app in.
    Prewarmed,
    /// From the base snapshot and V8's code cache.
    CodeCache,
    /// From the base snapshot and the app's source alone.
    Source,
}

impl BootKind {
    /// Every kind, in the order of its numbers.
    pub const ALL: [Self; 4] = [Self::Snapshot, Self::Prewarmed, Self::CodeCache, Self::Source];

    /// Whether V8's code cache has a part in it.
    pub fn uses_code_cache(self) -> bool {
        matches!(self, Self::Prewarmed | Self::CodeCache)
    }

    /// Its name in metrics and spans.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Prewarmed => "prewarmed",
            Self::CodeCache => "code_cache",
            Self::Source => "source",
        }
    }
}

/// The boot of an isolate.
#[derive(Clone, Copy, Debug)]
pub struct Boot {
    /// How it got its app.
    pub kind: BootKind,
    /// When it began to boot; one that waited for an app, when it got it.
    pub began: Instant,
    /// When it took requests.
    pub ready: Instant,
}

/// The beginning of an invocation in an isolate.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    /// The isolate's number in this process.
    pub isolate: u64,
    /// How that isolate was booted.
    pub boot: Boot,
    /// Since when the request waited for a place.
    pub waits_since: Instant,
    /// When it was handed to JavaScript.
    pub at: Instant,
}

impl Begun {
    /// Whether the request waited for the isolate's boot.
    pub fn is_cold(&self) -> bool {
        self.waits_since < self.boot.ready
    }

    /// How long it waited for a place; the boot is not part of it.
    pub fn queue_wait(&self) -> Duration {
        self.at.saturating_duration_since(self.waits_since.max(self.boot.ready))
    }
}

/// Takes down what one invocation uses. The isolate drops it when it is done with the invocation.
pub trait Meter: Send + Sync {
    /// The invocation begins; for the second time if an isolate before ended without an answer.
    fn begun(&self, begun: Begun);
    /// It has used so much more CPU time, in an isolate that has this many bytes of heap and ArrayBuffers.
    fn charge(&self, cpu: Duration, memory_bytes: u64);
    /// It was ended early.
    fn ended(&self, reason: EndReason);
}

/// Takes nothing down.
impl Meter for () {
    fn begun(&self, _: Begun) {}

    fn charge(&self, _: Duration, _: u64) {}

    fn ended(&self, _: EndReason) {}
}
