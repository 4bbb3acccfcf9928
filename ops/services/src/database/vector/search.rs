//! One search of an index.
//!
//! It compares the query with every allowed vector as it is stored, while these are few ([`Regime::Exact`]). With more,
//! it estimates the distances from the vectors in bytes and compares the most promising ones as they are stored
//! ([`Regime::Quantised`]). Where even the bytes are many and there is a graph, that names the promising ones
//! ([`Regime::Graph`]); it is widened while a test lets too few of them pass, and then given up for a scan. Distances
//! and scores come from the stored vectors in each regime, and so are the same.

use std::collections::{HashMap, HashSet};

use super::allowed::{Allowed, RowSet};
use super::definition::Storage;
use super::graph::Graph;
use super::matrix::Needle;
use super::query::VectorQuery;
use super::resident::{Document, ResidentIndex};
use super::scan::{self, Candidate, Nearest};

/// How many bytes of vectors are scanned rather than looked up in something faster: a core reads them in about 2 ms.
pub(super) const SCAN_BYTES: usize = 16 << 20;
/// The graph serves while one in so many vectors may be returned at least; on its way it passes all the others too.
const GRAPH_SHARE: usize = 20;
/// Candidates that are compared as they are stored, beyond two for each result.
const SPARE_CANDIDATES: usize = 128;
/// How many times more candidates there are when those before were too few.
const WIDEN: usize = 4;
/// Most candidates that the graph is widened to: beyond, scanning is faster.
const WIDEST: usize = 1024;

/// How a search was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Regime {
    /// Every allowed vector was compared.
    Exact,
    /// Every allowed vector was compared in bytes, and the best as they are stored.
    Quantised,
    /// A graph led to candidates, which were compared as they are stored.
    Graph,
    /// The store named candidates by an index of its own, and they were compared as they are stored.
    Store,
}

/// A document that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The document's row id.
    pub row: i64,
    /// `_distance`, lower is more similar: [`VectorQuery`] has the formulas.
    pub distance: f32,
    /// `_score`, 0 to 1, higher is more similar.
    pub score: f32,
}

/// The answer to a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The nearest documents, nearest first; those at the same distance by their row ids.
    pub hits: Vec<Hit>,
    /// How they were found.
    pub regime: Regime,
    /// How many pairs of vectors were compared, in whatever precision.
    pub compared: usize,
    /// How many rows an [`Allowed::Test`] was asked about.
    pub tested: usize,
}

impl Found {
    /// Takes in what the same search found among other documents, and keeps the `k` nearest of both.
    pub fn merge(&mut self, other: Self, k: usize) {
        self.hits.extend(other.hits);
        self.hits.sort_unstable_by(|one, other| one.distance.total_cmp(&other.distance).then(one.row.cmp(&other.row)));
        self.hits.truncate(k);
        self.compared += other.compared;
        self.tested += other.tested;
    }
}

/// A search while it runs.
pub(super) struct Search<'i, 'a> {
    comparison: Comparison<'i>,
    rows: Option<&'a RowSet>,
    test: Option<&'a mut dyn FnMut(i64) -> bool>,
    /// What the test has said.
    tested: HashMap<i64, bool>,
    compared: usize,
    hits: Vec<Candidate>,
}

impl<'i, 'a> Search<'i, 'a> {
    pub(super) fn new(index: &'i ResidentIndex, query: &'i VectorQuery, allowed: Allowed<'a>) -> Self {
        let (rows, test) = match allowed {
            Allowed::All => (None, None),
            Allowed::Rows(rows) => (Some(rows), None),
            Allowed::Test(test) => (None, Some(test)),
        };
        let comparison = Comparison::new(index, query);
        Self { comparison, rows, test, tested: HashMap::new(), compared: 0, hits: Vec::new() }
    }

