//! A request on its way through an isolate, as whoever waits for the answer holds it.

use std::sync::Arc;
use std::time::Duration;

use orilla_bindings::invocation::{EndReason, InvocationId, Reply};
use tokio::sync::oneshot;

use super::handle::Isolate;

/// How long requests wait, once or twice, for an isolate that was terminated to notice it.
const TERMINATION_GRACE: Duration = Duration::from_millis(500);

/// A request that an isolate has; dropping it tells the isolate that the client is gone.
pub struct Dispatched {
    /// Who has it.
    pub isolate: Arc<Isolate>,
    /// Whether it had to wait for the isolate to boot.
    pub cold: bool,
    id: InvocationId,
    reply: oneshot::Receiver<Reply>,
    finished: bool,
}

impl Dispatched {
    /// What [`Isolate::fetch`] began.
    pub fn new(isolate: Arc<Isolate>, cold: bool, id: InvocationId, reply: oneshot::Receiver<Reply>) -> Self {
        Self { isolate, cold, id, reply, finished: false }
    }

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
