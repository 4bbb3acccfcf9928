//! Ends isolates whose JavaScript does not return: one thread looks at every isolate that is in a turn, each few
//! milliseconds, makes the turns that last give way and then go last, and sleeps while there is none.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use deno_core::v8;
use orilla_bindings::invocation::EndReason;

use super::engine::Engine;
use super::least_share::LeastShare;
use super::limits;
use super::turns::Turns;
use crate::scheduling::{self, CpuClock, Pace, Yields};

/// How often turns are looked at: a limit is kept to within this.
const INTERVAL: Duration = Duration::from_millis(5);

/// CPU time after which a turn gives way to other threads every now and then. Most turns end long before.
const SHORT_TURN: Duration = Duration::from_millis(2);

/// CPU time after which a turn is demoted. Pages that a server renders take less, so that a full host does not starve those
/// who make them.
const SLICE: Duration = Duration::from_millis(50);

/// Looks without a turn in progress before the watchdog sleeps.
const IDLE_LOOKS: u32 = 40;

/// One isolate, as the watchdog sees it.
pub struct Watched {
    /// None while it boots.
    isolate: OnceLock<v8::IsolateHandle>,
    clock: CpuClock,
    /// Most CPU time of one turn, in nanoseconds; 0 until the isolate has an app.
    cpu_limit: AtomicU64,
    /// Most wall time of one turn, in nanoseconds.
    wall_limit: AtomicU64,
    /// When the turn began, in nanoseconds after [`EPOCH`]; 0 between turns.
    turn: AtomicU64,
    /// CPU time at the beginning of the turn, in nanoseconds.
    turn_cpu: AtomicU64,
    reason: AtomicU8,
    /// The kernel's number of the isolate's thread.
    thread: scheduling::ThreadId,
    /// Makes it give way in a long turn; none where the kernel has no timer for that.
    yields: OnceLock<Option<Yields>>,
    /// The places that turns take, and whether this one holds one.
    turns: Arc<Turns>,
    in_place: AtomicBool,
    /// Whether the thread runs at the lowest priority, and whether it will for good.
    demoted: AtomicBool,
    worn: AtomicBool,
    /// Whether it stays so at the end of a turn.
    on_probation: AtomicBool,
    /// Whether it does not run at that priority for the moment although it is demoted, and when that last began, in nanoseconds
    /// after [`EPOCH`]; 0 if never.
    raised: AtomicBool,
    raised_at: AtomicU64,
    /// CPU time when it was last seen at the lowest priority, in nanoseconds; 0 if it was not.
    seen_demoted: AtomicU64,
}

static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);
static ALL: Mutex<Vec<Weak<Watched>>> = Mutex::new(Vec::new());
static ASLEEP: AtomicBool = AtomicBool::new(false);
static THREAD: LazyLock<std::io::Result<std::thread::Thread>> = LazyLock::new(|| {
    let thread = std::thread::Builder::new().name("watchdog".into()).spawn(watch)?;
    Ok(thread.thread().clone())
});

const REASONS: [EndReason; 5] =
    [EndReason::Cpu, EndReason::Memory, EndReason::Wall, EndReason::Reclaimed, EndReason::Crashed];

