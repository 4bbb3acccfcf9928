//! A process that goes last and yet comes to its end: where all others leave it less than its least share of a core, its threads
//! are raised for a moment. Where that is not allowed it only goes last.

use std::thread;
use std::time::{Duration, Instant};

use super::{CpuClock, LEAST_SHARE, ThreadId, demote, demote_from_here, may_promote, promote, this_thread, threads};

/// How long it is looked at what it got, before it is raised where that was less; and how long it stays raised.
const WINDOW: Duration = Duration::from_millis(500);
const RAISED: Duration = Duration::from_millis(100);

/// Lets this process run only when no other wants to, or for its share. To be called before it has other threads: those that they
/// start, and the processes, go last as well; a process has to call this itself for a share of its own.
pub fn go_last_but_come_to_an_end() {
    demote_from_here();
    if !may_promote() {
        return;
    }
    // Without it the process only takes longer.
    let _ = thread::Builder::new().name("least share".into()).spawn(|| {
        promote(this_thread());
        loop {
            keep_share();
        }
    });
}

/// One window, and what follows from it.
fn keep_share() {
    let clock = CpuClock::of_the_process();
    let (began, before) = (Instant::now(), clock.read());
    thread::sleep(WINDOW);
    let had = clock.read().unwrap_or_default().saturating_sub(before.unwrap_or_default());
    // One that only waits for something does not notice.
    if had < began.elapsed() / LEAST_SHARE {
        for thread in others() {
            // One may be gone by now.
            promote(thread);
        }
        thread::sleep(RAISED);
        others().for_each(demote);
    }
}

/// All threads but the one that calls.
fn others() -> impl Iterator<Item = ThreadId> {
    let this = this_thread();
    threads().map(|(thread, _)| thread).filter(move |thread| thread.0 != this.0)
}
