//! One vector index in memory: which documents it has and where their vectors are. [`super::search`] finds the nearest.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::super::error::DatabaseError;
use super::allowed::Allowed;
use super::definition::VectorDefinition;
use super::encoding::check;
use super::graph::{Additions, Graph, GraphError};
use super::matrix::Matrix;
use super::query::VectorQuery;
use super::search::{Found, Regime, SCAN_BYTES, Search};

/// Removed vectors are given back when they are more than one in so many, and in the graph when it is built again.
const MOST_REMOVED: usize = 4;
/// Removed vectors that are no reason to do anything.
const FEW_REMOVED: usize = 1024;
/// A graph that is not built again is dropped when it has so many times the vectors of the index.
const OUTGROWN: usize = 2;

#[derive(Clone, Copy)]
pub(super) struct Document {
    pub row: i64,
    /// The place of its first vector.
    pub first: usize,
    pub count: u32,
    pub removed: bool,
    /// The change of the index that brought it.
    sequence: u64,
}

impl Document {
    pub(super) fn places(&self) -> Range<usize> {
        self.first..self.first + self.count as usize
    }
}

/// The vectors of an index. It is a cache of the rows that a store keeps.
pub struct ResidentIndex {
    /// Tells it from every other index of the process.
    id: u64,
    definition: VectorDefinition,
    pub(super) matrix: Matrix,
    pub(super) documents: Vec<Document>,
    /// Where a row's document is among them.
    pub(super) places: HashMap<i64, u32>,
    /// Vectors of documents that are not removed.
    pub(super) live: usize,
    /// Counts the changes.
    sequence: u64,
    pub(super) graph: Option<Graph>,
}

impl ResidentIndex {
    /// An index without documents.
    pub fn new(definition: VectorDefinition) -> Self {
        static INDEXES: AtomicU64 = AtomicU64::new(0);
        Self {
            id: INDEXES.fetch_add(1, Relaxed),
            matrix: Matrix::new(&definition),
            definition,
            documents: Vec::new(),
            places: HashMap::new(),
            live: 0,
            sequence: 0,
            graph: None,
        }
    }

    /// What the index is made of.
    pub fn definition(&self) -> &VectorDefinition {
        &self.definition
    }

    /// How many documents there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The memory of the index with its graph, in bytes.
    pub fn bytes(&self) -> usize {
        let documents = self.documents.capacity() * size_of::<Document>();
        // A hash table has a power of two of places, keeps an eighth of them free and has a byte for each.
        let places = (self.places.capacity() * 8 / 7).next_power_of_two() * (size_of::<(i64, u32)>() + 1);
        self.matrix.bytes() + documents + places + self.graph.as_ref().map_or(0, Graph::bytes)
    }

    /// Gives a row the vectors that a store keeps for it, in their order, in place of those it had.
    ///
    /// # Errors
    /// `DB_VECTOR_CORRUPT`; then nothing is changed.
    pub fn insert(&mut self, row: i64, vectors: &[impl AsRef<[u8]>]) -> Result<(), DatabaseError> {
        for vector in vectors {
            check(&self.definition, vector.as_ref())?;
        }
        self.remove(row);
        if vectors.is_empty() {
            return Ok(());
        }
        self.sequence += 1;
        let (first, count) = (self.matrix.len(), vectors.len());
        for vector in vectors {
            self.matrix.push(vector.as_ref());
        }
        self.places.insert(row, self.documents.len() as u32);
        let document = Document { row, first, count: count as u32, removed: false, sequence: self.sequence };
        self.live += count;
        if let Some(graph) = &mut self.graph {
            let vectors = document.places().map(|place| self.matrix.coded(place));
            // Without a graph the scans answer, until the owner builds another.
            if let Err(error) = graph.insert(row, vectors, self.sequence) {
                tracing::warn!(index = self.definition.name, %error, "the vector graph is dropped");
                self.graph = None;
            }
        }
        self.documents.push(document);
        Ok(())
    }

    /// Takes a row out. Says whether it was there.
    pub fn remove(&mut self, row: i64) -> bool {
        let Some(place) = self.places.remove(&row) else { return false };
        let document = &mut self.documents[place as usize];
        document.removed = true;
        self.live -= document.count as usize;
        self.graph.take_if(|graph| graph.len() > OUTGROWN * self.live + FEW_REMOVED);
        let removed = self.matrix.len() - self.live;
        if self.live == 0 {
            self.clear();
        } else if removed > FEW_REMOVED && removed > self.matrix.len() / MOST_REMOVED {
            self.compact();
        }
        true
    }

    /// Gives everything back: the last document is gone.
    fn clear(&mut self) {
        self.matrix = Matrix::new(&self.definition);
        (self.documents, self.places, self.graph) = Default::default();
    }

    /// Gives back what removed documents take.
    fn compact(&mut self) {
        self.documents.retain(|document| !document.removed);
        self.documents.shrink_to_fit();
        self.places.shrink_to_fit();
        self.matrix.keep(self.documents.iter().flat_map(Document::places));
        let mut first = 0;
        for (place, document) in self.documents.iter_mut().enumerate() {
            document.first = first;
            first += document.count as usize;
            self.places.insert(document.row, place as u32);
        }
    }

    /// Whether a graph would make searches faster than the one there is, if any: then the owner builds one.
    pub fn wants_graph(&self) -> bool {
        let large = self.live * self.matrix.coded_width() > SCAN_BYTES;
        let outdated = |graph: &Graph| {
            let removed = graph.len().saturating_sub(self.live);
            removed > FEW_REMOVED && removed > graph.len() / MOST_REMOVED
        };
        large && self.graph.as_ref().is_none_or(outdated)
    }

    /// Begins a graph. The owner adds what is [missing](Self::missing_from) from it, off the index's thread and again
    /// until that is little, and then [attaches](Self::attach) it.
    ///
    /// # Errors
    /// [`GraphError::Failed`]
    pub fn new_graph(&self) -> Result<Graph, GraphError> {
        Graph::new(&self.definition, self.id)
    }

    /// The documents that a graph lacks: all where it is new. The index need not be held while they are added.
    pub fn missing_from(&self, graph: &Graph) -> Additions {
        let missing = self.documents.iter().filter(|document| !document.removed && document.sequence > graph.sequence);
        Additions {
            matrix: self.matrix.clone(),
            documents: missing.map(|document| (document.row, document.places())).collect(),
            owner: self.id,
            sequence: self.sequence,
        }
    }

    /// Searches by a graph from now on. What it lacks is added first, so let that be little.
    ///
    /// # Errors
    /// [`GraphError`]; then the index has the graph it had.
    pub fn attach(&mut self, mut graph: Graph) -> Result<(), GraphError> {
        let rest = self.missing_from(&graph);
        graph.add(&rest, |_| ControlFlow::Continue(()))?;
        self.graph = Some(graph);
        Ok(())
    }

    /// Goes without a graph from now on, and says which it was.
    pub fn detach(&mut self) -> Option<Graph> {
        self.graph.take()
    }

    /// The documents nearest to a query, in the regime that suits their number.
    pub fn search(&self, query: &VectorQuery, allowed: Allowed<'_>) -> Found {
        let search = Search::new(self, query, allowed);
        let regime = search.regime();
        search.run(regime)
    }

    /// The same in a given regime, to compare them. Where that one cannot answer the query, the next one does.
    pub fn search_by(&self, regime: Regime, query: &VectorQuery, allowed: Allowed<'_>) -> Found {
        Search::new(self, query, allowed).run(regime)
    }
}
