//! What the database asks of a back end: documents by row and by id, ordered index entries, vectors, and transactions
//! over them. A store knows nothing of filters, operators or how keys are encoded; it checks no limits, decides no
//! access and reads no clock.
//!
//! A store hands out [`Transaction`]s. Everything a transaction reads is one consistent state, with its own changes; a
//! write transaction is serializable with all others. Dropping one that has not been committed undoes it.

use std::sync::Arc;

use async_trait::async_trait;

use super::guard::Guard;
use super::index::Index;
use crate::gate::Scope;
pub use crate::kv::store::StoreError;

/// Names a collection within its app. Never used again once the collection is gone.
pub type CollectionId = i64;
/// Names an index within its app. Never used again once the index is gone.
pub type IndexId = i64;
/// Names a document within its collection, in the order in which documents were inserted.
pub type RowId = i64;

/// Whether a transaction may change anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It only reads, and never waits for those who write.
    Read,
    /// It may change documents and indexes, and ends soon: others' changes may become durable together with it.
    Write,
    /// The same, but it stays open while an app's code runs: nobody's earlier changes wait for it to become durable.
    Interactive,
}

/// A collection and what is known of it within a transaction.
#[derive(Clone, Debug)]
pub struct Collection {
    /// Its id.
    pub id: CollectionId,
    /// Its name.
    pub name: Arc<str>,
    /// Whether a document in it has ever had a field `id` of its own.
    pub own_ids: bool,
    /// Its indexes, those that are being built included.
    pub indexes: Vec<Arc<IndexRecord>>,
}

/// An index as the catalog keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexRecord {
    /// Its id.
    pub id: IndexId,
    /// What it indexes.
    pub index: Index,
    /// How far it has been built.
    pub state: IndexState,
    /// Bit n is set once the n-th key field has held an array, or lain within one, in some document.
    pub multikey: u32,
    /// Set once an entry was too long to be kept whole. The order of entries is then not that of the documents.
    pub truncated: bool,
}

/// How far an index has been built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexState {
    /// Writes keep it; documents with a row up to `done` are in it. Nothing reads it yet.
    Building {
        /// The last row that is in the index already.
        done: RowId,
    },
    /// It holds all documents.
    Ready,
}

/// A document as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredDocument {
    /// Its row.
    pub row: RowId,
    /// The version of its latest change.
    pub version: u64,
    /// The document as JSON, with its `_id`, its fields in their order.
    pub json: String,
}

/// A document that a scan came across.
#[derive(Clone, Debug)]
pub struct Scanned {
    /// The index entry that led to it; empty in a scan of the collection.
    pub key: Vec<u8>,
    /// The document.
    pub document: StoredDocument,
}

/// Index keys in byte order, from `from` up to but not including `until`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeySpan {
    /// The first key in it.
    pub from: Vec<u8>,
    /// The first key beyond it; `None` is open.
    pub until: Option<Vec<u8>>,
}

/// Where a scan reads.
#[derive(Clone, Debug)]
pub enum Access<'a> {
    /// All documents by row, ascending.
    Collection,
    /// The entries of an index within spans that do not overlap, in the order of the spans, and within one by key and row.
    Index {
        /// The index; `None` is the one every collection has, of the encoded `_id`s.
        index: Option<IndexId>,
        /// The spans, in the order in which they are read: descending where `reverse` is set.
        spans: &'a [KeySpan],
        /// Whether to read each span backwards.
        reverse: bool,
    },
}

/// Where an earlier part of a scan ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The key of the last entry that was looked at; empty in a scan of the collection.
    pub key: Vec<u8>,
    /// The row of the last document that was looked at.
    pub row: RowId,
}

/// One part of a scan.
#[derive(Clone, Debug)]
pub struct Scan<'a> {
    /// What is read.
    pub collection: CollectionId,
    /// In which order.
    pub access: Access<'a>,
    /// Reading goes on after this.
    pub after: Option<Position>,
    /// Conditions that each wanted document meets. A store may leave out documents that do not meet them; it need not.
    pub guards: &'a [Guard],
    /// Most documents to return; see [`PART_BYTES`] as well.
    pub limit: u32,
}

