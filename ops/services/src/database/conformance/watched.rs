//! A store that tells what it was asked for. It can also be made to answer as others may: slowly, as one of several hosts'
//! stores, as one that searches by itself, and with a catalog that another host has changed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::Mutex as AsyncMutex;

use crate::database::index::Index;
use crate::database::store::*;
use crate::database::vector::decode;
use crate::gate::Scope;

/// A store that is watched.
pub(super) struct Watched {
    store: Arc<dyn DocumentStore>,
    watch: Arc<Watch>,
}

/// What was asked of a store, and what is different about it.
#[derive(Default)]
pub(super) struct Watch {
    /// The most rows whose documents were asked for at once, and all of them.
    pub(super) rows_at_once: AtomicUsize,
    pub(super) rows: AtomicUsize,
    /// The most rows whose vectors were asked for at once.
    pub(super) vectors_at_once: AtomicUsize,
    /// Reads of vectors by their rows until one fails; 0 is none.
    pub(super) failing: AtomicUsize,
    /// How often an index was read from the beginning.
    pub(super) loads: AtomicUsize,
    /// Transactions that may change something.
    pub(super) writers: AtomicUsize,
    /// Whether the next one who does so waits for the gate.
    pub(super) next_waits: AtomicBool,
    /// Whether the next reader does, once its snapshot is taken.
    pub(super) next_reader_waits: AtomicBool,
    pub(super) gate: AsyncMutex<()>,
    /// Whether it searches by itself, vectors of `float32` by `l2`.
    pub(super) searches: AtomicBool,
    /// What readers are told of a collection until one of them asks whether that still holds.
    pub(super) outdated: Mutex<Option<Arc<Collection>>>,
    /// Whether it has other hosts, and rows that they have changed besides those that are known to have changed.
    pub(super) shared: AtomicBool,
    pub(super) changed_by_others: Mutex<Vec<RowId>>,
    changed: Mutex<Vec<(IndexId, RowId, u64)>>,
}

impl Watched {
    /// The store, and what will be asked of it.
    pub(super) fn over(store: Arc<dyn DocumentStore>) -> (Arc<dyn DocumentStore>, Arc<Watch>) {
        let watch = Arc::new(Watch::default());
        (Arc::new(Self { store, watch: watch.clone() }), watch)
    }
}

#[async_trait]
impl DocumentStore for Watched {
    async fn begin(&self, scope: &Scope<'_>, mode: Mode) -> Outcome<Box<dyn Transaction>> {
        self.watch.writers.fetch_add(usize::from(mode != Mode::Read), Relaxed);
        let (inner, watch, shared) = (self.store.begin(scope, mode).await?, self.watch.clone(), self.store.shared());
        Ok(Box::new(WatchedTransaction { inner, watch, shared, reads: mode == Mode::Read, told: false }))
    }

    async fn apps(&self) -> Outcome<Vec<(Arc<str>, Arc<str>)>> {
        self.store.apps().await
    }

    fn shared(&self) -> bool {
        self.store.shared() || self.watch.shared.load(Relaxed)
    }

    fn is_remote(&self) -> bool {
        self.store.is_remote()
    }

    async fn cursor_secret(&self) -> Outcome<[u8; 32]> {
        self.store.cursor_secret().await
    }

    async fn close(&self) -> Outcome<()> {
        self.store.close().await
    }
}

struct WatchedTransaction {
    inner: Box<dyn Transaction>,
    watch: Arc<Watch>,
    /// Whether the store knows itself what has changed.
    shared: bool,
    reads: bool,
    /// Whether it was told what is outdated.
    told: bool,
}

#[async_trait]
impl Transaction for WatchedTransaction {
    async fn collection(&mut self, name: &str) -> Outcome<Option<Arc<Collection>>> {
        if self.reads && self.watch.next_reader_waits.load(Relaxed) {
            self.inner.version().await?;
            self.watch.next_reader_waits.store(false, Relaxed);
            let _open = self.watch.gate.lock().await;
        }
        let outdated = self.watch.outdated.lock().unwrap().clone();
        match outdated.filter(|collection| self.reads && *collection.name == *name) {
            None => self.inner.collection(name).await,
            outdated => {
                self.told = true;
                Ok(outdated)
            }
        }
    }

    async fn by_rows(&mut self, collection: CollectionId, rows: &[RowId]) -> Outcome<Vec<StoredDocument>> {
        self.watch.rows_at_once.fetch_max(rows.len(), Relaxed);
        self.watch.rows.fetch_add(rows.len(), Relaxed);
        self.inner.by_rows(collection, rows).await
    }

    async fn put_vectors(&mut self, index: IndexId, row: RowId, vectors: &[Vec<u8>]) -> Outcome<()> {
        // The change may have its version yet to come.
        let version = self.inner.version().await? + 1;
        self.watch.changed.lock().unwrap().push((index, row, version));
        self.inner.put_vectors(index, row, vectors).await
    }

    async fn vectors(&mut self, index: IndexId, after: Option<RowId>, limit: u32) -> Outcome<Vec<StoredVector>> {
        if after.is_none() {
            self.watch.loads.fetch_add(1, Relaxed);
            if self.watch.next_waits.swap(false, Relaxed) {
                let _open = self.watch.gate.lock().await;
            }
        }
        self.inner.vectors(index, after, limit).await
    }

