//! Computes many distances on two threads at most, and hands them out nearest first.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

/// A document and its distance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub distance: f32,
    pub row: i64,
    /// Where the document is in its index.
    pub place: u32,
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    /// By distance, then by row, so that results have one order.
    fn cmp(&self, other: &Self) -> Ordering {
        self.distance.total_cmp(&other.distance).then(self.row.cmp(&other.row))
    }
}

/// Candidates, nearest first. Putting them in order costs as much as is taken.
pub(super) struct Nearest(BinaryHeap<Reverse<Candidate>>);

impl Nearest {
    pub(super) fn new(candidates: impl Iterator<Item = Candidate>) -> Self {
        Self(candidates.map(Reverse).collect::<Vec<_>>().into())
    }
}

impl Iterator for Nearest {
    type Item = Candidate;

    fn next(&mut self) -> Option<Candidate> {
        self.0.pop().map(|Reverse(candidate)| candidate)
    }
}

/// A scan that reads at least this many bytes is split over two threads; for less, starting one costs more.
const SPLIT_BYTES: usize = 4 << 20;
/// Distances that a thread computes at a time.
const SHARE: usize = 4096;

/// The results of a function for `0..count`. They read this many bytes altogether.
pub(super) fn map(count: usize, bytes: usize, function: impl Fn(usize) -> f32 + Sync) -> Vec<f32> {
    let mut results = vec![0.0; count];
    let fill = |first: usize, part: &mut [f32]| {
        for (offset, result) in part.iter_mut().enumerate() {
            *result = function(first + offset);
        }
    };
    let Some(_helper) = (bytes >= SPLIT_BYTES).then(Helper::hire).flatten() else {
        fill(0, &mut results);
        return results;
    };
    let shares = Mutex::new(results.chunks_mut(SHARE).enumerate());
    let next = || shares.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some((share, part)) = next() {
            fill(share * SHARE, part);
        }
    };
    thread::scope(|scope| {
        // Where no thread can be had, this one does all the work.
        let _ = thread::Builder::new().name("vector-scan".to_owned()).spawn_scoped(scope, work);
        work();
    });
    results
}

/// The right to have a second thread. There are as many as processors beyond the first, so that however many searches
/// there are, they bring no more threads than that.
struct Helper;

static HELPERS: LazyLock<AtomicUsize> =
    LazyLock::new(|| AtomicUsize::new(thread::available_parallelism().map_or(1, NonZero::get) - 1));

impl Helper {
    fn hire() -> Option<Self> {
        HELPERS.fetch_update(Relaxed, Relaxed, |free| free.checked_sub(1)).ok().map(|_| Self)
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        HELPERS.fetch_add(1, Relaxed);
    }
}