impl Watched {
    /// Watches the calling thread, which is to boot an isolate. Fails where the watchdog's thread cannot be started.
    pub fn start(turns: Arc<Turns>) -> std::io::Result<Arc<Self>> {
        if let Err(error) = &*THREAD {
            return Err(std::io::Error::new(error.kind(), error.to_string()));
        }
        let thread = scheduling::this_thread();
        let watched = Arc::new(Self {
            isolate: OnceLock::new(),
            clock: CpuClock::of(thread),
            cpu_limit: AtomicU64::new(0),
            wall_limit: AtomicU64::new(0),
            turn: AtomicU64::new(0),
            turn_cpu: AtomicU64::new(0),
            reason: AtomicU8::new(0),
            thread,
            yields: OnceLock::new(),
            turns,
            in_place: AtomicBool::new(false),
            demoted: AtomicBool::new(false),
            worn: AtomicBool::new(false),
            on_probation: AtomicBool::new(false),
            raised: AtomicBool::new(false),
            raised_at: AtomicU64::new(0),
            seen_demoted: AtomicU64::new(0),
        });
        ALL.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&watched));
        Ok(watched)
    }

    /// Says which isolate the thread has booted: from now on it can be stopped.
    pub fn booted(&self, isolate: v8::IsolateHandle) {
        if self.isolate.set(isolate).is_err() {
            tracing::error!("a thread has booted two isolates; the second cannot be stopped");
        }
    }

    /// Sets the limits of a turn.
    pub fn set_limits(&self, cpu: Duration, wall: Duration) {
        self.cpu_limit.store(nanos(cpu), Ordering::Relaxed);
        self.wall_limit.store(nanos(wall), Ordering::Relaxed);
    }

    /// Marks the beginning of a turn.
    pub fn begin_turn(&self) {
        self.turn_cpu.store(nanos(self.clock.read().unwrap_or_default()), Ordering::Relaxed);
        self.turn.store(nanos(EPOCH.elapsed()).max(1), Ordering::SeqCst);
        if self.is_demoted() {
            self.give_way();
        }
        if ASLEEP.load(Ordering::SeqCst)
            && let Ok(thread) = &*THREAD
        {
            thread.unpark();
        }
    }

    /// Marks the beginning of a turn that holds one of the places; its end gives it back.
    pub fn begin_turn_in_place(&self) {
        self.in_place.store(true, Ordering::SeqCst);
        self.begin_turn();
    }

    /// Marks the end of a turn and says how much CPU time it took.
    pub fn end_turn(&self) -> Duration {
        self.turn.store(0, Ordering::SeqCst);
        if self.in_place.swap(false, Ordering::SeqCst) {
            self.turns.end();
        }
        // What is stopped has nothing left to do but to go.
        if self.terminated().is_none() {
            self.hold_on();
            if !self.on_probation.load(Ordering::Relaxed) {
                self.promote();
            }
        }
        let began = Duration::from_nanos(self.turn_cpu.load(Ordering::Relaxed));
        self.clock.read().unwrap_or_default().saturating_sub(began)
    }

    /// Stops the isolate's JavaScript for good. The first reason counts.
    pub fn terminate(&self, reason: EndReason) {
        let code = REASONS.iter().position(|known| *known == reason).map_or(0, |index| index as u8 + 1);
        // Where a reason was given already, that one stays.
        let _ = self.reason.compare_exchange(0, code, Ordering::SeqCst, Ordering::SeqCst);
        if let Some(isolate) = self.isolate.get() {
            isolate.terminate_execution();
        }
    }

    /// Ends the turn of an isolate whose thread stops in the middle of it, for good, and says why the isolate was stopped.
    pub fn abandon(&self) -> EndReason {
        self.terminate(EndReason::Crashed);
        self.end_turn();
        self.hold_on();
        self.terminated().unwrap_or(EndReason::Crashed)
    }

    /// CPU time of the isolate's thread so far.
    pub fn cpu(&self) -> Option<Duration> {
        self.clock.read()
    }

    /// Whether the thread runs at the lowest priority, but for moments in which it is [raised](Self::raise).
    pub fn is_demoted(&self) -> bool {
        self.demoted.load(Ordering::SeqCst)
    }

    /// Whether the thread was demoted and may not be raised again.
    pub fn is_worn(&self) -> bool {
        self.worn.load(Ordering::Relaxed)
    }

    /// Demotes the thread until [`Self::end_probation`].
    pub fn begin_probation(&self) {
        self.on_probation.store(true, Ordering::Relaxed);
        self.demote();
    }

    /// Raises the thread again: the isolate has finished a request.
    pub fn end_probation(&self) {
        if self.on_probation.swap(false, Ordering::Relaxed) {
            self.promote();
        }
    }

    /// Lets a demoted isolate compete with the others for a moment. Says whether it may.
    pub(super) fn raise(&self) -> bool {
        self.raised_at.store(nanos(EPOCH.elapsed()), Ordering::Relaxed);
        let raised = scheduling::promote(self.thread);
        self.raised.store(raised, Ordering::SeqCst);
        if raised {
            // Who gives way every now and then gets no share beside those that do not.
            self.hold_on();
        }
        raised
    }

    /// Ends what [`Self::raise`] began, if the turn has not.
    pub(super) fn lower(&self) {
        if self.raised.swap(false, Ordering::SeqCst) && self.is_demoted() {
            self.demote();
        }
    }

    /// Whether it is raised and still in the turn for which it was.
    pub(super) fn is_raised(&self) -> bool {
        self.raised.load(Ordering::SeqCst) && self.is_demoted() && self.turn.load(Ordering::SeqCst) != 0
    }

    /// When it was last raised, in nanoseconds; 0 if never.
    pub(super) fn raised_at(&self) -> u64 {
        self.raised_at.load(Ordering::Relaxed)
    }

    fn promote(&self) {
        if self.demoted.swap(false, Ordering::SeqCst) && !scheduling::promote(self.thread) {
            self.worn.store(true, Ordering::Relaxed);
        }
    }

    fn give_way(&self) {
        let pace = if self.is_demoted() { Pace::VeryOften } else { Pace::Often };
        let no_timer = |error: &std::io::Error| tracing::debug!(%error, "a long turn does not give way");
        let yields = self.yields.get_or_init(|| Yields::of(self.thread).inspect_err(no_timer).ok());
        if let Some(yields) = yields {
            yields.begin(pace);
        }
    }

    fn hold_on(&self) {
        if let Some(Some(yields)) = self.yields.get() {
            yields.end();
        }
    }

    /// Lets everything else go first. If the turn ends at this very moment the next one is demoted in its place, and no
    /// longer than it lasts.
    fn demote(&self) {
        scheduling::demote(self.thread);
        self.demoted.store(true, Ordering::SeqCst);
        if self.in_place.swap(false, Ordering::SeqCst) {
            self.turns.end();
        }
    }

    /// CPU time that it had at the lowest priority since the last look.
    fn had_demoted(&self) -> Duration {
        let at_lowest = self.is_demoted() && !self.raised.load(Ordering::SeqCst);
        let demoted = if at_lowest { nanos(self.clock.read().unwrap_or_default()) } else { 0 };
        match self.seen_demoted.swap(demoted, Ordering::Relaxed) {
            0 => Duration::ZERO,
            before => Duration::from_nanos(demoted.saturating_sub(before)),
        }
    }

    /// Why the isolate was stopped, if it was.
    pub fn terminated(&self) -> Option<EndReason> {
        REASONS.get(usize::from(self.reason.load(Ordering::SeqCst)).wrapping_sub(1)).copied()
    }

    /// Whether the isolate is in a turn; stops it if that has lasted too long.
    fn look(&self) -> bool {
        let turn = self.turn.load(Ordering::SeqCst);
        let (cpu_limit, wall_limit) = (self.cpu_limit.load(Ordering::Relaxed), self.wall_limit.load(Ordering::Relaxed));
        if turn == 0 || cpu_limit == 0 {
            return turn != 0;
        }
        let used = self.clock.read().map(|cpu| nanos(cpu).saturating_sub(self.turn_cpu.load(Ordering::Relaxed)));
        let used = used.filter(|_| self.turn.load(Ordering::SeqCst) == turn).unwrap_or(0);
        if used > nanos(SHORT_TURN)
            && let Some(isolate) = self.isolate.get()
        {
            limits::request_check(isolate);
        }
        if used > nanos(SHORT_TURN) && !self.raised.load(Ordering::SeqCst) {
            self.give_way();
            if self.turn.load(Ordering::SeqCst) != turn {
                // The turn may have ended before this began.
                self.hold_on();
            }
        }
        if used > nanos(SLICE) && !self.demoted.load(Ordering::SeqCst) {
            self.demote();
        }
        if used > cpu_limit {
            self.terminate(EndReason::Cpu);
        } else if nanos(EPOCH.elapsed()).saturating_sub(turn) > wall_limit {
            // No invocation may last so long, and none can be ended while the turn lasts.
            self.terminate(EndReason::Wall);
        }
        true
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn watch() {
    let mut idle = 0;
    let mut engine = Engine::default();
    let mut least_share = LeastShare::default();
    let mut demoted = Vec::new();
    loop {
        let mut active = false;
        let mut had_demoted = Duration::ZERO;
        ALL.lock().unwrap_or_else(PoisonError::into_inner).retain(|watched| match watched.upgrade() {
            Some(watched) => {
                let is_in_turn = watched.look();
                active |= is_in_turn;
                had_demoted += watched.had_demoted();
                if is_in_turn && watched.is_demoted() {
                    demoted.push(watched);
                }
                true
            }
            None => false,
        });
        if least_share.look(&demoted, had_demoted) {
            // It may wait for them.
            engine.let_go();
        } else {
            engine.look(had_demoted > INTERVAL / 4);
        }
        demoted.clear();
        idle = if active { 0 } else { idle + 1 };
        if idle < IDLE_LOOKS {
            std::thread::sleep(INTERVAL);
            continue;
        }
        engine.let_go();
        ASLEEP.store(true, Ordering::SeqCst);
        if !ALL.lock().unwrap_or_else(PoisonError::into_inner).iter().any(is_in_turn) {
            std::thread::park();
        }
        ASLEEP.store(false, Ordering::SeqCst);
        idle = 0;
    }
}

/// A turn may have begun just before [`ASLEEP`] was set, and then nobody unparks.
fn is_in_turn(watched: &Weak<Watched>) -> bool {
    watched.upgrade().is_some_and(|watched| watched.turn.load(Ordering::SeqCst) != 0)
}
