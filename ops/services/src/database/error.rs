//! What can go wrong in the database, each with its code and what to do about it.

use super::value::{MAX_DEPTH, TOO_DEEP};
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
}

impl DatabaseError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::DocumentInvalid(_) => "DB_DOCUMENT_INVALID",
            Self::TooDeep => "DB_TOO_DEEP",
            Self::Denied(denied) => denied.code(),
        }
    }

    pub(super) fn from_json(error: &serde_json::Error) -> Self {
        let reason = error.to_string();
        if reason.contains(TOO_DEEP) { Self::TooDeep } else { Self::DocumentInvalid(reason) }
    }
}
