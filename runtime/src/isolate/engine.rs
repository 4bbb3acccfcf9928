//! V8's own threads, which compile and mark for all isolates: how the watchdog keeps them from the requests' way. Nobody
//! knows for whom one of them works. They cost nothing while no isolate is demoted.

use std::time::{Duration, Instant};

use crate::scheduling::{self, CpuClock, Pace, ThreadId, Yields};

/// How long the threads are held back after demoted isolates last had the processor. These work by fits and starts.
const HELD_BACK_FOR: Duration = Duration::from_secs(1);

/// CPU time from one look to the next with which a thread is busy.
const BUSY: Duration = Duration::from_micros(500);

/// V8's own threads.
///
/// While demoted isolates get the processor, and for a while after, so do these at the lowest priority only, and give way when they are
/// busy: what they do is theirs, most likely, and would take the cores from their neighbours. Where those leave nothing to demoted
/// isolates, these keep their priority: they compile for the others then, who would stay slow without, and busy because they are slow.
#[derive(Default)]
pub struct Engine {
    /// Known from when they are first held back.
    workers: Vec<Worker>,
    held_back_until: Option<Instant>,
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
    /// Called again and again while isolates work, with whether demoted ones had the processor since the last time.
    pub fn look(&mut self, beside_demoted: bool) {
        let now = Instant::now();
        if beside_demoted {
            if self.held_back_until.is_none() {
                self.hold_back();
            }
            self.held_back_until = Some(now + HELD_BACK_FOR);
        }
        match self.held_back_until {
            None => {}
            Some(until) if until <= now => self.let_go(),
            Some(_) => self.workers.iter_mut().for_each(Worker::look),
        }
    }

    fn hold_back(&mut self) {
        if self.workers.is_empty() {
            self.workers = scheduling::engine_threads().into_iter().map(Worker::new).collect();
        }
        if scheduling::may_promote() {
            self.workers.iter().for_each(|worker| scheduling::demote(worker.thread));
        }
    }

    /// Undoes what was done to the threads, if anything was.
    pub fn let_go(&mut self) {
        if self.held_back_until.take().is_none() {
            return;
        }
        for worker in &self.workers {
            worker.yields.iter().for_each(Yields::end);
            if scheduling::may_promote() {
                scheduling::promote(worker.thread);
            }
        }
    }
}

impl Worker {
    fn new(thread: ThreadId) -> Self {
        let (clock, yields) = (CpuClock::of(thread), Yields::of(thread).ok());
        Self { thread, clock, used: Duration::ZERO, yields }
    }

    /// Makes it give way if it is busy. One that waits is not to be woken by a timer.
    fn look(&mut self) {
        let used = self.clock.read().unwrap_or_default();
        let is_busy = used.saturating_sub(self.used) >= BUSY;
        self.used = used;
        if let Some(yields) = &self.yields {
            if is_busy { yields.begin(Pace::VeryOften) } else { yields.end() }
        }
    }
}
