//! How the kernel schedules this process. The only place that tells it.

use std::cell::Cell;
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;
use std::{io, mem, ptr};

/// The kernel's number of a thread.
#[derive(Clone, Copy, Debug)]
pub struct ThreadId(pub(crate) libc::pid_t);

/// The calling thread.
pub fn this_thread() -> ThreadId {
    // SAFETY: gettid has no arguments and cannot fail.
    ThreadId(unsafe { libc::gettid() })
}

/// Marks this thread, and every thread it starts from now on, as one that never preempts another at the moment it is
/// woken.
///
/// A request wakes an isolate's thread and its answer wakes a thread of the front end. Were each preempted by what it
/// has just woken, threads on a busy core would hand over one request at a time; this way each does all that is waiting
/// before the next has its turn. Nothing changes on a core that is idle, nor in how long a thread may run.
/// (`SCHED_BATCH` in sched(7).)
pub fn batch() {
    if let Err(error) = set_policy(ThreadId(0), libc::SCHED_BATCH) {
        tracing::debug!(%error, "the scheduling policy cannot be set");
    }
}

/// Lets a thread run only when no other wants to: every other thread takes the core from it the moment it is woken.
/// (`SCHED_IDLE` in sched(7).)
pub fn demote(thread: ThreadId) {
    if let Err(error) = set_policy(thread, libc::SCHED_IDLE) {
        tracing::debug!(%error, "a thread cannot be demoted");
    }
}

/// The same for the calling thread, and for every thread and process it starts from now on.
pub fn demote_from_here() {
    demote(ThreadId(0));
}

/// Undoes [`demote`]. Says whether it could, which is what [`may_promote`] says.
pub fn promote(thread: ThreadId) -> bool {
    set_policy(thread, libc::SCHED_BATCH).is_ok()
}

/// Whether [`promote`] works: that takes `CAP_SYS_NICE` or a nice limit of 0.
pub fn may_promote() -> bool {
    static MAY: LazyLock<bool> = LazyLock::new(|| {
        let tried = std::thread::spawn(|| {
            demote_from_here();
            promote(this_thread())
        });
        tried.join().unwrap_or(false)
    });
    *MAY
}

/// How often a thread gives way. Each time costs it 6 µs here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Each half millisecond.
    Often,
    /// Five times in a millisecond.
    VeryOften,
}

impl Pace {
    const fn interval(self) -> Duration {
        match self {
            Self::Often => Duration::from_micros(500),
            Self::VeryOften => Duration::from_micros(200),
        }
    }
}

/// Makes a thread let go of its core again and again, if another wants it.
///
/// The kernel lets a thread that wakes up take the core from a demoted one at once, but not always: since its scheduler looks at who
/// is owed time (EEVDF, Linux 6.6), a thread that had a little more than its share before it slept is not owed any, and the demoted one
/// goes on to the end of the tick, 4 ms mostly. This happens to one wake-up of fifty. From one that is not demoted a thread like
/// [`batch`]'s takes nothing before its time is up. But who yields is put last.
pub struct Yields {
    timer: libc::timer_t,
    /// How often, if at all. Held while the timer is set: the last word counts.
    pace: Mutex<Option<Pace>>,
}

// SAFETY: the timer is a number, which the kernel checks, and no pointer.
unsafe impl Send for Yields {}
// SAFETY: as above; the calls that take it may come from any thread at any time.
unsafe impl Sync for Yields {}

impl Yields {
    /// For a thread of this process. Fails where the kernel has no more timers.
    pub fn of(thread: ThreadId) -> io::Result<Self> {
        static HANDLER: LazyLock<()> = LazyLock::new(|| {
            // SAFETY: zeros are a valid value, and the pointers are to a local and to none.
            unsafe {
                let mut action: libc::sigaction = mem::zeroed();
                action.sa_sigaction = give_way as *const () as libc::sighandler_t;
                action.sa_flags = libc::SA_RESTART;
                libc::sigaction(yield_signal(), &raw const action, ptr::null_mut());
            }
        });
        LazyLock::force(&HANDLER);
        let mut timer = ptr::null_mut();
        // SAFETY: zeros are a valid value, and the pointers are to locals; a thread that is gone gets no signals.
        let made = unsafe {
            let mut event: libc::sigevent = mem::zeroed();
            event.sigev_notify = libc::SIGEV_THREAD_ID;
            event.sigev_signo = yield_signal();
            event.sigev_notify_thread_id = thread.0;
            libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer)
        };
        if made == -1 { Err(io::Error::last_os_error()) } else { Ok(Self { timer, pace: Mutex::new(None) }) }
    }

    /// From now on.
    pub fn begin(&self, pace: Pace) {
        self.set(Some(pace));
    }

    /// No more.
    pub fn end(&self) {
        self.set(None);
    }

    fn set(&self, pace: Option<Pace>) {
        let mut known = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        if mem::replace(&mut *known, pace) == pace {
            return;
        }
        let interval = pace.map_or(Duration::ZERO, Pace::interval);
        let interval = libc::timespec { tv_sec: 0, tv_nsec: interval.subsec_nanos().into() };
        let times = libc::itimerspec { it_interval: interval, it_value: interval };
        // SAFETY: the timer is there until this is dropped, and the pointers are to a local and to none.
        unsafe { libc::timer_settime(self.timer, 0, &raw const times, ptr::null_mut()) };
    }
}

impl Drop for Yields {
    fn drop(&mut self) {
        // SAFETY: nobody else has it.
        unsafe { libc::timer_delete(self.timer) };
    }
}

/// Where the signal comes in. The thread may have waited for a core since the timer rang; if it then gave way at once, it would never
/// get anywhere.
extern "C" fn give_way(_signal: libc::c_int) {
    thread_local!(static BEFORE: Cell<Duration> = const { Cell::new(Duration::ZERO) });
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a local, and the function may be called where a signal came in.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    let now = Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap_or_default());
    if now.saturating_sub(BEFORE.get()) >= Pace::VeryOften.interval() / 2 {
        BEFORE.set(now);
        // SAFETY: it takes nothing, cannot fail, and may be called where a signal came in.
        unsafe { libc::sched_yield() };
    }
}

/// One that nobody else uses.
fn yield_signal() -> libc::c_int {
    libc::SIGRTMIN() + 4
}

/// The threads on which V8 compiles for all isolates. There are none before V8 is set up.
pub fn engine_threads() -> Vec<ThreadId> {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let is_engine = |path: &Path| std::fs::read(path.join("comm")).is_ok_and(|name| name.starts_with(b"V8 "));
    let engine = threads.filter(|thread| is_engine(&thread.path()));
    engine.filter_map(|thread| thread.file_name().to_str()?.parse().ok().map(ThreadId)).collect()
}

fn set_policy(thread: ThreadId, policy: libc::c_int) -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the pointer is to a local; 0 is the calling thread, and any other number is checked by the kernel.
    match unsafe { libc::sched_setscheduler(thread.0, policy, &raw const parameters) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
