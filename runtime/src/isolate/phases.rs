//! The phases of a deployment, as its app is told of them: `ready` before its first request, `draining` when another version
//! has taken over or the host stops, `stopped` when its last request has ended. An app that has no isolate at that time is not
//! started to be told.

use std::sync::Weak;
use std::time::{Duration, Instant};

use super::handle::Isolate;

/// How often the last isolate looks whether the others have finished.
const INTERVAL: Duration = Duration::from_millis(20);

/// Longest that an app may take over its last words.
pub const STOPPED_TIMEOUT: Duration = Duration::from_secs(5);

/// A phase of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The deployment can answer.
    Ready,
    /// It gets no more requests.
    Draining,
    /// It has none any more.
    Stopped,
}

impl Phase {
    /// The name apps know it by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        }
    }
}

/// Tells an app of its last two phases, by the isolate that outlives the others for that.
pub async fn farewell(last: &Isolate, others: Vec<Weak<Isolate>>, grace: Duration) {
    let until = Instant::now() + grace;
    tell(last, Phase::Draining, grace).await;
    let is_done = || last.load.is_idle() && others.iter().all(|isolate| isolate.strong_count() == 0);
    while !is_done() && last.is_alive() && Instant::now() < until {
        tokio::time::sleep(INTERVAL).await;
    }
    tell(last, Phase::Stopped, STOPPED_TIMEOUT).await;
}

/// Tells an app of a phase and waits until it has taken note, not for ever.
pub async fn tell(isolate: &Isolate, phase: Phase, patience: Duration) {
    let Some(done) = isolate.enter(phase) else { return };
    // That the sender is gone is the sign that the app has finished.
    if tokio::time::timeout(patience, done).await.is_err() {
        tracing::warn!(
            isolate = isolate.number,
            phase = phase.as_str(),
            "the app takes too long over a phase of its deployment"
        );
    }
}
