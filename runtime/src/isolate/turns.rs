//! Bounds how many isolates run JavaScript at the same time, a few for each core: more would only take the caches from
//! each other. A turn that lasts gives its place up and goes on at the lowest priority, so that a loop never holds a place
//! that a short request needs.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Isolates that may run for each core.
const PER_CORE: usize = 4;

/// Places for isolates that run.
pub struct Turns {
    places: usize,
    running: AtomicUsize,
    waiting: AtomicUsize,
    queue: Mutex<VecDeque<Waker>>,
}

impl Turns {
    /// The places of a process that may use so many cores.
    pub fn of_cores(cores: usize) -> Self {
        Self::new(cores * PER_CORE)
    }

    fn new(places: usize) -> Self {
        Self { places, running: AtomicUsize::new(0), waiting: AtomicUsize::new(0), queue: Mutex::default() }
    }

    /// Takes a place. Where there is none the waker is called when there may be one.
    pub fn begin(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.take() {
            return Poll::Ready(());
        }
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if !queue.iter().any(|waker| waker.will_wake(cx.waker())) {
            queue.push_back(cx.waker().clone());
        }
        self.waiting.store(queue.len(), SeqCst);
        drop(queue);
        // One may have been given back before anybody saw this waker.
        if self.take() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn take(&self) -> bool {
        self.running.fetch_update(SeqCst, SeqCst, |running| (running < self.places).then_some(running + 1)).is_ok()
    }

    /// Gives a place back.
    pub fn end(&self) {
        self.running.fetch_sub(1, SeqCst);
        if self.waiting.load(SeqCst) == 0 {
            return;
        }
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let next = queue.pop_front();
        self.waiting.store(queue.len(), SeqCst);
        drop(queue);
        if let Some(next) = next {
            next.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::task::Wake;

    use super::*;

    struct Flag(AtomicBool);

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, SeqCst);
        }
    }

    #[test]
    fn a_place_given_back_wakes_the_one_that_waits() {
        let turns = Turns::new(1);
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let waker = Waker::from(flag.clone());
        let mut cx = Context::from_waker(&waker);
        assert!(turns.begin(&mut cx).is_ready());
        assert!(turns.begin(&mut cx).is_pending());
        assert!(!flag.0.load(SeqCst));
        turns.end();
        assert!(flag.0.load(SeqCst));
        assert!(turns.begin(&mut cx).is_ready());
    }
}