    /// The regime that suits how much there is to compare.
    pub(super) fn regime(&self) -> Regime {
        let live = self.comparison.index.live;
        let vectors = self.rows.map_or(live, |rows| self.expected(rows));
        if self.comparison.bytes(vectors, Precision::Stored) <= SCAN_BYTES {
            return Regime::Exact;
        }
        let many = self.comparison.bytes(vectors, Precision::Coded) > SCAN_BYTES;
        let dense = vectors >= live / GRAPH_SHARE && self.few() <= live / GRAPH_SHARE;
        if many && dense && self.comparison.graph().is_some() { Regime::Graph } else { Regime::Quantised }
    }

    /// About how many vectors the rows of a set have, for counting them takes longer than some searches. Many may not be
    /// in the index at all.
    fn expected(&self, rows: &RowSet) -> usize {
        const SAMPLE: usize = 256;
        let index = self.comparison.index;
        let step = rows.len().div_ceil(SAMPLE).max(1);
        let documents = step * rows.iter().step_by(step).filter(|row| index.places.contains_key(row)).count();
        (documents.saturating_mul(index.live) / index.len().max(1)).min(index.live)
    }

    /// Makes the search in a regime, or in the next one that can.
    pub(super) fn run(mut self, regime: Regime) -> Found {
        let regime = match regime {
            Regime::Graph if self.by_graph() => Regime::Graph,
            Regime::Graph | Regime::Quantised if self.comparison.has_estimates() => self.quantised(),
            _ => self.exact(),
        };
        self.hits.sort_unstable();
        let hit = |found: &Candidate| {
            let &Candidate { row, distance, .. } = found;
            Hit { row, distance, score: self.comparison.query.score(distance) }
        };
        let hits = self.hits.iter().map(hit).collect();
        Found { hits, regime, compared: self.compared, tested: self.tested.len() }
    }

    fn exact(&mut self) -> Regime {
        let places = self.places();
        let nearest = self.compare(&places, Precision::Stored);
        self.take(nearest);
        Regime::Exact
    }

    fn quantised(&mut self) -> Regime {
        let places = self.places();
        let mut promising = self.compare(&places, Precision::Coded);
        let mut count = self.few();
        loop {
            let places: Vec<u32> = promising.by_ref().take(count).map(|candidate| candidate.place).collect();
            let nearest = self.compare(&places, Precision::Stored);
            if places.is_empty() || self.take(nearest) {
                return Regime::Quantised;
            }
            count *= WIDEN;
        }
    }

    /// Says whether the graph found enough.
    fn by_graph(&mut self) -> bool {
        let mut count = self.few();
        while let Some(places) = self.comparison.graph().and_then(|graph| self.neighbours(graph, count)) {
            // The graph misses more of the far half of what it finds than of the near one.
            let nearest = self.compare(&places, Precision::Stored).take(places.len().div_ceil(2));
            if self.take(nearest) {
                return true;
            }
            self.hits.clear();
            count *= WIDEN;
            if count > WIDEST {
                break;
            }
        }
        false
    }

    /// How many candidates are compared as they are stored, unless they turn out to be too few.
    fn few(&self) -> usize {
        2 * self.comparison.query.k() + SPARE_CANDIDATES
    }

    /// Where the allowed documents are.
    fn places(&self) -> Vec<u32> {
        let index = self.comparison.index;
        match self.rows {
            Some(rows) => rows.iter().filter_map(|row| index.places.get(&row).copied()).collect(),
            None => {
                let live = index.documents.iter().zip(0..).filter(|(document, _)| !document.removed);
                live.map(|(_, place)| place).collect()
            }
        }
    }

    /// Where the documents are that have a vector near to one of the query.
    fn neighbours(&mut self, graph: &Graph, count: usize) -> Option<Vec<u32>> {
        let Self { comparison, rows, compared, .. } = self;
        let contains = |row| rows.is_some_and(|rows| rows.contains(row));
        let filter = rows.map(|_| &contains as &dyn Fn(i64) -> bool);
        let mut places = HashSet::with_capacity(count);
        // As many more as the graph has vectors that the index has no longer.
        let count = count * graph.len().max(1) / comparison.index.live.clamp(1, graph.len().max(1));
        for needle in &comparison.needles {
            let (rows, comparisons) = graph.search(&needle.coded(), count, filter).ok()?;
            places.extend(rows.iter().filter_map(|row| comparison.index.places.get(row)));
            *compared += comparisons;
        }
        Some(places.into_iter().collect())
    }

