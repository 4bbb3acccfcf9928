//! What isolates at the lowest priority get where everything else, other processes included, would leave them nothing: a tenth of
//! a core, all of them together. A request that computes for long is slow on a full host, but it comes to its end, and so does
//! the garbage collection that holds a lock the others wait for.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::watchdog::Watched;
use crate::scheduling::LEAST_SHARE;

/// How long it is looked at what they got, before one of them is raised where that was less.
const WINDOW: Duration = Duration::from_millis(50);

/// How long one stays raised that does not get there: it may wait for another, which has to have its turn.
const RAISED_AT_MOST: Duration = Duration::from_millis(250);

/// What the watchdog knows of them.
pub struct LeastShare {
    window: Instant,
    /// CPU time they had at the lowest priority in this window.
    had: Duration,
    raised: Option<Raised>,
}

struct Raised {
    watched: Weak<Watched>,
    since: Instant,
    /// The CPU time of its thread then.
    cpu: Duration,
    /// The beginning of the window in which they had less than their share, and what they had.
    window: Instant,
    had: Duration,
}

impl Default for LeastShare {
    fn default() -> Self {
        Self { window: Instant::now(), had: Duration::ZERO, raised: None }
    }
}

impl LeastShare {
    /// Called again and again while isolates work, with those that are in a turn at the lowest priority and the CPU time they
    /// had at it since the last time. Says whether one of them is raised: then the others leave them less than their share.
    pub fn look(&mut self, demoted: &[Arc<Watched>], had: Duration) -> bool {
        if self.raised.as_ref().is_some_and(Raised::goes_on) {
            return true;
        }
        let now = Instant::now();
        if let Some(raised) = self.raised.take() {
            raised.watched.upgrade().inspect(|watched| watched.lower());
            (self.window, self.had) = (now, Duration::ZERO);
            return false;
        }
        self.had += had;
        if demoted.is_empty() {
            (self.window, self.had) = (now, Duration::ZERO);
        } else if now - self.window >= WINDOW {
            if self.had < (now - self.window) / LEAST_SHARE {
                self.raise(demoted, now);
            }
            (self.window, self.had) = (now, Duration::ZERO);
        }
        self.raised.is_some()
    }

    /// Raises the one for which it is longest ago.
    fn raise(&mut self, demoted: &[Arc<Watched>], now: Instant) {
        let Some(watched) = demoted.iter().min_by_key(|watched| watched.raised_at()) else { return };
        if watched.raise() {
            let cpu = watched.cpu().unwrap_or_default();
            let (window, had) = (self.window, self.had);
            self.raised = Some(Raised { watched: Arc::downgrade(watched), since: now, cpu, window, had });
        }
    }
}

impl Raised {
    fn goes_on(&self) -> bool {
        let Some(watched) = self.watched.upgrade() else { return false };
        let had = self.had + watched.cpu().unwrap_or_default().saturating_sub(self.cpu);
        let is_enough = had >= self.window.elapsed() / LEAST_SHARE || self.since.elapsed() >= RAISED_AT_MOST;
        watched.is_raised() && !is_enough
    }
}
