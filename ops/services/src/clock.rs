//! Time as a value that is passed in, so that expiry can be tested without waiting. The clock of the machine itself is
//! read by the runtime, never here.

/// Milliseconds since the Unix epoch.
pub type UnixMillis = u64;

/// Tells the time. A service asks it once per call.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> UnixMillis;
}

/// A clock that stands still until it is moved.
#[cfg(feature = "conformance")]
#[derive(Debug, Default)]
pub struct ManualClock(std::sync::atomic::AtomicU64);

#[cfg(feature = "conformance")]
impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: UnixMillis) -> Self {
        Self(now.into())
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: std::time::Duration) {
        self.0.fetch_add(by.as_millis() as u64, std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(feature = "conformance")]
impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}
