//! Changes to documents: each with its index entries, its vectors and its event, all in one transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::document::check_document;
use super::error::DatabaseError;
use super::index::{DocumentIndex, Entries, Index};
use super::key;
use super::limits::MAX_ID_BYTES;
use super::store::{Collection, Failure, IndexId, IndexRecord, RowId, StoredDocument};
use super::value::{Object, Value};
use super::vector::{self, VectorDefinition};
use super::work::{Change, Work, id_text};
use crate::clock::UnixMillis;
use crate::event::DocumentChange;

/// A collection whose documents are being changed.
pub(super) struct Changes<'w> {
    pub(super) work: &'w mut Work,
    pub(super) collection: Arc<Collection>,
}

/// A document as it is stored, and what is in it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) stored: StoredDocument,
    pub(super) object: Object,
}

impl Changes<'_> {
    /// Stores a new document, with an `_id` of ours if it has none. Says its `_id`.
    pub(super) async fn insert(&mut self, mut object: Object) -> Result<Value, DatabaseError> {
        let id = match object.get("_id") {
            Some(id) => id.clone(),
            None => Value::String(new_id(self.work.now)),
        };
        if object.iter().next().is_none_or(|(first, _)| first != "_id") {
            object.insert_first("_id", id.clone());
        }
        check_document(&object)?;
        let encoded = encoded_id(&id)?;
        self.store(&id, &encoded, object.to_json(), &object).await?;
        Ok(id)
    }

    /// Stores a document that nobody has under its `_id`, given as JSON and as what that says.
    pub(super) async fn store(
        &mut self,
        id: &Value,
        encoded: &[u8],
        json: String,
        object: &Object,
    ) -> Result<(), DatabaseError> {
        self.note_own_id(object).await?;
        let (row, version) = match self.work.transaction.insert(self.collection.id, encoded, &json).await {
            Err(Failure::IdTaken) => {
                return Err(DatabaseError::DuplicateKey { index: "_id".into(), key: id.to_json() });
            }
            inserted => inserted?,
        };
        let vectors = self.index(row, None, Some(object)).await?;
        let document = DocumentChange { before: None, after: Some(json.into()) };
        self.record(id, version, document, row, vectors)
    }

    /// Stores a document in place of a known one, with the same `_id`.
    pub(super) async fn replace(&mut self, known: &Known, mut object: Object) -> Result<(), DatabaseError> {
        let id = known.object.get("_id").cloned().unwrap_or(Value::Null);
        if object.get("_id") != Some(&id) || object.iter().next().is_none_or(|(first, _)| first != "_id") {
            object.insert_first("_id", id.clone());
        }
        check_document(&object)?;
        self.note_own_id(&object).await?;
        let json = object.to_json();
        let row = known.stored.row;
        let version = self.work.transaction.replace(self.collection.id, row, &json).await?;
        let vectors = self.index(row, Some(&known.object), Some(&object)).await?;
        let document = DocumentChange { before: Some(known.stored.json.as_str().into()), after: Some(json.into()) };
        self.record(&id, version, document, row, vectors)
    }

    /// Removes a known document.
    pub(super) async fn delete(&mut self, known: &Known) -> Result<(), DatabaseError> {
        let row = known.stored.row;
        let id = known.object.get("_id").cloned().unwrap_or(Value::Null);
        let vectors = self.index(row, Some(&known.object), None).await?;
        let version = self.work.transaction.delete(self.collection.id, row).await?;
        let document = DocumentChange { before: Some(known.stored.json.as_str().into()), after: None };
        self.record(&id, version, document, row, vectors)
    }

    fn record(
        &mut self,
        id: &Value,
        version: u64,
        document: DocumentChange,
        row: RowId,
        vectors: Vec<(IndexId, Vec<Vec<u8>>)>,
    ) -> Result<(), DatabaseError> {
        let collection = self.collection.clone();
        self.work.record(Change { collection, id: id_text(id), version, document, row, vectors })
    }

    /// Brings all indexes from one state of a document to another. Says which vectors have changed.
    async fn index(
        &mut self,
        row: RowId,
        before: Option<&Object>,
        after: Option<&Object>,
    ) -> Result<Vec<(IndexId, Vec<Vec<u8>>)>, DatabaseError> {
        let mut changed = Vec::new();
        for record in self.collection.indexes.clone() {
            match &record.index {
                Index::Document(index) => self.index_fields(&record, index, row, before, after).await?,
                Index::Vector(vector) => {
                    if let Some(vectors) = changed_vectors(vector, before, after)? {
                        self.work.transaction.put_vectors(record.id, row, &vectors).await?;
                        changed.push((record.id, vectors));
                    }
                }
            }
        }
        Ok(changed)
    }

    async fn index_fields(
        &mut self,
        record: &IndexRecord,
        index: &DocumentIndex,
        row: RowId,
        before: Option<&Object>,
        after: Option<&Object>,
    ) -> Result<(), DatabaseError> {
        let of =
            |document: Option<&Object>| document.map_or_else(|| Ok(Entries::default()), |found| index.entries(found));
        let (old, new) = (of(before)?, of(after)?);
        let without = |keys: &[Vec<u8>], others: &[Vec<u8>]| -> Vec<Vec<u8>> {
            keys.iter().filter(|key| others.binary_search(key).is_err()).cloned().collect()
        };
        let (gone, added) = (without(&old.keys, &new.keys), without(&new.keys, &old.keys));
        if !gone.is_empty() {
            self.work.transaction.remove_entries(record.id, row, &gone).await?;
        }
        if !added.is_empty() {
            let adding = self.work.transaction.add_entries(record.id, index.unique, row, &added).await;
            adding.map_err(|failure| duplicate(failure, index, after))?;
        }
        self.note_entries(record, &new).await
    }

    /// Writes into the catalog what the planner has to know of the entries. Each is written once in an index's life.
    async fn note_entries(&mut self, record: &IndexRecord, entries: &Entries) -> Result<(), DatabaseError> {
        let multikey = record.multikey | entries.multikey;
        let truncated = record.truncated || entries.truncated;
        if multikey == record.multikey && truncated == record.truncated {
            return Ok(());
        }
        self.work.transaction.update_index(&IndexRecord { multikey, truncated, ..record.clone() }).await?;
        self.reload().await
    }

    /// Writes into the catalog that there is a document with an `id` of its own.
    async fn note_own_id(&mut self, object: &Object) -> Result<(), DatabaseError> {
        if self.collection.own_ids || object.get("id").is_none() {
            return Ok(());
        }
        self.work.transaction.mark_own_ids(self.collection.id).await?;
        self.reload().await
    }

    async fn reload(&mut self) -> Result<(), DatabaseError> {
        if let Some(collection) = self.work.transaction.collection(&self.collection.name).await? {
            self.collection = collection;
        }
        Ok(())
    }
}

