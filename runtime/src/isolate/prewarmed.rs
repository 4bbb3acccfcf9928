//! What waits for the next start of an app: isolates that were booted from the base snapshot and have no app, and memory for
//! the heaps of those that start. Refilled on threads of their own.

use std::sync::{Arc, Mutex, PoisonError};

use super::handle::{Isolate, Shared};
use super::spare_memory::SpareMemory;

/// Isolates that wait for an app, and memory for as many starts.
pub struct Prewarmed {
    waiting: Mutex<Waiting>,
    /// How many are kept of both.
    pub target: usize,
    shared: Shared,
}

#[derive(Default)]
struct Waiting {
    isolates: Vec<Arc<Isolate>>,
    memory: Vec<SpareMemory>,
}

impl Prewarmed {
    /// Keeps `target` isolates waiting, from the first [`Prewarmed::refill`] on.
    pub fn new(target: usize, shared: Shared) -> Self {
        Self { waiting: Mutex::default(), target, shared }
    }

    /// Boots as many isolates as are missing, and gets as much memory.
    pub fn refill(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Waiting { isolates, memory } = &mut *waiting;
        isolates.retain(|isolate| isolate.is_alive());
        let refilled = fill(isolates, self.target, || Isolate::start_waiting(self.shared.clone()))
            .and_then(|()| fill(memory, self.target, SpareMemory::get));
        if let Err(error) = refilled {
            tracing::warn!(%error, "an isolate cannot be prewarmed");
        }
    }

    /// One of the isolates.
    pub fn take(&self) -> Option<Arc<Isolate>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(isolate) = waiting.isolates.pop() {
            if isolate.is_alive() {
                return Some(isolate);
            }
        }
        None
    }

    /// Lets an isolate that starts now have the memory of one start. Says whether there was any.
    pub fn give_memory(&self) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).memory.pop().is_some()
    }
}

fn fill<T>(places: &mut Vec<T>, target: usize, get: impl Fn() -> std::io::Result<T>) -> std::io::Result<()> {
    while places.len() < target {
        places.push(get()?);
    }
    Ok(())
}
