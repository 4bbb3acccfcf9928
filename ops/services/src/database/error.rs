//! What can go wrong in the database, each with its code and what to do about it.

use super::value::{MAX_DEPTH, TOO_DEEP};
use super::vector::MAX_VECTORS_PER_DOCUMENT;
use crate::gate::Denied;

/// An error of the database service. Whatever the call was to change is as it was before.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DatabaseError {
    /// `DB_DOCUMENT_INVALID`
    #[error("invalid document: {0}")]
    DocumentInvalid(String),
    /// `DB_TOO_DEEP`
    #[error("the document is nested more than {MAX_DEPTH} levels deep: store a flatter one")]
    TooDeep,
    /// `AUTHZ_DENIED`
    #[error(transparent)]
    Denied(#[from] Denied),
    /// `DB_VECTOR_INDEX_INVALID`
    #[error("invalid vector index: {0}")]
    VectorIndexInvalid(String),
    /// `DB_VECTOR_QUERY_INVALID`
    #[error("invalid vector search: {0}")]
    VectorQueryInvalid(String),
    /// `DB_VECTOR_DIMENSIONS`
    #[error(
        "the vector has {found} dimensions and the vector index `{index}` has {expected}: use the embedding model that the \
         index was made for"
    )]
    VectorDimensions {
        /// The index's name.
        index: String,
        /// The length of the index's vectors.
        expected: usize,
        /// The length of the vector that was given.
        found: usize,
    },
    /// `DB_VECTOR_INVALID`
    #[error("invalid vector for the vector index `{index}`: {reason}")]
    VectorInvalid {
        /// The index's name.
        index: String,
        /// What is wrong, and what to give instead.
        reason: String,
    },
    /// `DB_VECTOR_TOO_MANY`
    #[error(
        "the document has {found} vectors for the vector index `{index}`, the limit is {MAX_VECTORS_PER_DOCUMENT}: split \
         the document"
    )]
    VectorTooMany {
        /// The index's name.
        index: String,
        /// How many vectors the document has.
        found: usize,
    },
    /// `DB_VECTOR_CORRUPT`
    #[error("a stored vector does not belong to the vector index `{index}`: drop the index and create it again")]
    VectorCorrupt {
        /// The index's name.
        index: String,
    },
}

impl DatabaseError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::DocumentInvalid(_) => "DB_DOCUMENT_INVALID",
            Self::TooDeep => "DB_TOO_DEEP",
            Self::Denied(denied) => denied.code(),
            Self::VectorIndexInvalid(_) => "DB_VECTOR_INDEX_INVALID",
            Self::VectorQueryInvalid(_) => "DB_VECTOR_QUERY_INVALID",
            Self::VectorDimensions { .. } => "DB_VECTOR_DIMENSIONS",
            Self::VectorInvalid { .. } => "DB_VECTOR_INVALID",
            Self::VectorTooMany { .. } => "DB_VECTOR_TOO_MANY",
            Self::VectorCorrupt { .. } => "DB_VECTOR_CORRUPT",
        }
    }

    pub(super) fn from_json(error: &serde_json::Error) -> Self {
        let reason = error.to_string();
        if reason.contains(TOO_DEEP) { Self::TooDeep } else { Self::DocumentInvalid(reason) }
    }
}
