//! One vector index in memory: read from its rows in parts, kept current, and given a graph once it is large.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, PoisonError, RwLock};

use super::error::DatabaseError;
use super::store::{IndexId, RowId, StoredVector};
use super::vector::{Graph, GraphError, MAX_VECTORS_PER_DOCUMENT, ResidentIndex, VectorDefinition};
use super::work::Work;
use crate::thread_starter;

/// Documents whose vectors are read at a time: at most; and at least, if they are as large as they may be.
const LOAD_BATCH: usize = 500;
const SMALLEST_LOAD_BATCH: usize = 16;
/// Bytes of vectors that are read at a time, unless those of the fewest documents are more.
const LOAD_BYTES: usize = 8 << 20;
/// Most changes by other hosts that an index takes in. Beyond, reading all of it in its order is quicker.
const MAX_CHANGES: usize = 50_000;
/// Documents that are added to a graph while searches wait.
const FEW_MISSING: usize = 64;

/// A vector index in memory; a new one has yet to be read.
#[derive(Default)]
pub(super) struct VectorIndex {
    state: RwLock<State>,
    /// Counts up with each search of any index: the least one is the one not searched for longest.
    pub(super) searched: AtomicU64,
    /// What it took when that was last looked at, in bytes. It changes under the lock of all indexes only.
    pub(super) counted: AtomicUsize,
}

enum State {
    /// The rows are being read; these changes came meanwhile.
    Loading(Vec<VectorChange>),
    Ready {
        index: Box<ResidentIndex>,
        /// The latest change of the store that is in it.
        version: u64,
        /// Rows that are in it as of a later change, while others that have changed since are being read.
        ahead: HashMap<RowId, u64>,
        /// Whether a graph is being built.
        building: bool,
    },
    /// It could not be read.
    Failed,
}

/// The vectors that a document has after a change.
#[derive(Clone)]
pub(super) struct VectorChange {
    pub(super) version: u64,
    pub(super) row: RowId,
    pub(super) vectors: Vec<Vec<u8>>,
}

impl Default for State {
    fn default() -> Self {
        Self::Loading(Vec::new())
    }
}

impl VectorIndex {
    /// Looks at the index; `None` if it could not be read.
    pub(super) fn with<T>(&self, look: impl FnOnce(&ResidentIndex) -> T) -> Option<T> {
        match &*self.read() {
            State::Ready { index, .. } => Some(look(index)),
            State::Loading(_) | State::Failed => None,
        }
    }

    /// Whether it could not be read, and never will be.
    pub(super) fn has_failed(&self) -> bool {
        matches!(&*self.read(), State::Failed)
    }

    /// Notes that nobody reads it any more, and says whether it has not been read.
    pub(super) fn give_up(&self) -> bool {
        let mut state = self.write();
        let unread = !matches!(&*state, State::Ready { .. });
        if unread {
            *state = State::Failed;
        }
        unread
    }

    /// Reads the index from its rows.
    pub(super) async fn load(
        &self,
        work: &mut Work,
        id: IndexId,
        definition: &VectorDefinition,
    ) -> Result<(), DatabaseError> {
        let version = work.transaction.version().await?;
        let mut index = Box::new(ResidentIndex::new(definition.clone()));
        let mut after = None;
        let limit = documents_at_once(definition) as u32;
        loop {
            let vectors = work.transaction.vectors(id, after, limit).await?;
            let Some(last) = vectors.last() else { break };
            after = Some(last.row);
            for (row, vectors) in by_row(vectors) {
                index.insert(row, &vectors)?;
            }
            tokio::task::yield_now().await;
        }
        let mut state = self.write();
        let mut latest = version;
        if let State::Loading(changes) = &mut *state {
            for change in changes.drain(..).filter(|change| change.version > version) {
                latest = change.version;
                apply_to(&mut index, &change)?;
            }
        }
        *state = State::Ready { index, version: latest, ahead: HashMap::new(), building: false };
        Ok(())
    }

    /// Takes in what this host and others have changed since, in parts. Says whether it has: after too many changes the
    /// index is to be read anew. One that is given up half-way is the next one's to begin again.
    pub(super) async fn catch_up(
        &self,
        work: &mut Work,
        id: IndexId,
        definition: &VectorDefinition,
    ) -> Result<bool, DatabaseError> {
        let known = match &*self.read() {
            State::Ready { version, .. } => *version,
            State::Loading(_) | State::Failed => return Ok(true),
        };
        let now = work.transaction.version().await?;
        if now <= known {
            return Ok(true);
        }
        let rows = work.transaction.changed_vectors(id, known).await?;
        if rows.len() > MAX_CHANGES {
            return Ok(false);
        }
        for rows in rows.chunks(documents_at_once(definition)) {
            work.yield_now().await;
            let vectors = work.transaction.vectors_of(id, rows).await?;
            if !self.take_in(now, rows, vectors)? {
                return Ok(true);
            }
        }
        if let State::Ready { version, ahead, .. } = &mut *self.write()
            && *version < now
        {
            *version = now;
            ahead.retain(|_, seen| *seen > now);
        }
        Ok(true)
    }

