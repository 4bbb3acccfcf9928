//! How the kernel schedules this process: what it is told, and what it says of it. The only place that asks.

mod cpu_clock;
mod process_share;
mod yields;

use std::io;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

pub use cpu_clock::CpuClock;
pub use process_share::go_last_but_come_to_an_end;
pub use yields::{Pace, Yields};

/// What goes last is to have one part in so many of a core's time all the same.
pub const LEAST_SHARE: u32 = 10;

/// The kernel's number of a thread.
#[derive(Clone, Copy, Debug)]
pub struct ThreadId(libc::pid_t);

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

/// How long a thread of this process could have run and did not, because others had the cores; nothing where the kernel does not
/// count it. (The second number of `schedstat` in Linux's sched-stats.rst.)
pub fn waited(thread: ThreadId) -> Duration {
    let counted = std::fs::read_to_string(format!("/proc/self/task/{}/schedstat", thread.0)).unwrap_or_default();
    Duration::from_nanos(counted.split(' ').nth(1).and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

/// The threads on which V8 works for all isolates. There are none before V8 is set up.
pub fn engine_threads() -> Vec<ThreadId> {
    let is_engine = |path: PathBuf| std::fs::read(path.join("comm")).is_ok_and(|name| name.starts_with(b"V8 "));
    threads().filter_map(|(thread, path)| is_engine(path).then_some(thread)).collect()
}

/// The threads of this process, and what proc(5) has of each.
fn threads() -> impl Iterator<Item = (ThreadId, PathBuf)> {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    threads.filter_map(|thread| Some((ThreadId(thread.file_name().to_str()?.parse().ok()?), thread.path())))
}

fn set_policy(thread: ThreadId, policy: libc::c_int) -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the pointer is to a local; 0 is the calling thread, and any other number is checked by the kernel.
    match unsafe { libc::sched_setscheduler(thread.0, policy, &raw const parameters) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
