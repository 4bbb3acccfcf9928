//! The graph index: a navigable small world over the vectors in bytes, from `usearch`.
//!
//! A graph finds candidates and never answers by itself: it compares bytes, and vectors that have been removed or
//! replaced stay in it, so the index compares what it finds with the vectors themselves. It is built while the index
//! is in use: what the graph lacks is handed to it in batches, the last of them when it is attached.

use std::cell::Cell;
use std::fmt::Display;
use std::ops::ControlFlow;
use std::slice;

use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

use super::definition::{Metric, Storage, VectorDefinition};
use super::kernels::kernels;
use super::matrix::{Coded, Matrix};

/// Neighbours of a vector in the graph.
const CONNECTIVITY: usize = 16;
/// How many candidates are considered for the neighbours of a new vector.
const EXPANSION: usize = 96;
/// Searches that can be in a graph at the same time. A search that finds no room scans instead.
const MAX_CONCURRENT: usize = 64;
/// Documents that are added between two reports of progress.
const REPORT_EVERY: usize = 256;
/// Bytes after the codes of a vector: its weight and its square, as floats.
const TRAILER: usize = 8;

thread_local! {
    /// Comparisons that this thread has made in graphs.
    static COMPARED: Cell<usize> = const { Cell::new(0) };
}

/// Why there is no graph. The index answers without one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// The owner ended it.
    #[error("the vector graph was not finished")]
    Cancelled,
    /// It was begun by another index, or by the same before it was filled again.
    #[error("the vector graph belongs to another index")]
    Foreign,
    /// There was no memory.
    #[error("the vector graph failed: {0}")]
    Failed(String),
}

fn failed(error: impl Display) -> GraphError {
    GraphError::Failed(error.to_string())
}

/// A graph over the vectors of one index.
pub struct Graph {
    index: Index,
    metric: Metric,
    /// The index that began it.
    pub(super) owner: u64,
    /// The last change of the index that the graph knows.
    pub(super) sequence: u64,
}

/// Documents that a graph lacks, and a copy of the index's vectors that shares their memory.
pub struct Additions {
    pub(super) matrix: Matrix,
    /// Of each document its row and where its vectors are.
    pub(super) documents: Vec<(i64, std::ops::Range<usize>)>,
    pub(super) owner: u64,
    pub(super) sequence: u64,
}

impl Additions {
    /// How many documents there are.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }
}

impl Graph {
    /// An empty graph for an index.
    pub(super) fn new(definition: &VectorDefinition, owner: u64) -> Result<Self, GraphError> {
        let width = match definition.storage {
            Storage::Bit => definition.dimensions.div_ceil(8),
            _ => definition.dimensions + TRAILER,
        };
        let options = IndexOptions {
            dimensions: width,
            metric: MetricKind::L2sq,
            quantization: ScalarKind::I8,
            connectivity: CONNECTIVITY,
            expansion_add: EXPANSION,
            // The number of results that a search asks for is what counts.
            expansion_search: 1,
            // A document may have several vectors, and gets new ones when it changes.
            multi: true,
        };
        let mut index = Index::new(&options).map_err(failed)?;
        let distance = if definition.storage == Storage::Bit { hamming } else { squared_distance };
        index.change_metric::<i8>(Box::new(move |a, b| {
            COMPARED.set(COMPARED.get() + 1);
            // SAFETY: the graph passes pointers to two vectors it was given, each of them of `dimensions` bytes: `add`
            // and `search` refuse others. It holds them for the time of the call and writes to neither.
            let (a, b) = unsafe { (slice::from_raw_parts(a, width), slice::from_raw_parts(b, width)) };
            distance(a, b)
        }));
        Ok(Self { index, metric: definition.metric, owner, sequence: 0 })
    }

