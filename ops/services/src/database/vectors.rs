//! The vector indexes that are in memory: made from the rows when first searched, and kept current by every commit.
//!
//! The rows are the truth. What is here can be dropped at any time, and is when memory runs short: the index that was
//! not searched for longest goes first.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use super::error::DatabaseError;
use super::store::{IndexId, RowId, StoredVector};
use super::vector::{Graph, GraphError, MAX_VECTORS_PER_DOCUMENT, ResidentIndex, VectorDefinition};
use super::work::{Change, Work};
use crate::gate::Scope;
use crate::thread_starter;

/// Documents whose vectors are read at a time: at most; and at least, if they are as large as they may be.
const LOAD_BATCH: usize = 500;
const SMALLEST_LOAD_BATCH: usize = 16;
/// Bytes of vectors that are read at a time, unless those of the fewest documents are more.
const LOAD_BYTES: usize = 8 << 20;
/// Documents that are added to a graph while searches wait.
const FEW_MISSING: usize = 64;
/// How often one that waits for another's load looks whether it is done.
const POLL: Duration = Duration::from_millis(2);

type Name = (Arc<str>, Arc<str>, IndexId);

/// All vector indexes in memory.
pub(super) struct VectorIndexes {
    /// Most bytes they may take together.
    memory: usize,
    loaded: Mutex<Loaded>,
}

#[derive(Default)]
struct Loaded {
    indexes: HashMap<Name, Arc<VectorIndex>>,
    /// What they take together, in bytes.
    bytes: usize,
    searches: u64,
}

/// A vector index in memory; a new one has yet to be read.
#[derive(Default)]
pub(super) struct VectorIndex {
    state: RwLock<State>,
    /// Counts up with each search of any index: the least one is the one not searched for longest.
    searched: AtomicU64,
    /// What it took when that was last looked at, in bytes. It changes under the lock of all indexes only.
    counted: AtomicUsize,
}

enum State {
    /// The rows are being read; these changes came meanwhile.
    Loading(Vec<VectorChange>),
    Ready {
        index: Box<ResidentIndex>,
        /// The latest change of the store that is in it.
        version: u64,
        /// Whether a graph is being built.
        building: bool,
    },
    /// It could not be read.
    Failed,
}

#[derive(Clone)]
struct VectorChange {
    version: u64,
    row: RowId,
    vectors: Vec<Vec<u8>>,
}

impl VectorIndexes {
    pub(super) fn new(memory: usize) -> Self {
        Self { memory, loaded: Mutex::default() }
    }

    /// The index, read from the rows if it is not in memory. `shared` says that other hosts may have changed the rows.
    pub(super) async fn get(
        &self,
        scope: &Scope<'_>,
        work: &mut Work,
        id: IndexId,
        definition: &VectorDefinition,
        shared: bool,
    ) -> Result<Arc<VectorIndex>, DatabaseError> {
        let name = (scope.tenant().clone(), scope.app().clone(), id);
        let index = loop {
            let (index, loading) = self.claim(&name);
            if let Some(loading) = loading {
                index.load(work, id, definition).await?;
                drop(loading);
                break index;
            }
            if index.with(|_| ()).is_some() {
                break index;
            }
            if matches!(&*index.read(), State::Failed) {
                self.remove(&name, &index);
            } else {
                tokio::time::sleep(POLL).await;
            }
        };
        if shared {
            index.catch_up(work, id).await?;
        }
        // Reading it may have taken long: it is not the one that was not searched for longest.
        self.lock().searched(&index);
        self.count(&name, &index);
        index.build_graph_if_wanted();
        Ok(index)
    }

    /// Applies what a transaction has changed. Called after its commit, in commit order.
    pub(super) fn apply(&self, tenant: &Arc<str>, app: &Arc<str>, changes: &[Change]) {
        for change in changes {
            for (id, vectors) in &change.vectors {
                let name = (tenant.clone(), app.clone(), *id);
                let index = self.lock().indexes.get(&name).cloned();
                if let Some(index) = index {
                    let change = VectorChange { version: change.version, row: change.row, vectors: vectors.clone() };
                    index.apply(change);
                    self.count(&name, &index);
                }
            }
        }
    }

