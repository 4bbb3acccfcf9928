//! What can go wrong in KV, each with its code and what to do about it.

use super::limits::*;
use super::store::StoreError;
use crate::gate::Denied;

/// An error of the KV service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// `KV_NAMESPACE_INVALID`
    #[error("invalid KV namespace {0:?}: use 1 to {MAX_NAMESPACE_BYTES} of the characters A-Z a-z 0-9 _ - .")]
    NamespaceInvalid(String),
    /// `KV_KEY_INVALID`
    #[error("invalid KV key: a key is a string of 1 to {MAX_KEY_BYTES} bytes of UTF-8 without U+0000")]
    KeyInvalid,
    /// `KV_KEY_TOO_LARGE`
    #[error("the KV key has {0} bytes of UTF-8, the limit is {MAX_KEY_BYTES}: use a shorter key, for instance a hash")]
    KeyTooLarge(usize),
    /// `KV_VALUE_TOO_LARGE`
    #[error(
        "the KV value has {0} bytes of UTF-8, the limit is {MAX_VALUE_BYTES}: split it over several keys or put it into \
         object storage"
    )]
    ValueTooLarge(usize),
    /// `KV_TTL_INVALID`
    #[error("{0}")]
    TtlInvalid(&'static str),
    /// `KV_PREFIX_INVALID`
    #[error("invalid KV list prefix: a prefix has at most {MAX_KEY_BYTES} bytes of UTF-8, without U+0000")]
    PrefixInvalid,
    /// `KV_LIMIT_INVALID`
    #[error("invalid KV list limit {0}: use a whole number from 1 to {MAX_LIST_LIMIT}")]
    LimitInvalid(String),
    /// `KV_CURSOR_INVALID`
    #[error(
        "invalid KV list cursor: pass a cursor exactly as list() returned it, to the same namespace and with the same \
         prefix"
    )]
    CursorInvalid,
    /// `AUTHZ_DENIED`
    #[error(transparent)]
    Denied(#[from] Denied),
    /// `KV_STORAGE_FULL` or `KV_UNAVAILABLE`
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl KvError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NamespaceInvalid(_) => "KV_NAMESPACE_INVALID",
            Self::KeyInvalid => "KV_KEY_INVALID",
            Self::KeyTooLarge(_) => "KV_KEY_TOO_LARGE",
            Self::ValueTooLarge(_) => "KV_VALUE_TOO_LARGE",
            Self::TtlInvalid(_) => "KV_TTL_INVALID",
            Self::PrefixInvalid => "KV_PREFIX_INVALID",
            Self::LimitInvalid(_) => "KV_LIMIT_INVALID",
            Self::CursorInvalid => "KV_CURSOR_INVALID",
            Self::Denied(denied) => denied.code(),
            Self::Store(StoreError::Full) => "KV_STORAGE_FULL",
            Self::Store(StoreError::Unavailable(_) | StoreError::Closed) => "KV_UNAVAILABLE",
        }
    }
}
