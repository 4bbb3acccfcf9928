//! Computes many distances on two threads at most, and hands them out nearest first.

use std::cmp::Ordering;
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

/// Candidates, nearest first. Of many distances only as many are put in order as are asked for.
pub(super) struct Nearest<F> {
    distances: Vec<f32>,
    /// The candidate that has one of them.
    candidate: F,
    /// All up to this distance have been handed out or are ready.
    up_to: f32,
    /// The next ones, nearest last.
    ready: Vec<Candidate>,
    handed_out: usize,
}

/// How many candidates are put in order at first, and how many times more when those are used up.
const AT_FIRST: usize = 256;
const GROWTH: usize = 8;

impl<F: Fn(usize, f32) -> Candidate> Nearest<F> {
    pub(super) fn new(distances: Vec<f32>, candidate: F) -> Self {
        Self { distances, candidate, up_to: f32::NEG_INFINITY, ready: Vec::new(), handed_out: 0 }
    }

    /// Makes the next ones ready: those between the distance so far and a larger one, which all come after the former.
    fn refill(&mut self) {
        let count = AT_FIRST.max(GROWTH * self.handed_out);
        let up_to = if count < self.distances.len() {
            *self.distances.clone().select_nth_unstable_by(count, f32::total_cmp).1
        } else {
            f32::INFINITY
        };
        let between = |distance: f32| distance > self.up_to && distance <= up_to;
        let next = self.distances.iter().enumerate().filter(|(_, distance)| between(**distance));
        self.ready = next.map(|(at, distance)| (self.candidate)(at, *distance)).collect();
        self.ready.sort_unstable_by(|a, b| b.cmp(a));
        self.up_to = up_to;
    }
}

impl<F: Fn(usize, f32) -> Candidate> Iterator for Nearest<F> {
    type Item = Candidate;

    fn next(&mut self) -> Option<Candidate> {
        if self.ready.is_empty() && self.handed_out < self.distances.len() {
            self.refill();
        }
        let candidate = self.ready.pop()?;
        self.handed_out += 1;
        Some(candidate)
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
