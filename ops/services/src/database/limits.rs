//! The limits of the database that no other module owns, and the checks that enforce them.

use std::borrow::Cow;
use std::cell::Cell;
use std::time::Duration;

use super::document::MAX_DOCUMENT_BYTES;
use super::error::DatabaseError;
use super::value::Value;

/// Most documents that one query returns; also the default limit.
pub const MAX_LIMIT: u32 = 1000;
/// Most documents that a query may skip. Beyond it, a cursor costs less.
pub const MAX_SKIP: u64 = 100_000;
/// Most bytes of documents that one query returns or sorts: 64 MiB.
pub const MAX_RESULT_BYTES: usize = 64 << 20;
/// Documents that are read by their rows at a time: few, since each may be large.
pub const ROWS_AT_ONCE: usize = 16;
/// Most documents that one call changes.
pub const MAX_CHANGED_DOCUMENTS: usize = 100_000;
/// Most documents that one `insertMany` takes.
pub const MAX_INSERTED_DOCUMENTS: usize = 10_000;
/// Most bytes of documents, before and after, that one transaction changes: 256 MiB.
pub const MAX_TRANSACTION_BYTES: usize = 256 << 20;
/// Most collections of an app.
pub const MAX_COLLECTIONS: usize = 1000;
/// Most indexes of a collection, of documents and of vectors together; MongoDB's own bound.
pub const MAX_INDEXES: usize = 64;
/// Most bytes of a collection's name.
pub const MAX_COLLECTION_BYTES: usize = 120;
/// Most bytes of an `_id` as an index keeps it.
pub const MAX_ID_BYTES: usize = 1024;
/// Bytes that expressions may make of one document, as it is in memory.
pub const MAX_COMPUTED_BYTES: usize = 16 << 20;
/// Most values that `distinct` returns.
pub const MAX_DISTINCT_VALUES: usize = 10_000;
/// How often a call is tried again when another transaction is in the way.
pub const MAX_ATTEMPTS: u32 = 8;
/// How long a transaction of an app's own code may stay open.
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one change may compute, apart from waiting, where the host drives it: no isolate's CPU time limits it there.
pub const MAX_COMPUTING: Duration = Duration::from_secs(10);
/// How often documents whose time has passed are deleted.
pub const EXPIRY_INTERVAL: Duration = Duration::from_secs(1);
/// Most documents that one transaction of the expiry deletes, so that it never holds up writes for long.
pub const EXPIRY_BATCH: u32 = 500;
/// Most such transactions at a time for one index, so that no app holds up the expiry of others.
pub const EXPIRY_BATCHES: u32 = 10;
/// How often all apps' catalogs are looked through, where other hosts make indexes too.
pub const SURVEY_INTERVAL: Duration = Duration::from_secs(60);

pub(super) fn check_collection_name(name: &str) -> Result<(), DatabaseError> {
    let is_sound = |character: char| !character.is_control() && character != '$';
    if (1..=MAX_COLLECTION_BYTES).contains(&name.len()) && name.chars().all(is_sound) && name.trim() == name {
        return Ok(());
    }
    Err(DatabaseError::CollectionInvalid(super::error::shortened(name)))
}

/// How many bytes may still be made of one document. Without it a line of text could become all of the memory.
pub struct Room {
    left: Cell<usize>,
    limit: usize,
    /// What is wrong if so many bytes are made.
    beyond: fn(usize) -> DatabaseError,
}

impl Room {
    /// For what expressions compute, as it is in memory.
    pub fn of_computed() -> Self {
        Self::of(MAX_COMPUTED_BYTES, |_| DatabaseError::ComputedTooLarge)
    }

    /// For what an update adds, as JSON.
    pub fn of_document() -> Self {
        Self::of(MAX_DOCUMENT_BYTES, DatabaseError::DocumentTooLarge)
    }

    fn of(limit: usize, beyond: fn(usize) -> DatabaseError) -> Self {
        Self { left: Cell::new(limit), limit, beyond }
    }

    /// Counts bytes before they are made.
    pub fn take(&self, bytes: usize) -> Result<(), DatabaseError> {
        let left = self.left.get();
        let beyond = || (self.beyond)(self.limit.saturating_sub(left).saturating_add(bytes));
        self.left.set(left.checked_sub(bytes).ok_or_else(beyond)?);
        Ok(())
    }

    /// Bytes that were there are no more.
    pub fn give_back(&self, bytes: usize) {
        self.left.set(self.left.get().saturating_add(bytes));
    }

    /// Counts a value that is made, and makes it.
    pub fn make(&self, value: Cow<'_, Value>) -> Result<Value, DatabaseError> {
        self.take(value.weight())?;
        Ok(value.into_owned())
    }
}
