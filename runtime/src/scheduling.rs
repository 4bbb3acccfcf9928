//! How the kernel schedules this process. The only place that tells it.

/// Marks this thread, and every thread it starts from now on, as one that never preempts another at the moment it is
/// woken.
///
/// A request wakes an isolate's thread and its answer wakes a thread of the front end. Were each preempted by what it
/// has just woken, threads on a busy core would hand over one request at a time; this way each does all that is waiting
/// before the next has its turn. Nothing changes on a core that is idle, nor in how long a thread may run.
/// (`SCHED_BATCH` in sched(7).)
pub fn batch() {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the pointer is to a local, and 0 is the calling thread.
    let failed = unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const parameters) } != 0;
    if failed {
        tracing::debug!(error = %std::io::Error::last_os_error(), "the scheduling policy cannot be set");
    }
}
