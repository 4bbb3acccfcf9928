//! What was copied out of an isolate and waits: values in calls of services under way, and messages for slow WebSocket clients. Nobody
//! else counts them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::error::BindingError;

/// Bytes that wait, of which there may be so many.
#[derive(Clone, Default)]
pub struct PendingBytes {
    used: Arc<AtomicUsize>,
    /// How many there may be. Nor may a chunk decompress to more.
    pub limit: usize,
}

/// Bytes of one that waits; they are given back when this is dropped.
#[derive(Debug)]
pub struct Held {
    used: Arc<AtomicUsize>,
    bytes: usize,
}

impl PendingBytes {
    /// Nothing, with a limit.
    pub fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Counts what is to wait. One alone may be of any size, for whoever takes it has limits of its own. The isolate's thread is
    /// the only one that calls this.
    ///
    /// # Errors
    /// [`BindingError::TooMuchPending`]
    pub fn hold(&self, bytes: usize) -> Result<Held, BindingError> {
        let used = self.used.load(Relaxed);
        if used > 0 && used + bytes > self.limit {
            return Err(BindingError::TooMuchPending(self.limit));
        }
        self.used.fetch_add(bytes, Relaxed);
        Ok(Held { used: self.used.clone(), bytes })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Relaxed);
    }
}