    async fn vectors_of(&mut self, index: IndexId, rows: &[RowId]) -> Outcome<Vec<StoredVector>> {
        self.watch.vectors_at_once.fetch_max(rows.len(), Relaxed);
        if self.watch.failing.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)) == Ok(1) {
            return Err(StoreError::Unavailable("a test wants that".into()).into());
        }
        self.inner.vectors_of(index, rows).await
    }

    async fn changed_vectors(&mut self, index: IndexId, since: u64) -> Outcome<Vec<RowId>> {
        let mut rows = match self.shared {
            true => self.inner.changed_vectors(index, since).await?,
            false => {
                let changed = self.watch.changed.lock().unwrap();
                changed.iter().filter(|change| change.0 == index && change.2 > since).map(|change| change.1).collect()
            }
        };
        rows.extend_from_slice(&self.watch.changed_by_others.lock().unwrap());
        rows.sort_unstable();
        rows.dedup();
        Ok(rows)
    }

    async fn can_search(&mut self, _index: IndexId) -> Outcome<bool> {
        Ok(self.watch.searches.load(Relaxed))
    }

    async fn nearest(
        &mut self,
        index: IndexId,
        vector: &[f32],
        among: Option<&[RowId]>,
        limit: u32,
    ) -> Outcome<Vec<RowId>> {
        let collections = self.inner.collections().await?;
        let record = collections.iter().flat_map(|found| &found.indexes).find(|record| record.id == index).unwrap();
        let Index::Vector(definition) = &record.index else { panic!("{index} is no vector index") };
        let stored = self.inner.vectors(index, None, u32::MAX).await?;
        let distance = |stored: &StoredVector| {
            let stored = decode(definition, &stored.bytes).unwrap();
            stored.iter().zip(vector).map(|(one, other)| (one - other).powi(2)).sum::<f32>()
        };
        let allowed = stored.iter().filter(|stored| among.is_none_or(|rows| rows.contains(&stored.row)));
        let mut found: Vec<(f32, RowId)> = allowed.map(|stored| (distance(stored), stored.row)).collect();
        found.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        Ok(found.into_iter().take(limit as usize).map(|found| found.1).collect())
    }

    async fn commit(self: Box<Self>, on_commit: OnCommit) -> Outcome<()> {
        if self.told && self.watch.outdated.lock().unwrap().take().is_some() {
            self.inner.rollback().await?;
            return Err(Failure::Conflict);
        }
        self.inner.commit(on_commit).await
    }

    async fn rollback(self: Box<Self>) -> Outcome<()> {
        self.inner.rollback().await
    }

    // The rest is as it is.

    async fn create_collection(&mut self, name: &str) -> Outcome<Arc<Collection>> {
        self.inner.create_collection(name).await
    }

    async fn mark_own_ids(&mut self, collection: CollectionId) -> Outcome<()> {
        self.inner.mark_own_ids(collection).await
    }

    async fn collections(&mut self) -> Outcome<Vec<Arc<Collection>>> {
        self.inner.collections().await
    }

    async fn create_index(&mut self, collection: CollectionId, index: &Index, state: IndexState) -> Outcome<IndexId> {
        self.inner.create_index(collection, index, state).await
    }

    async fn update_index(&mut self, record: &IndexRecord) -> Outcome<()> {
        self.inner.update_index(record).await
    }

    async fn drop_index(&mut self, index: IndexId) -> Outcome<()> {
        self.inner.drop_index(index).await
    }

    async fn by_id(&mut self, collection: CollectionId, id: &[u8]) -> Outcome<Option<StoredDocument>> {
        self.inner.by_id(collection, id).await
    }

    async fn scan(&mut self, scan: &Scan<'_>) -> Outcome<ScannedPart> {
        self.inner.scan(scan).await
    }

    async fn count(&mut self, collection: CollectionId) -> Outcome<u64> {
        self.inner.count(collection).await
    }

    async fn insert(&mut self, collection: CollectionId, id: &[u8], json: &str) -> Outcome<(RowId, u64)> {
        self.inner.insert(collection, id, json).await
    }

    async fn replace(&mut self, collection: CollectionId, row: RowId, json: &str) -> Outcome<u64> {
        self.inner.replace(collection, row, json).await
    }

    async fn delete(&mut self, collection: CollectionId, row: RowId) -> Outcome<u64> {
        self.inner.delete(collection, row).await
    }

    async fn add_entries(&mut self, index: IndexId, unique: bool, row: RowId, keys: &[Vec<u8>]) -> Outcome<()> {
        self.inner.add_entries(index, unique, row, keys).await
    }

    async fn remove_entries(&mut self, index: IndexId, row: RowId, keys: &[Vec<u8>]) -> Outcome<()> {
        self.inner.remove_entries(index, row, keys).await
    }

    async fn entries(
        &mut self,
        index: IndexId,
        after: Option<&Position>,
        limit: u32,
    ) -> Outcome<Vec<(Vec<u8>, RowId)>> {
        self.inner.entries(index, after, limit).await
    }

    async fn strays(&mut self, index: IndexId) -> Outcome<u64> {
        self.inner.strays(index).await
    }

    async fn bytes(&mut self) -> Outcome<u64> {
        self.inner.bytes().await
    }

    async fn version(&mut self) -> Outcome<u64> {
        self.inner.version().await
    }
}
