//! V8's own threads, which compile and mark for all isolates: how the watchdog keeps them from the requests' way. Nobody
//! knows for whom one of them works.

use std::time::{Duration, Instant};

use super::cpu_clock::CpuClock;
use crate::scheduling::{self, Pace, ThreadId, Yields};

/// How long the threads go last after demoted isolates last had the processor. These work by fits and starts.
const DEMOTED_FOR: Duration = Duration::from_secs(1);

/// V8's own threads.
///
/// While demoted isolates get the processor, and for a while after, so do these at the lowest priority only: what they do is theirs,
/// most likely, and would take the cores from their neighbours. Where those leave nothing to demoted isolates, these keep their
/// priority: they compile for the others then, who would stay slow without, and busy because they are slow.
#[derive(Default)]
pub struct Engine {
    workers: Option<Vec<Worker>>,
    is_demoted: bool,
    /// Since when no demoted isolate had the processor.
    calm_since: Option<Instant>,
}

struct Worker {
    thread: ThreadId,
    clock: CpuClock,
    /// CPU time when last looked at.
    used: Duration,
    /// None where the kernel has no timer for it.
    yields: Option<Yields>,
}

impl Engine {
    /// Called again and again while isolates work. Threads that worked for `busy` since the last time give way; if demoted isolates
    /// had the processor, all go last.
    pub fn look(&mut self, busy: Duration, beside_demoted: bool) {
        let now = Instant::now();
        let calm_since = *self.calm_since.get_or_insert(now);
        if beside_demoted {
            self.calm_since = None;
        }
        self.set_demoted(beside_demoted || (self.is_demoted && now - calm_since < DEMOTED_FOR));
        let pace = if self.is_demoted { Pace::VeryOften } else { Pace::Often };
        for worker in self.workers() {
            let used = worker.clock.read().unwrap_or_default();
            let is_busy = used.saturating_sub(worker.used) >= busy;
            worker.used = used;
            if let Some(yields) = &worker.yields {
                if is_busy { yields.begin(pace) } else { yields.end() }
            }
        }
    }

    /// All isolates rest.
    pub fn rest(&mut self) {
        self.set_demoted(false);
        self.workers().iter().filter_map(|worker| worker.yields.as_ref()).for_each(Yields::end);
    }

    /// Demotes the threads or raises them again, where that is allowed.
    fn set_demoted(&mut self, demoted: bool) {
        if !scheduling::may_promote() || std::mem::replace(&mut self.is_demoted, demoted) == demoted {
            return;
        }
        for worker in self.workers() {
            if demoted {
                scheduling::demote(worker.thread);
            } else {
                scheduling::promote(worker.thread);
            }
        }
    }

    /// There are none before V8 is set up, and from then on always the same.
    fn workers(&mut self) -> &mut [Worker] {
        self.workers.get_or_insert_with(|| {
            let worker = |thread| {
                let (clock, yields) = (CpuClock::of(thread), Yields::of(thread).ok());
                Worker { thread, clock, used: Duration::ZERO, yields }
            };
            scheduling::engine_threads().into_iter().map(worker).collect()
        })
    }
}
