//! Which isolate takes a request. Today each app has one, booted at the first request and again after it has ended; what
//! grows and shrinks with load goes here.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orilla_bindings::invocation::{EndReason, FetchRequest, InvocationId, Reply};
use orilla_services::caller::Caller;
use orilla_snapshot::file::Faster;
use tokio::sync::oneshot;

use super::handle::{Isolate, Shared, Start};
use crate::apps::deployment::Deployment;

/// How long requests wait, once or twice, for an isolate that was terminated to notice it.
const TERMINATION_GRACE: Duration = Duration::from_millis(500);

/// Isolates that wait, booted and without an app. Refilled on threads of their own.
pub struct Prewarmed {
    waiting: Mutex<Vec<Arc<Isolate>>>,
    target: usize,
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

    fn take(&self) -> Option<Arc<Isolate>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(isolate) = waiting.pop() {
            if isolate.is_alive() {
                return Some(isolate);
            }
        }
        None
    }
}

/// The isolates of one deployment.
pub struct Pool {
    /// The app.
    pub deployment: Arc<Deployment>,
    isolate: Mutex<Option<Arc<Isolate>>>,
    prewarmed: Arc<Prewarmed>,
    shared: Shared,
}

/// A request that an isolate has; dropping it tells the isolate that the client is gone.
pub struct Dispatched {
    isolate: Arc<Isolate>,
    id: InvocationId,
    reply: oneshot::Receiver<Reply>,
    finished: bool,
}

impl Dispatched {
    /// Waits for the answer. Not for ever for one from an isolate that was terminated: `Err` says why it was.
    pub async fn answer(&mut self) -> Result<Result<Reply, oneshot::error::RecvError>, EndReason> {
        let mut terminated = None;
        loop {
            match tokio::time::timeout(TERMINATION_GRACE, &mut self.reply).await {
                Ok(reply) => return Ok(reply),
                Err(_) => match terminated {
                    Some(reason) => return Err(reason),
                    None => terminated = self.isolate.terminated(),
                },
            }
        }
    }

    /// Nothing is left that could be cancelled.
    pub fn finish(&mut self) {
        self.finished = true;
    }
}

impl Drop for Dispatched {
    fn drop(&mut self) {
        if !self.finished {
            self.isolate.cancel(self.id);
        }
    }
}

impl Pool {
    /// A pool without isolates.
    pub fn new(deployment: Arc<Deployment>, prewarmed: Arc<Prewarmed>, shared: Shared) -> Self {
        Self { deployment, isolate: Mutex::new(None), prewarmed, shared }
    }

    /// Hands a request to an isolate; boots one where there is none.
    pub fn dispatch(&self, caller: Arc<Caller>, request: FetchRequest) -> Result<Dispatched, EndReason> {
        let (sender, reply) = oneshot::channel();
        let isolate = self.isolate()?;
        if u64::from(isolate.in_flight())
            >= self.deployment.limits.concurrent_requests + self.deployment.limits.queued_requests
        {
            return Err(EndReason::Overloaded);
        }
        match isolate.fetch(caller, request, sender) {
            Ok(id) => Ok(Dispatched { isolate, id, reply, finished: false }),
            Err(_) if isolate.is_alive() => Err(EndReason::Overloaded),
            Err(fetch) => {
                // It ended just now; a fresh one takes the request.
                let isolate = self.isolate()?;
                let id = isolate.fetch(fetch.caller, fetch.request, fetch.reply).map_err(|_| EndReason::Reclaimed)?;
                Ok(Dispatched { isolate, id, reply, finished: false })
            }
        }
    }

    /// Boots the app's isolate if there is none.
    pub fn warm(&self) {
        if self.isolate().is_err() {
            tracing::error!(app = %self.deployment.name, "no isolate can be started");
        }
    }

    /// Drops the isolate: it finishes what it has and ends.
    pub fn retire(&self) {
        *self.isolate.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn isolate(&self) -> Result<Arc<Isolate>, EndReason> {
        let mut slot = self.isolate.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(isolate) = slot.as_ref()
            && isolate.is_alive()
        {
            return Ok(isolate.clone());
        }
        let isolate = self.boot().map_err(|error| {
            tracing::error!(app = %self.deployment.name, %error, "a thread for an isolate cannot be started");
            EndReason::Boot
        })?;
        *slot = Some(isolate.clone());
        Ok(isolate)
    }

    fn boot(&self) -> std::io::Result<Arc<Isolate>> {
        let snapshot = self.deployment.snapshot;
        let start = if snapshot.is_some() { Start::Snapshot } else { Start::CodeCache };
        if snapshot.is_none_or(|snapshot| snapshot.faster == Faster::Prewarmed)
            && let Some(isolate) = self.prewarmed.take()
            && isolate.adopt(self.deployment.clone())
        {
            self.prewarmed.refill();
            return Ok(isolate);
        }
        Isolate::start(self.deployment.clone(), start, self.shared.clone())
    }
}
