//! CPU time of threads and of the process. The only place that asks the kernel for it.

use std::time::Duration;

use super::ThreadId;

/// The CPU clock of one thread of this process, which others may read while that thread lives; or of all of them.
#[derive(Clone, Copy, Debug)]
pub struct CpuClock(libc::clockid_t);

impl CpuClock {
    /// The clock of a thread. (Linux makes the number of the clock from that of the thread: the complement, three bits to the left,
    /// and 6 for "CPU time of one thread".)
    pub fn of(thread: ThreadId) -> Self {
        Self(!thread.0 << 3 | 6)
    }

    /// The clock of whichever thread reads it.
    pub const fn of_the_reader() -> Self {
        Self(libc::CLOCK_THREAD_CPUTIME_ID)
    }

    /// The clock of all threads of this process together.
    pub const fn of_the_process() -> Self {
        Self(libc::CLOCK_PROCESS_CPUTIME_ID)
    }

    /// CPU time used so far; `None` once the thread is gone. May be called where a signal came in.
    pub fn read(self) -> Option<Duration> {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the pointer is to a local; a clock of a thread that is gone makes the call fail, nothing else.
        let failed = unsafe { libc::clock_gettime(self.0, &raw mut time) } != 0;
        (!failed).then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
    }
}
