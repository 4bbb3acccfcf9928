//! Threads that let others have their core before their time is up.

use std::cell::Cell;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;
use std::{io, mem, ptr};

use super::{CpuClock, ThreadId};

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
/// [`batch`](super::batch)'s takes nothing before its time is up. But who yields is put last.
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
    let now = CpuClock::of_the_reader().read().unwrap_or_default();
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
