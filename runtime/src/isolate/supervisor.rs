//! All isolates of a process: how many there may be, how much memory they may have together, and which go first when that
//! is not enough. It never hands out requests.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use orilla_bindings::invocation::EndReason;

use super::crash;
use super::handle::{Isolate, Shared};
use super::pool::Pool;
use super::prewarmed::Prewarmed;
use crate::apps::deployment::Deployment;
use crate::malloc;
use crate::metrics::Metrics;

/// How often isolates are looked at.
const ROUND: Duration = Duration::from_secs(1);

/// Rounds without a start after which nobody is about to take what isolates have left behind.
const QUIET_ROUNDS: u32 = 5;

/// Rounds after which it is given back although isolates still start: that makes some of them wait.
const MOST_ROUNDS: u32 = 60;

/// What an isolate takes beside its heap: its thread, V8's own tables, compiled code.
pub(super) const OVERHEAD_BYTES: u64 = 2 << 20;

/// What bounds the isolates of a process.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Isolates that wait without an app.
    pub prewarm: usize,
    /// Isolates alive at the same time, waiting ones included.
    pub max: usize,
    /// Isolates of one deployment.
    pub max_per_app: usize,
    /// Requests that one isolate runs at the same time before another is booted.
    pub target_requests: u32,
    /// How long an isolate without requests is kept.
    pub idle: Duration,
    /// Bytes that all isolates may have together.
    pub memory: u64,
    /// How long an isolate that is let go may finish what it has.
    pub grace: Duration,
    /// Processor cores this process may use.
    pub cores: usize,
}

/// All isolates of a process.
pub struct Supervisor {
    /// What bounds them.
    pub settings: Settings,
    /// Those that wait without an app.
    pub prewarmed: Prewarmed,
    /// What they share.
    pub shared: Shared,
    pools: Mutex<Vec<Weak<Pool>>>,
    /// Isolates that were let go, and until when they may go on, if not for as long as they like.
    retired: Mutex<Vec<(Option<Instant>, Weak<Isolate>)>>,
    /// When last there was no room for another isolate.
    exhausted: Mutex<Option<Instant>>,
}

impl Supervisor {
    /// Without isolates.
    pub fn new(settings: Settings, shared: Shared) -> Arc<Self> {
        let prewarmed = Prewarmed::new(settings.prewarm, shared.clone());
        Arc::new(Self {
            settings,
            prewarmed,
            shared,
            pools: Mutex::default(),
            retired: Mutex::default(),
            exhausted: Mutex::default(),
        })
    }

