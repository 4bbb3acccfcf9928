//! Isolates that wait, booted from the base snapshot and without an app. Refilled on threads of their own.

use std::sync::{Arc, Mutex, PoisonError};

use super::handle::{Isolate, Shared};

/// Isolates that wait for an app.
pub struct Prewarmed {
    waiting: Mutex<Vec<Arc<Isolate>>>,
    /// How many are kept.
    pub target: usize,
    shared: Shared,
}

impl Prewarmed {
    /// Keeps `target` isolates waiting, from the first [`Prewarmed::refill`] on.
    pub fn new(target: usize, shared: Shared) -> Self {
        Self { waiting: Mutex::new(Vec::new()), target, shared }
    }

    /// Boots as many as are missing.
    pub fn refill(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|isolate| isolate.is_alive());
        while waiting.len() < self.target {
            match Isolate::start_waiting(self.shared.clone()) {
                Ok(isolate) => waiting.push(isolate),
                Err(error) => {
                    tracing::warn!(%error, "an isolate cannot be prewarmed");
                    return;
                }
            }
        }
    }

    /// One of them.
    pub fn take(&self) -> Option<Arc<Isolate>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(isolate) = waiting.pop() {
            if isolate.is_alive() {
                return Some(isolate);
            }
        }
        None
    }
}
