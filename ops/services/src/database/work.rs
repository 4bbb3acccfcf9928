//! What one call does within a transaction: it reads, it changes documents, and it remembers what it changed, for the
//! events that follow the commit.

use std::sync::Arc;

use super::error::DatabaseError;
use super::limits::{MAX_COLLECTIONS, MAX_TRANSACTION_BYTES, check_collection_name};
use super::store::{Collection, Transaction};
use super::value::Value;
use crate::clock::UnixMillis;
use crate::event::DocumentChange;

/// A transaction at work.
pub struct Work {
    /// The transaction.
    pub(super) transaction: Box<dyn Transaction>,
    /// What has changed so far, in order.
    pub(super) changes: Vec<Change>,
    /// The moment of the call that is running.
    pub(super) now: UnixMillis,
    /// Whether other calls of the same isolate may run while this one reads.
    pub(super) yields: bool,
    bytes: usize,
}

/// A change to one document.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) collection: Arc<Collection>,
    /// The document's `_id`: a string as it is, anything else as JSON.
    pub(super) id: String,
    pub(super) version: u64,
    pub(super) document: DocumentChange,
    /// The document's row, and its new vectors in each vector index that the change concerns.
    pub(super) row: i64,
    pub(super) vectors: Vec<(i64, Vec<Vec<u8>>)>,
}

impl Work {
    /// Work on a fresh transaction.
    pub(super) fn new(transaction: Box<dyn Transaction>, now: UnixMillis, yields: bool) -> Self {
        Self { transaction, changes: Vec::new(), now, yields, bytes: 0 }
    }

    /// The collection of this name, if there is one.
    pub(super) async fn collection(&mut self, name: &str) -> Result<Option<Arc<Collection>>, DatabaseError> {
        check_collection_name(name)?;
        Ok(self.transaction.collection(name).await?)
    }

    /// The collection of this name, created if need be.
    pub(super) async fn collection_to_change(&mut self, name: &str) -> Result<Arc<Collection>, DatabaseError> {
        if let Some(collection) = self.collection(name).await? {
            return Ok(collection);
        }
        if self.transaction.collections().await?.len() >= MAX_COLLECTIONS {
            return Err(DatabaseError::TooManyCollections);
        }
        Ok(self.transaction.create_collection(name).await?)
    }

    /// Remembers a change.
    pub(super) fn record(&mut self, change: Change) -> Result<(), DatabaseError> {
        let length = |json: &Option<Arc<str>>| json.as_ref().map_or(0, |json| json.len());
        self.bytes += length(&change.document.before) + length(&change.document.after);
        if self.bytes > MAX_TRANSACTION_BYTES {
            return Err(DatabaseError::TransactionTooLarge);
        }
        self.changes.push(change);
        Ok(())
    }
}

/// An `_id` as a name: what insertOne returns and events carry.
pub(super) fn id_text(id: &Value) -> String {
    match id {
        Value::String(text) => text.clone(),
        other => other.to_json(),
    }
}