    /// Orders documents by their distance in a precision.
    fn compare<'p>(
        &mut self,
        places: &'p [u32],
        precision: Precision,
    ) -> impl Iterator<Item = Candidate> + use<'i, 'a, 'p> {
        let comparison = &self.comparison;
        let documents = &comparison.index.documents;
        let document = |at: usize| &documents[places[at] as usize];
        let vectors: usize = (0..places.len()).map(|at| document(at).count as usize).sum();
        let distances = scan::map(places.len(), comparison.bytes(vectors, precision), |at| match precision {
            Precision::Stored => comparison.distance(document(at)),
            Precision::Coded => comparison.estimate(document(at)),
        });
        self.compared += vectors * comparison.needles.len();
        Nearest::new(distances, move |at, distance| Candidate { distance, row: document(at).row, place: places[at] })
    }

    /// Takes the nearest documents that pass. Says whether no others are needed.
    fn take(&mut self, nearest: impl Iterator<Item = Candidate>) -> bool {
        let query = self.comparison.query;
        for candidate in nearest {
            if !query.is_similar(query.score(candidate.distance)) {
                return true;
            }
            let passes = match &mut self.test {
                None => true,
                Some(test) => *self.tested.entry(candidate.row).or_insert_with(|| test(candidate.row)),
            };
            if passes {
                self.hits.push(candidate);
                if self.hits.len() == query.k() {
                    return true;
                }
            }
        }
        false
    }
}

/// In which form vectors are compared.
#[derive(Clone, Copy)]
enum Precision {
    /// As they are stored: what distances and scores come from.
    Stored,
    /// In signed bytes.
    Coded,
}

/// How a document of an index compares with a query.
struct Comparison<'a> {
    index: &'a ResidentIndex,
    query: &'a VectorQuery,
    needles: Vec<Needle<'a>>,
}

impl<'a> Comparison<'a> {
    fn new(index: &'a ResidentIndex, query: &'a VectorQuery) -> Self {
        let needles = query.vectors().iter().map(|vector| index.matrix.needle(vector, query.metric())).collect();
        Self { index, query, needles }
    }

    fn distance(&self, document: &Document) -> f32 {
        self.query.aggregate(document.count as usize, |token, stored| {
            self.index.matrix.distance(&self.needles[token], document.first + stored)
        })
    }

    fn estimate(&self, document: &Document) -> f32 {
        self.query.aggregate(document.count as usize, |token, stored| {
            self.index.matrix.estimate(&self.needles[token], document.first + stored)
        })
    }

    /// The bytes that are read to compare so many vectors with all of the query's.
    fn bytes(&self, vectors: usize, precision: Precision) -> usize {
        let width = match precision {
            Precision::Stored => self.index.matrix.stored_width(),
            Precision::Coded => self.index.matrix.coded_width(),
        };
        let slice = width * self.query.vectors()[0].len() / self.index.definition().dimensions;
        vectors.saturating_mul(slice * self.needles.len())
    }

    /// Whether vectors in bytes are any quicker to compare than those that are stored. Bits are as small as they get.
    fn has_estimates(&self) -> bool {
        self.index.definition().storage != Storage::Bit
    }

    /// The graph, if it compares as the query does: by the index's own metric, over all dimensions, and with the vectors
    /// that are closest.
    fn graph(&self) -> Option<&'a Graph> {
        let definition = self.index.definition();
        let alike = self.query.metric() == definition.metric
            && self.query.vectors()[0].len() == definition.dimensions
            && (self.query.seeks_closest() || !definition.multi_vector);
        self.index.graph.as_ref().filter(|_| alike)
    }
}