/// A key that is taken, as the user's own values.
pub(super) fn duplicate(failure: Failure, index: &DocumentIndex, document: Option<&Object>) -> DatabaseError {
    if failure != Failure::KeyTaken {
        return failure.into();
    }
    let value = |path: &str| {
        let mut names = path.split('.');
        let first = document.and_then(|document| document.get(names.next()?));
        names.fold(first, |value, name| match value {
            Some(Value::Object(object)) => object.get(name),
            within_array => within_array,
        })
    };
    let fields = index.fields.iter().map(|field| {
        let path = field.path.as_str();
        (path, value(path).cloned().unwrap_or(Value::Null))
    });
    let key = super::error::shortened(&Value::Object(fields.collect()).to_json());
    DatabaseError::DuplicateKey { index: index.name.clone(), key }
}

/// The vectors of a document after a change, if they are not what they were.
fn changed_vectors(
    definition: &VectorDefinition,
    before: Option<&Object>,
    after: Option<&Object>,
) -> Result<Option<Vec<Vec<u8>>>, DatabaseError> {
    let of = |document: Option<&Object>| {
        document.map_or_else(|| Ok(Vec::new()), |document| vector::encoded_vectors_in(definition, document))
    };
    let new = of(after)?;
    // What was stored before was sound then; an index that came later may see it differently, and has none of it.
    let old = of(before).unwrap_or_default();
    Ok((new != old).then_some(new))
}

/// An `_id` as the store keeps it.
pub(super) fn encoded_id(id: &Value) -> Result<Vec<u8>, DatabaseError> {
    let encoded = key::encode(id);
    if encoded.len() > MAX_ID_BYTES {
        return Err(DatabaseError::IdTooLarge(encoded.len()));
    }
    Ok(encoded)
}

/// An `_id` that nobody has: a UUID of version 7 (RFC 9562), so that later documents have greater ones.
fn new_id(now: UnixMillis) -> String {
    // Milliseconds, and 12 bits that count within one; when these run out, the next millisecond is taken early.
    let (at, count) = (now << 12, |last: u64| last + 1);
    let update = |last: u64| Some(at.max(count(last)));
    let last = LAST_ID.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update).unwrap_or_default();
    let next = at.max(count(last));
    let mut random = [0; 10];
    random.copy_from_slice(&uuid::Uuid::new_v4().as_bytes()[..10]);
    random[0] = (next >> 8 & 0x0f) as u8;
    random[1] = next as u8;
    uuid::Builder::from_unix_timestamp_millis(next >> 12, &random).into_uuid().to_string()
}

/// The time and count of the latest id of this process.
static LAST_ID: AtomicU64 = AtomicU64::new(0);