    /// A pool for a deployment.
    pub fn pool(self: &Arc<Self>, deployment: Arc<Deployment>) -> Arc<Pool> {
        let pool = Arc::new(Pool::new(deployment, self.clone()));
        self.pools.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&pool));
        pool
    }

    /// All pools.
    pub fn pools(&self) -> Vec<Arc<Pool>> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|pool| pool.strong_count() > 0);
        pools.iter().filter_map(Weak::upgrade).collect()
    }

    /// Whether one more isolate may be started for a pool that has `count`. Lets those go that nobody has used for longest where
    /// that makes room. Where there was none just now, only a pool without isolates looks again.
    pub fn admit(&self, count: usize) -> bool {
        let mut exhausted = self.exhausted.lock().unwrap_or_else(PoisonError::into_inner);
        let recently = exhausted.is_some_and(|at| at.elapsed() < ROUND);
        if recently && count > 0 {
            return false;
        }
        let pools = self.pools();
        let mut isolates: Vec<_> = pools.iter().flat_map(|pool| pool.isolates()).collect();
        let draining = self.draining();
        loop {
            let count = isolates.len() + draining.len() + self.prewarmed.target;
            let memory: u64 = isolates.iter().chain(&draining).map(|isolate| memory_of(isolate)).sum();
            let memory = memory + crash::lost_bytes();
            if count < self.settings.max && memory + OVERHEAD_BYTES <= self.settings.memory {
                return true;
            }
            match self.evict_one(&pools) {
                Some(gone) => isolates.retain(|isolate| !Arc::ptr_eq(isolate, &gone)),
                None => {
                    if !recently {
                        tracing::warn!(
                            code = "ISOLATES_EXHAUSTED",
                            isolates = count,
                            memory_mb = memory >> 20,
                            "no isolate can be started: all are at work; raise `isolates.max` or `isolates.memory_mb`"
                        );
                        *exhausted = Some(Instant::now());
                    }
                    return false;
                }
            }
        }
    }

    fn evict_one(&self, pools: &[Arc<Pool>]) -> Option<Arc<Isolate>> {
        let candidates = pools.iter().filter_map(|pool| Some((pool, pool.least_recently_used()?)));
        let (pool, (unused, isolate)) = candidates.max_by_key(|(_, (unused, _))| *unused)?;
        tracing::debug!(app = %pool.deployment.name, isolate = isolate.number, ?unused, "an idle isolate makes room");
        pool.evict(&isolate);
        self.retire(std::slice::from_ref(&isolate));
        Some(isolate)
    }

    /// Lets isolates go: they finish what they have, within the grace time.
    pub fn retire(&self, isolates: &[Arc<Isolate>]) {
        self.let_go(isolates, Some(Instant::now() + self.settings.grace));
    }

    /// Lets an isolate go whose time is over.
    pub fn end(&self, isolate: &Arc<Isolate>) {
        self.let_go(std::slice::from_ref(isolate), Some(Instant::now()));
    }

    /// Lets isolates go that have been replaced: they finish what they have.
    pub fn let_finish(&self, isolates: &[Arc<Isolate>]) {
        self.let_go(isolates, None);
    }

    fn let_go(&self, isolates: &[Arc<Isolate>], until: Option<Instant>) {
        if isolates.is_empty() {
            return;
        }
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        // The last word counts.
        retired.retain(|(_, known)| !isolates.iter().any(|isolate| Arc::as_ptr(isolate) == known.as_ptr()));
        retired.extend(isolates.iter().map(|isolate| (until, Arc::downgrade(isolate))));
    }

    /// Those that were let go and still finish what they have; one without anything to finish is as good as gone.
    fn draining(&self) -> Vec<Arc<Isolate>> {
        let retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        let isolates = retired.iter().filter_map(|(_, isolate)| isolate.upgrade());
        isolates.filter(|isolate| isolate.is_alive() && !isolate.load.is_idle()).collect()
    }

    /// Goes its rounds, for ever.
    pub async fn watch(self: Arc<Self>) {
        let mut leftovers = Leftovers::default();
        loop {
            tokio::time::sleep(ROUND).await;
            self.round();
            if leftovers.are_due(&self.shared.metrics) {
                // It cannot fail, and nothing is lost where the process ends meanwhile.
                let _ = tokio::task::spawn_blocking(malloc::give_back).await;
            }
        }
    }

    fn round(&self) {
        let pools = self.pools();
        for pool in &pools {
            pool.shrink(self.settings.idle);
        }
        let isolates = pools.iter().flat_map(|pool| pool.isolates()).chain(self.draining());
        let mut memory = isolates.map(|isolate| memory_of(&isolate)).sum::<u64>() + crash::lost_bytes();
        while memory > self.settings.memory {
            let Some(gone) = self.evict_one(&pools) else { break };
            memory -= memory_of(&gone).min(memory);
        }
        let now = Instant::now();
        self.retired.lock().unwrap_or_else(PoisonError::into_inner).retain(|(until, isolate)| {
            let Some(isolate) = isolate.upgrade() else { return false };
            let is_over = until.is_some_and(|until| until <= now) && !isolate.load.is_debugged();
            if is_over {
                isolate.terminate(EndReason::Reclaimed);
            }
            !is_over
        });
    }
}

/// Whether isolates have left memory behind that no other takes.
#[derive(Default)]
struct Leftovers {
    /// Isolates that had been started in the last round, and rounds since there were more.
    started: u64,
    quiet: u32,
    /// Isolates that had ended when memory was given back, and rounds since others have.
    ended: u64,
    waited: u32,
}

impl Leftovers {
    /// Looks once in each round.
    fn are_due(&mut self, metrics: &Metrics) -> bool {
        let ended = metrics.isolates_ended.load(Relaxed);
        let started = ended + metrics.isolates.load(Relaxed);
        self.quiet = if started == self.started { self.quiet + 1 } else { 0 };
        self.started = started;
        self.waited = if ended == self.ended { 0 } else { self.waited + 1 };
        let due = self.waited >= QUIET_ROUNDS && self.quiet >= QUIET_ROUNDS || self.waited >= MOST_ROUNDS;
        if due {
            (self.ended, self.waited) = (ended, 0);
        }
        due
    }
}

fn memory_of(isolate: &Isolate) -> u64 {
    isolate.load.memory.load(Relaxed) + OVERHEAD_BYTES
}
