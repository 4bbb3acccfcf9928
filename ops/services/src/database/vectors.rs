//! The vector indexes that are in memory: made from the rows when first searched, and kept current by every commit.
//!
//! The rows are the truth. What is here can be dropped at any time, and is when memory runs short: the index that was
//! not searched for longest goes first.

use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::DatabaseError;
use super::store::IndexId;
use super::vector::{ResidentIndex, VectorDefinition};
use super::vector_index::{VectorChange, VectorIndex};
use super::work::{Change, Work};
use crate::gate::Scope;

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
    /// The latest change of each that was ever changed, in memory or not.
    changed: HashMap<Name, u64>,
    /// What they take together, in bytes.
    bytes: usize,
    searches: u64,
}

impl VectorIndexes {
    pub(super) fn new(memory: usize) -> Self {
        Self { memory, loaded: Mutex::default() }
    }

    /// The index as the transaction sees it, or newer. `shared` says that other hosts may have changed the rows.
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
            let index = self.read(&name, work, (id, definition), shared).await?;
            if !shared || index.catch_up(work, id, definition).await? {
                break index;
            }
            self.remove(&name, &index);
        };
        // Reading it may have taken long: it is not the one that was not searched for longest.
        self.lock().searched(&index);
        self.count(&name, &index);
        index.build_graph_if_wanted();
        Ok(index)
    }

    /// The index, read from the rows if it is not in memory.
    async fn read(
        &self,
        name: &Name,
        work: &mut Work,
        (id, definition): (IndexId, &VectorDefinition),
        shared: bool,
    ) -> Result<Arc<VectorIndex>, DatabaseError> {
        loop {
            let (index, loading) = self.claim(name);
            if let Some(Loading { changed, .. }) = &loading {
                // Whoever claims it is told of changes from then on. What came before, and after this transaction began, nobody
                // would ever add. What others share is caught up with at each search.
                if !shared && work.transaction.version().await? < *changed {
                    return Err(DatabaseError::TransactionConflict);
                }
                index.load(work, id, definition).await?;
                return Ok(index);
            }
            if index.with(|_| ()).is_some() {
                return Ok(index);
            }
            if index.has_failed() {
                self.remove(name, &index);
            } else {
                tokio::time::sleep(POLL).await;
            }
        }
    }

    /// Applies what a transaction has changed. Called after its commit, in commit order.
    pub(super) fn apply(&self, tenant: &Arc<str>, app: &Arc<str>, changes: &[Change]) {
        for change in changes {
            for (id, vectors) in &change.vectors {
                let name = (tenant.clone(), app.clone(), *id);
                let mut loaded = self.lock();
                let index = loaded.indexes.get(&name).cloned();
                loaded.changed.insert(name.clone(), change.version);
                drop(loaded);
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
        let name = (scope.tenant().clone(), scope.app().clone(), id);
        let mut loaded = self.lock();
        loaded.remove(&name);
        loaded.changed.remove(&name);
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
        let changed = loaded.changed.get(name).copied().unwrap_or_default();
        let loading = Loading { indexes: self, name: name.clone(), index: index.clone(), changed };
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
    /// The latest change of it when this began.
    changed: u64,
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        if self.index.give_up() {
            self.indexes.remove(&self.name, &self.index);
        }
    }
}