/// A part of a scan for many documents ends with the one with which it comes to so many bytes of JSON: 8 MiB. Large ones
/// are not held by the hundred.
pub const PART_BYTES: usize = 8 << 20;

/// What a part of a scan found.
#[derive(Clone, Debug, Default)]
pub struct ScannedPart {
    /// The documents, in order.
    pub documents: Vec<Scanned>,
    /// Documents or entries the store looked at, as far as it can tell; at least those returned.
    pub examined: u64,
    /// Where the next part goes on; `None` at the end. A part may be empty and yet not the last.
    pub next: Option<Position>,
}

/// A vector as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredVector {
    /// The document it belongs to.
    pub row: RowId,
    /// Its place among the vectors of its document.
    pub ordinal: u32,
    /// The vector, as the index's definition encodes it.
    pub bytes: Vec<u8>,
}

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Failure {
    /// Another transaction was in the way; the whole transaction can be tried again.
    #[error("another transaction was in the way")]
    Conflict,
    /// A transaction did not get its turn in time: another one of the app is still open, or those of other apps have all
    /// connections.
    #[error("other transactions have been open for too long")]
    Busy,
    /// A document with this `_id` is there already.
    #[error("the _id is taken")]
    IdTaken,
    /// A unique index holds this key already, for another document.
    #[error("a unique index holds the key already")]
    KeyTaken,
    /// The store itself failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The outcome of a store's work.
pub type Outcome<T> = Result<T, Failure>;

/// What happens once a transaction is durable: called once, in commit order, before the writer learns of it.
pub type OnCommit = Box<dyn FnOnce() + Send>;

/// A back end of the database.
#[async_trait]
pub trait DocumentStore: Send + Sync + 'static {
    /// Opens a transaction on an app's data. A write transaction waits for its turn.
    async fn begin(&self, scope: &Scope<'_>, mode: Mode) -> Outcome<Box<dyn Transaction>>;

    /// The apps (tenant, app) that have data here.
    async fn apps(&self) -> Outcome<Vec<(Arc<str>, Arc<str>)>>;

    /// Whether other processes write to the same data.
    fn shared(&self) -> bool;

    /// Whether statements wait for another process. Those of transactions that write are then driven by the host, to their end; a
    /// store where they do not wait runs each call of such a [`Transaction`] but its commit at once.
    fn is_remote(&self) -> bool;

    /// A secret made when the store was created, the same ever since, that nobody outside the host can know.
    async fn cursor_secret(&self) -> Outcome<[u8; 32]>;

    /// Lets go of all resources once those at work have finished. Later calls fail.
    async fn close(&self) -> Outcome<()>;
}

/// A consistent view of one app's documents, and changes to them that become durable together.
///
/// After a failure other than [`Failure::IdTaken`] and [`Failure::KeyTaken`], which may leave earlier changes of the
/// transaction in place or not, the transaction must be rolled back.
#[async_trait]
pub trait Transaction: Send {
    /// The collection of this name, if there is one. A reader may be told of one that others have changed since; then its
    /// commit, if nothing before, fails with [`Failure::Conflict`].
    async fn collection(&mut self, name: &str) -> Outcome<Option<Arc<Collection>>>;

    /// The collection of this name, created if need be.
    async fn create_collection(&mut self, name: &str) -> Outcome<Arc<Collection>>;

    /// Sets [`Collection::own_ids`], for good.
    async fn mark_own_ids(&mut self, collection: CollectionId) -> Outcome<()>;

    /// All collections, by name.
    async fn collections(&mut self) -> Outcome<Vec<Arc<Collection>>>;

    /// Puts an index into the catalog of a collection; it has no entries yet.
    async fn create_index(&mut self, collection: CollectionId, index: &Index, state: IndexState) -> Outcome<IndexId>;

    /// Changes what the catalog says of an index: its state, and what kinds of entry it has come to hold.
    async fn update_index(&mut self, record: &IndexRecord) -> Outcome<()>;

    /// Removes an index with all its entries or vectors.
    async fn drop_index(&mut self, index: IndexId) -> Outcome<()>;

    /// The document with an encoded `_id`.
    async fn by_id(&mut self, collection: CollectionId, id: &[u8]) -> Outcome<Option<StoredDocument>>;

    /// The documents in these rows that are there, in any order.
    async fn by_rows(&mut self, collection: CollectionId, rows: &[RowId]) -> Outcome<Vec<StoredDocument>>;

    /// Reads a part of a collection or of an index.
    async fn scan(&mut self, scan: &Scan<'_>) -> Outcome<ScannedPart>;

    /// How many documents a collection holds. Reads all of them.
    async fn count(&mut self, collection: CollectionId) -> Outcome<u64>;

    /// Stores a new document. Says its row and version. [`Failure::IdTaken`] leaves the transaction usable.
    async fn insert(&mut self, collection: CollectionId, id: &[u8], json: &str) -> Outcome<(RowId, u64)>;

    /// Stores a document in place of the one in its row, with the same `_id`. Says its version.
    async fn replace(&mut self, collection: CollectionId, row: RowId, json: &str) -> Outcome<u64>;

    /// Removes a document. Says the version of its removal.
    async fn delete(&mut self, collection: CollectionId, row: RowId) -> Outcome<u64>;

    /// Adds entries of a document to an index; those that are there already stay. With `unique`, a key that another
    /// document has is [`Failure::KeyTaken`], which adds none.
    async fn add_entries(&mut self, index: IndexId, unique: bool, row: RowId, keys: &[Vec<u8>]) -> Outcome<()>;

    /// Takes entries of a document out of an index.
    async fn remove_entries(&mut self, index: IndexId, row: RowId, keys: &[Vec<u8>]) -> Outcome<()>;

    /// Entries (key, row) of an index after a position, in order, at most `limit`: for the checker.
    async fn entries(&mut self, index: IndexId, after: Option<&Position>, limit: u32)
    -> Outcome<Vec<(Vec<u8>, RowId)>>;

    /// Keeps the vectors of a document in place of those it had.
    async fn put_vectors(&mut self, index: IndexId, row: RowId, vectors: &[Vec<u8>]) -> Outcome<()>;

    /// Vectors of an index with a row greater than `after`, by row and ordinal: those of at most `limit` documents.
    async fn vectors(&mut self, index: IndexId, after: Option<RowId>, limit: u32) -> Outcome<Vec<StoredVector>>;

    /// The vectors of some documents, by row and ordinal.
    async fn vectors_of(&mut self, index: IndexId, rows: &[RowId]) -> Outcome<Vec<StoredVector>>;

    /// The rows whose vectors in an index have changed after a version, also those that have none any more. Only a store
    /// that is [shared](DocumentStore::shared) is asked.
    async fn changed_vectors(&mut self, index: IndexId, since: u64) -> Outcome<Vec<RowId>>;

    /// Whether the store itself can find the nearest vectors of an index.
    async fn can_search(&mut self, _index: IndexId) -> Outcome<bool> {
        Ok(false)
    }

    /// How many vectors are only in what the store searches, or only in what it keeps: for the checker.
    async fn strays(&mut self, _index: IndexId) -> Outcome<u64> {
        Ok(0)
    }

    /// The rows of the `limit` vectors that are nearest to one, by the index's own metric: of all documents, about; or
    /// exactly, among those of some rows. A row comes as often as it has such vectors. There are fewer only where there
    /// are no more. Only asked of a store that [can search](Self::can_search), with a vector of the index's length.
    async fn nearest(
        &mut self,
        _index: IndexId,
        _vector: &[f32],
        _among: Option<&[RowId]>,
        _limit: u32,
    ) -> Outcome<Vec<RowId>> {
        Err(StoreError::Unavailable("this store does not search".into()).into())
    }

    /// Bytes that the app's documents and indexes take, about.
    async fn bytes(&mut self) -> Outcome<u64>;

    /// The version of the latest change that this transaction can see, or of one shortly before it. Changes that it cannot see
    /// have higher ones.
    async fn version(&mut self) -> Outcome<u64>;

    /// Makes all changes durable, calls `on_commit`, and returns.
    async fn commit(self: Box<Self>, on_commit: OnCommit) -> Outcome<()>;

    /// Undoes all changes.
    async fn rollback(self: Box<Self>) -> Outcome<()>;
}