    /// Takes in some rows as they are after a change of the store. Says whether any of that is news: another search, which
    /// began later, may have been faster.
    fn take_in(&self, now: u64, rows: &[RowId], vectors: Vec<StoredVector>) -> Result<bool, DatabaseError> {
        let mut found: HashMap<RowId, Vec<Vec<u8>>> = by_row(vectors).into_iter().collect();
        let mut state = self.write();
        let State::Ready { index, version, ahead, .. } = &mut *state else { return Ok(false) };
        if *version >= now {
            return Ok(false);
        }
        for &row in rows {
            if ahead.get(&row).is_none_or(|seen| *seen < now) {
                let vectors = found.remove(&row).unwrap_or_default();
                apply_to(index, &VectorChange { version: now, row, vectors })?;
                ahead.insert(row, now);
            }
        }
        Ok(true)
    }

    pub(super) fn apply(&self, change: VectorChange) {
        let mut state = self.write();
        match &mut *state {
            State::Loading(changes) => changes.push(change),
            // The rows were read with this change in them.
            State::Ready { version, .. } if change.version <= *version => {}
            State::Ready { index, version, .. } => {
                *version = change.version;
                if let Err(error) = apply_to(index, &change) {
                    tracing::error!(%error, "a vector index in memory is dropped and will be read again");
                    *state = State::Failed;
                }
            }
            State::Failed => {}
        }
    }

    /// Builds a graph beside the index, while it is searched and changed, once there are enough vectors for one.
    pub(super) fn build_graph_if_wanted(self: &Arc<Self>) {
        let graph = match &mut *self.write() {
            State::Ready { index, building, .. } if !*building && index.wants_graph() => {
                let Ok(graph) = index.new_graph() else { return };
                *building = true;
                graph
            }
            _ => return,
        };
        let index = self.clone();
        let build = move || {
            let built = index.build_graph(graph);
            if let Err(error) = built {
                tracing::warn!(%error, "there is no vector graph; searches compare all vectors");
            }
            if let State::Ready { building, .. } = &mut *index.write() {
                *building = false;
            }
        };
        let started = thread_starter::start(std::thread::Builder::new().name("vector-graph".into()), build);
        if let Err(error) = started {
            tracing::warn!(%error, "no thread can be started for a vector graph");
            if let State::Ready { building, .. } = &mut *self.write() {
                *building = false;
            }
        }
    }

    /// Adds to a graph what it lacks, again and again, until that is so little that searches can wait for it.
    fn build_graph(self: &Arc<Self>, mut graph: Graph) -> Result<(), GraphError> {
        // An index that nobody can search any more needs no graph.
        let is_wanted =
            |_| if Arc::strong_count(self) > 1 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        loop {
            let Some(missing) = self.with(|index| index.missing_from(&graph)) else {
                return Err(GraphError::Cancelled);
            };
            if missing.len() <= FEW_MISSING {
                break;
            }
            tracing::info!(documents = missing.len(), "building a vector graph");
            graph.add(&missing, is_wanted)?;
        }
        if let State::Ready { index, .. } = &mut *self.write() {
            index.attach(graph)?;
            tracing::info!(documents = index.len(), "the vector graph is ready");
        }
        Ok(())
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn apply_to(index: &mut ResidentIndex, change: &VectorChange) -> Result<(), DatabaseError> {
    if change.vectors.is_empty() {
        index.remove(change.row);
        return Ok(());
    }
    index.insert(change.row, &change.vectors)
}

/// How many documents' vectors are read at a time: few where a document may have many.
pub(super) fn documents_at_once(definition: &VectorDefinition) -> usize {
    let vectors = if definition.multi_vector { MAX_VECTORS_PER_DOCUMENT } else { 1 };
    (LOAD_BYTES / (vectors * definition.stored_bytes())).clamp(SMALLEST_LOAD_BATCH, LOAD_BATCH)
}

/// Vectors by document, in the order in which they came.
pub(super) fn by_row(vectors: Vec<StoredVector>) -> Vec<(RowId, Vec<Vec<u8>>)> {
    let mut rows: Vec<(RowId, Vec<Vec<u8>>)> = Vec::new();
    for StoredVector { row, bytes, .. } in vectors {
        match rows.last_mut() {
            Some((last, vectors)) if *last == row => vectors.push(bytes),
            _ => rows.push((row, vec![bytes])),
        }
    }
    rows
}