    /// Drops an index from memory.
    pub(super) fn forget(&self, scope: &Scope<'_>, id: IndexId) {
        self.lock().remove(&(scope.tenant().clone(), scope.app().clone(), id));
    }

    /// What all of them take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// The index of this name, and the duty to read it where it is new.
    fn claim(&self, name: &Name) -> (Arc<VectorIndex>, Option<Loading<'_>>) {
        let mut loaded = self.lock();
        if let Some(index) = loaded.indexes.get(name).cloned() {
            loaded.searched(&index);
            return (index, None);
        }
        let index = Arc::<VectorIndex>::default();
        loaded.indexes.insert(name.clone(), index.clone());
        let loading = Loading { indexes: self, name: name.clone(), index: index.clone() };
        (index, Some(loading))
    }

    /// Drops an index from memory, unless another one has taken its place.
    fn remove(&self, name: &Name, index: &Arc<VectorIndex>) {
        let mut loaded = self.lock();
        if loaded.has(name, index) {
            loaded.remove(name);
        }
    }

    /// Looks how large an index is by now, and drops indexes until the rest fits, or one is left. One that is being read
    /// takes nothing yet, and stays.
    fn count(&self, name: &Name, index: &Arc<VectorIndex>) {
        let bytes = index.with(ResidentIndex::bytes).unwrap_or_default();
        let mut loaded = self.lock();
        if loaded.has(name, index) {
            loaded.bytes = loaded.bytes + bytes - index.counted.swap(bytes, Relaxed);
        }
        while loaded.bytes > self.memory {
            let counted = loaded.indexes.iter().filter(|(_, index)| index.counted.load(Relaxed) > 0);
            if counted.clone().count() <= 1 {
                return;
            }
            let oldest = counted.min_by_key(|(_, index)| index.searched.load(Relaxed));
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else { return };
            loaded.remove(&oldest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Loaded {
    /// Notes a search of an index.
    fn searched(&mut self, index: &VectorIndex) {
        self.searches += 1;
        index.searched.store(self.searches, Relaxed);
    }

    fn has(&self, name: &Name, index: &Arc<VectorIndex>) -> bool {
        self.indexes.get(name).is_some_and(|known| Arc::ptr_eq(known, index))
    }

    fn remove(&mut self, name: &Name) {
        if let Some(index) = self.indexes.remove(name) {
            self.bytes -= index.counted.swap(0, Relaxed);
        }
    }
}

/// One's duty to read an index from its rows. Where that fails or is given up, whoever waits takes over.
struct Loading<'i> {
    indexes: &'i VectorIndexes,
    name: Name,
    index: Arc<VectorIndex>,
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        if self.index.with(|_| ()).is_none() {
            *self.index.write() = State::Failed;
            self.indexes.remove(&self.name, &self.index);
        }
    }
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

    async fn load(&self, work: &mut Work, id: IndexId, definition: &VectorDefinition) -> Result<(), DatabaseError> {
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
        *state = State::Ready { index, version: latest, building: false };
        Ok(())
    }

    /// Takes in what this host and others have changed since.
    async fn catch_up(&self, work: &mut Work, id: IndexId) -> Result<(), DatabaseError> {
        let known = match &*self.read() {
            State::Ready { version, .. } => *version,
            State::Loading(_) | State::Failed => return Ok(()),
        };
        let now = work.transaction.version().await?;
        let rows = work.transaction.changed_vectors(id, known).await?;
        let vectors = work.transaction.vectors_of(id, &rows).await?;
        let mut found: HashMap<RowId, Vec<Vec<u8>>> = by_row(vectors).into_iter().collect();
        match &mut *self.write() {
            // Another search, which began later, was faster: it has taken in newer vectors.
            State::Ready { index, version, .. } if *version < now => {
                for row in rows {
                    let vectors = found.remove(&row).unwrap_or_default();
                    apply_to(index, &VectorChange { version: now, row, vectors })?;
                }
                *version = now;
            }
            State::Ready { .. } | State::Loading(_) | State::Failed => {}
        }
        Ok(())
    }

    fn apply(&self, change: VectorChange) {
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
    fn build_graph_if_wanted(self: &Arc<Self>) {
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