    /// How many vectors are in the graph, those that the index no longer has included.
    pub fn len(&self) -> usize {
        self.index.size()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The memory of the graph.
    pub fn bytes(&self) -> usize {
        self.index.memory_usage()
    }

    /// Adds documents. `progress` hears how many are done, and may end it.
    ///
    /// One thread adds them all, although `usearch` lets several: of two vectors that are added at the same time, one
    /// may start from the other before that has neighbours, and then no search ever comes to it.
    ///
    /// # Errors
    /// [`GraphError`]; the graph is then of no use.
    pub fn add(
        &mut self,
        additions: &Additions,
        mut progress: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<(), GraphError> {
        if self.owner != additions.owner {
            return Err(GraphError::Foreign);
        }
        self.reserve(additions.documents.iter().map(|(_, places)| places.len()).sum())?;
        let mut done = 0;
        for share in additions.documents.chunks(REPORT_EVERY) {
            for (row, places) in share {
                self.add_document(*row, places.clone().map(|place| additions.matrix.coded(place)))?;
            }
            done += share.len();
            if progress(done).is_break() {
                return Err(GraphError::Cancelled);
            }
        }
        self.sequence = additions.sequence;
        Ok(())
    }

    /// Adds the vectors of one document.
    pub(super) fn insert<'a>(
        &mut self,
        row: i64,
        vectors: impl ExactSizeIterator<Item = Coded<'a>>,
        sequence: u64,
    ) -> Result<(), GraphError> {
        self.reserve(vectors.len())?;
        self.add_document(row, vectors)?;
        self.sequence = sequence;
        Ok(())
    }

    fn add_document<'a>(&self, row: i64, vectors: impl Iterator<Item = Coded<'a>>) -> Result<(), GraphError> {
        for vector in vectors {
            self.index.add(key(row), &self.entry(&vector)).map_err(failed)?;
        }
        Ok(())
    }

    /// Makes room. Nobody else uses the graph meanwhile, for it moves.
    fn reserve(&mut self, vectors: usize) -> Result<(), GraphError> {
        let needed = self.len() + vectors;
        if needed <= self.index.capacity() {
            return Ok(());
        }
        let capacity = needed.max(self.index.capacity() + self.index.capacity() / 2);
        self.index.reserve_capacity_and_threads(capacity, MAX_CONCURRENT).map_err(failed)
    }

    /// The rows of the vectors that are nearest to one, nearest first, and how many were compared. A row comes as often
    /// as it has such vectors. With a filter, only rows that pass it are found, and it is asked on the way.
    pub(super) fn search(
        &self,
        vector: &Coded<'_>,
        count: usize,
        filter: Option<&dyn Fn(i64) -> bool>,
    ) -> Result<(Vec<i64>, usize), GraphError> {
        let before = COMPARED.get();
        let entry = self.entry(vector);
        let matches = match filter {
            None => self.index.search(&entry, count),
            Some(filter) => self.index.filtered_search(&entry, count, |key| filter(row(key))),
        };
        let rows = matches.map_err(failed)?.keys.into_iter().map(row).collect();
        Ok((rows, COMPARED.get() - before))
    }

    /// A vector as the graph keeps it: its codes, then what they are to be multiplied with and the square of its
    /// length. For `cosine` every vector is made to have the length 1, and then the order is that of `l2`.
    fn entry(&self, vector: &Coded<'_>) -> Vec<i8> {
        let mut entry = vector.codes.to_vec();
        let (weight, square) = match self.metric {
            Metric::Hamming => return entry,
            Metric::L2 => (vector.scale, vector.length * vector.length),
            Metric::Cosine if vector.length == 0.0 => (0.0, 1.0),
            Metric::Cosine => (vector.scale / vector.length, 1.0),
        };
        entry.extend(weight.to_le_bytes().into_iter().chain(square.to_le_bytes()).map(|byte| byte as i8));
        entry
    }
}

/// The key of a row. The largest key is one that `usearch` keeps for itself, and so it is that of the row that no store
/// comes to, not that of row −1.
fn key(row: i64) -> u64 {
    row.wrapping_sub(i64::MIN) as u64
}

fn row(key: u64) -> i64 {
    (key as i64).wrapping_add(i64::MIN)
}

/// About the squared Euclidean distance of two vectors, see [`Graph::entry`].
fn squared_distance(a: &[i8], b: &[i8]) -> f32 {
    let (a_codes, a_trailer) = a.split_at(a.len() - TRAILER);
    let (b_codes, b_trailer) = b.split_at(b.len() - TRAILER);
    let product = (kernels().dot_i8)(a_codes, b_codes) as f32 * float(a_trailer, 0) * float(b_trailer, 0);
    float(a_trailer, 4) + float(b_trailer, 4) - 2.0 * product
}

fn hamming(a: &[i8], b: &[i8]) -> f32 {
    (kernels().hamming)(a, b) as f32
}

fn float(trailer: &[i8], at: usize) -> f32 {
    f32::from_le_bytes([trailer[at], trailer[at + 1], trailer[at + 2], trailer[at + 3]].map(|byte| byte as u8))
}
