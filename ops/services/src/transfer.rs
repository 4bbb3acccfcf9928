//! Moving an app's data from one back end to another: what both sides are compared by, and what can stand in the way.
//! [`kv`](crate::kv) and [`database`](crate::database) know how theirs is copied.

use crate::database::DatabaseError;
use crate::kv::KvError;

/// Records in their order: how many, and a checksum that no other records in that order have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// How many records there are.
    pub count: u64,
    /// Their hash.
    pub checksum: blake3::Hash,
}

/// A [`Digest`] in the making.
#[derive(Default)]
pub(crate) struct Digester {
    pub(crate) count: u64,
    hasher: blake3::Hasher,
}

impl Digester {
    /// Takes in the next record, which consists of some parts.
    pub(crate) fn add(&mut self, parts: &[&[u8]]) {
        self.count += 1;
        for part in parts {
            // The length goes first, so that no two lists of parts read the same.
            self.hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
    }

    pub(crate) fn finish(self) -> Digest {
        Digest { count: self.count, checksum: self.hasher.finalize() }
    }
}

/// Why data could not be copied. What was copied before stays, and need not be copied again.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// Any code of KV.
    #[error(transparent)]
    Kv(#[from] KvError),
    /// Any code of the database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// `MIGRATE_DIFFERS`
    #[error(
        "{record} of {place} is not the same at the target, and has been left as it is: one of the two was changed after \
         an earlier run; remove the app's data at the target and migrate it anew"
    )]
    Differs {
        /// The namespace or collection.
        place: String,
        /// The key or the `_id`.
        record: String,
    },
}

impl TransferError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Kv(error) => error.code(),
            Self::Database(error) => error.code(),
            Self::Differs { .. } => "MIGRATE_DIFFERS",
        }
    }
}
