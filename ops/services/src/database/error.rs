//! What can go wrong in the database, each with its code and what to do about it.

use std::fmt;

use super::document::MAX_DOCUMENT_BYTES;
use super::index::MAX_ENTRIES;
use super::limits::*;
use super::store::{Failure, StoreError};
use super::tuples::MAX_KEY_BYTES;
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
    /// `DB_DOCUMENT_TOO_LARGE`
    #[error(
        "the document has {0} bytes as JSON or more, the limit is {MAX_DOCUMENT_BYTES}: split it up or put large content into \
         object storage"
    )]
    DocumentTooLarge(usize),
    /// `DB_FIELD_NAME_INVALID`
    #[error("invalid field name {name:?}: {reason}")]
    FieldNameInvalid {
        /// The name.
        name: String,
        /// What is wrong with it and what to do.
        reason: &'static str,
    },
    /// `DB_ID_INVALID`
    #[error("invalid _id: {0}")]
    IdInvalid(&'static str),
    /// `DB_PATH_INVALID`
    #[error("invalid path {path:?}: it {reason}")]
    PathInvalid {
        /// The path, shortened if it is long.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// `DB_UNKNOWN_OPERATOR`
    #[error("unknown {place} {operator:?}{suggestion}")]
    UnknownOperator {
        /// What kind of operator was expected.
        place: &'static str,
        /// What was found.
        operator: String,
        /// The known operator that comes closest.
        suggestion: Suggestion,
    },
    /// `DB_FILTER_INVALID`
    #[error("invalid filter: {0}")]
    FilterInvalid(String),
    /// `DB_REGEX_INVALID`
    #[error("invalid regular expression: {0}")]
    RegexInvalid(String),
    /// `DB_REGEX_TOO_COSTLY`
    #[error(
        "the regular expression {0:?} takes too many steps on a document: make it less ambiguous, for instance by avoiding \
         a repeat within a repeat"
    )]
    RegexTooCostly(String),
    /// `DB_SORT_INVALID`
    #[error("invalid sort: {0}")]
    SortInvalid(String),
    /// `DB_PROJECTION_INVALID`
    #[error("invalid projection: {0}")]
    ProjectionInvalid(String),
    /// `DB_UPDATE_INVALID`
    #[error("invalid update: {0}")]
    UpdateInvalid(String),
    /// `DB_UPDATE_CONFLICT`
    #[error("the update changes {0:?} and {1:?} at once, which conflict: change one of them, or use two updates")]
    UpdateConflict(String, String),
    /// `DB_UPDATE_TARGET`
    #[error("the update cannot be applied to this document: {0}")]
    UpdateTarget(String),
    /// `DB_ID_IMMUTABLE`
    #[error("the _id of a document cannot be changed: leave it out, or delete the document and insert another one")]
    IdImmutable,
    /// `DB_NUMBER_OVERFLOW`
    #[error("the result at {0:?} is not a finite number: use smaller numbers")]
    NumberOverflow(String),
    /// `DB_EXPRESSION_INVALID`
    #[error("invalid expression: {0}")]
    ExpressionInvalid(String),
    /// `DB_PIPELINE_INVALID`
    #[error("invalid pipeline: {0}")]
    PipelineInvalid(String),
    /// `DB_PIPELINE_TOO_LARGE`
    #[error("the pipeline holds more than {limit} {what} at {stage}: filter with $match or $limit before it")]
    PipelineTooLarge {
        /// The stage that went beyond the limit.
        stage: &'static str,
        /// What there is too much of.
        what: &'static str,
        /// The most there may be.
        limit: usize,
    },
    /// `DB_METHOD_UNKNOWN`
    #[error("unknown method {0}")]
    MethodUnknown(String),
    /// `DB_COLLECTION_INVALID`
    #[error(
        "invalid collection {0:?}: use 1 to {MAX_COLLECTION_BYTES} bytes, without `$`, control characters and space at \
         its ends"
    )]
    CollectionInvalid(String),
    /// `DB_TOO_MANY_COLLECTIONS`
    #[error(
        "there are {MAX_COLLECTIONS} collections, which is all there may be: keep documents of several kinds in one"
    )]
    TooManyCollections,
    /// `DB_OPTIONS_INVALID`
    #[error("invalid options: {0}")]
    OptionsInvalid(String),
    /// `DB_LIMIT_INVALID`
    #[error("invalid limit {0}: use a whole number up to {MAX_LIMIT}, and findPage to read on")]
    LimitInvalid(String),
    /// `DB_SKIP_INVALID`
    #[error("invalid skip {0}: use a whole number from 0 to {MAX_SKIP}; findPage goes further, and costs less")]
    SkipInvalid(String),
    /// `DB_CURSOR_INVALID`
    #[error(
        "invalid cursor: pass a cursor exactly as findPage returned it, to the same collection and with the same filter \
         and sort"
    )]
    CursorInvalid,
    /// `DB_RESULT_TOO_LARGE`
    #[error(
        "the result has more than {MAX_RESULT_BYTES} bytes, or more than {MAX_DISTINCT_VALUES} distinct values: narrow the \
         filter, lower the limit, or sort by an index"
    )]
    ResultTooLarge,
    /// `DB_COMPUTED_TOO_LARGE`
    #[error("expressions make more than {MAX_COMPUTED_BYTES} bytes of one document: compute less of it")]
    ComputedTooLarge,
    /// `DB_CHANGE_TOO_COSTLY`
    #[error("the change took more than {} s of computing: let an index find the documents, or change fewer", MAX_COMPUTING.as_secs())]
    ChangeTooCostly,
    /// `DB_TOO_MANY_CHANGES`
    #[error("more than {MAX_CHANGED_DOCUMENTS} documents match, which is all one call changes: change them in parts")]
    TooManyChanges,
    /// `DB_ID_TOO_LARGE`
    #[error("the _id takes {0} bytes, the limit is {MAX_ID_BYTES}: use a shorter one, for instance a hash")]
    IdTooLarge(usize),
    /// `DB_DUPLICATE_KEY`
    #[error("the index {index:?} holds {key} already, and it is unique: use another value, or update the document")]
    DuplicateKey {
        /// The index; `_id` is that of the ids.
        index: String,
        /// The value or values that are taken, as JSON.
        key: String,
    },
    /// `DB_INDEX_INVALID`
    #[error("invalid index: {0}")]
    IndexInvalid(String),
    /// `DB_INDEX_CONFLICT`
    #[error(
        "the collection has another index {0:?} with this name or on this field: drop that one first, or give this one a \
         name of its own"
    )]
    IndexConflict(String),
    /// `DB_INDEX_NOT_FOUND`
    #[error("there is no index {0:?}: listIndexes() shows those there are")]
    IndexNotFound(String),
    /// `DB_INDEX_BUILDING`
    #[error("the index {0:?} is still being built: try again when listIndexes() shows it as ready")]
    IndexBuilding(String),
    /// `DB_INDEX_PARALLEL_ARRAYS`
    #[error("the index {index:?} has two fields that are arrays in this document: at most one of them can be")]
    IndexParallelArrays {
        /// The index.
        index: String,
    },
    /// `DB_INDEX_TOO_MANY_ENTRIES`
    #[error(
        "the index {0:?} would list this document more than {MAX_ENTRIES} times, or by more than {MAX_KEY_BYTES} bytes: \
         split it up, or index less of it"
    )]
    IndexTooManyEntries(String),
    /// `DB_TOO_MANY_INDEXES`
    #[error("the collection has {MAX_INDEXES} indexes, which is all it may have: drop one that is not needed")]
    TooManyIndexes,
    /// `DB_VECTOR_INDEX_NOT_FOUND`
    #[error("the collection {collection:?} has no vector index on {field:?}: create one with createVectorIndex()")]
    VectorIndexNotFound {
        /// The collection.
        collection: String,
        /// The field that was to be searched.
        field: String,
    },
    /// `DB_TRANSACTION_CONFLICT`
    #[error("other transactions were in the way {MAX_ATTEMPTS} times: try again, with less in one transaction")]
    TransactionConflict,
    /// `DB_TRANSACTION_FAILED`
    #[error("a call in this transaction has failed ({0}), which undoes all of it: throw that error on, or start again")]
    TransactionFailed(&'static str),
    /// `DB_TRANSACTION_ENDED`
    #[error("the transaction has ended: use what transaction() passes only until its function returns")]
    TransactionEnded,
    /// `DB_TRANSACTION_TIMEOUT`
    #[error(
        "the transaction was open for longer than {} s and was undone: do slow work outside of it",
        TRANSACTION_TIMEOUT.as_secs()
    )]
    TransactionTimeout,
    /// `DB_TRANSACTION_TOO_LARGE`
    #[error("the transaction changes more than {MAX_TRANSACTION_BYTES} bytes of documents: change them in parts")]
    TransactionTooLarge,
    /// `DB_NOT_IN_TRANSACTION`
    #[error("{0} cannot be done within a transaction: do it before or after")]
    NotInTransaction(&'static str),
    /// `DB_BUSY`
    #[error(
        "another transaction of this app has been open for too long, or the database has no connection left: within \
         transaction(), call the tx it passes and not platform.DB, and keep it short; else try again"
    )]
    Busy,
    /// `DB_STORAGE_FULL` or `DB_UNAVAILABLE`
    #[error(transparent)]
    Store(#[from] StoreError),
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

impl From<Failure> for DatabaseError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Conflict => Self::TransactionConflict,
            Failure::Busy => Self::Busy,
            Failure::Store(error) => Self::Store(error),
            // Whoever inserts says which key it was; a store that says it elsewhere is wrong.
            Failure::IdTaken | Failure::KeyTaken => {
                Self::Store(StoreError::Unavailable("it refused a key where none was given".into()))
            }
        }
    }
}

impl DatabaseError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::DocumentInvalid(_) => "DB_DOCUMENT_INVALID",
            Self::TooDeep => "DB_TOO_DEEP",
            Self::DocumentTooLarge(_) => "DB_DOCUMENT_TOO_LARGE",
            Self::FieldNameInvalid { .. } => "DB_FIELD_NAME_INVALID",
            Self::IdInvalid(_) => "DB_ID_INVALID",
            Self::PathInvalid { .. } => "DB_PATH_INVALID",
            Self::UnknownOperator { .. } => "DB_UNKNOWN_OPERATOR",
            Self::FilterInvalid(_) => "DB_FILTER_INVALID",
            Self::RegexInvalid(_) => "DB_REGEX_INVALID",
            Self::RegexTooCostly(_) => "DB_REGEX_TOO_COSTLY",
            Self::SortInvalid(_) => "DB_SORT_INVALID",
            Self::ProjectionInvalid(_) => "DB_PROJECTION_INVALID",
            Self::UpdateInvalid(_) => "DB_UPDATE_INVALID",
            Self::UpdateConflict(..) => "DB_UPDATE_CONFLICT",
            Self::UpdateTarget(_) => "DB_UPDATE_TARGET",
            Self::IdImmutable => "DB_ID_IMMUTABLE",
            Self::NumberOverflow(_) => "DB_NUMBER_OVERFLOW",
            Self::ExpressionInvalid(_) => "DB_EXPRESSION_INVALID",
            Self::PipelineInvalid(_) => "DB_PIPELINE_INVALID",
            Self::PipelineTooLarge { .. } => "DB_PIPELINE_TOO_LARGE",
            Self::MethodUnknown(_) => "DB_METHOD_UNKNOWN",
            Self::CollectionInvalid(_) => "DB_COLLECTION_INVALID",
            Self::TooManyCollections => "DB_TOO_MANY_COLLECTIONS",
            Self::OptionsInvalid(_) => "DB_OPTIONS_INVALID",
            Self::LimitInvalid(_) => "DB_LIMIT_INVALID",
            Self::SkipInvalid(_) => "DB_SKIP_INVALID",
            Self::CursorInvalid => "DB_CURSOR_INVALID",
            Self::ResultTooLarge => "DB_RESULT_TOO_LARGE",
            Self::ComputedTooLarge => "DB_COMPUTED_TOO_LARGE",
            Self::ChangeTooCostly => "DB_CHANGE_TOO_COSTLY",
            Self::TooManyChanges => "DB_TOO_MANY_CHANGES",
            Self::IdTooLarge(_) => "DB_ID_TOO_LARGE",
            Self::DuplicateKey { .. } => "DB_DUPLICATE_KEY",
            Self::IndexInvalid(_) => "DB_INDEX_INVALID",
            Self::IndexConflict(_) => "DB_INDEX_CONFLICT",
            Self::IndexNotFound(_) => "DB_INDEX_NOT_FOUND",
            Self::IndexBuilding(_) => "DB_INDEX_BUILDING",
            Self::IndexParallelArrays { .. } => "DB_INDEX_PARALLEL_ARRAYS",
            Self::IndexTooManyEntries(_) => "DB_INDEX_TOO_MANY_ENTRIES",
            Self::TooManyIndexes => "DB_TOO_MANY_INDEXES",
            Self::VectorIndexNotFound { .. } => "DB_VECTOR_INDEX_NOT_FOUND",
            Self::TransactionConflict => "DB_TRANSACTION_CONFLICT",
            Self::TransactionFailed(_) => "DB_TRANSACTION_FAILED",
            Self::TransactionEnded => "DB_TRANSACTION_ENDED",
            Self::TransactionTimeout => "DB_TRANSACTION_TIMEOUT",
            Self::TransactionTooLarge => "DB_TRANSACTION_TOO_LARGE",
            Self::NotInTransaction(_) => "DB_NOT_IN_TRANSACTION",
            Self::Busy => "DB_BUSY",
            Self::Store(StoreError::Full) => "DB_STORAGE_FULL",
            Self::Store(_) => "DB_UNAVAILABLE",
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

    /// An error about a path, which is quoted in part if it is long.
    pub(super) fn path(path: &str, reason: impl Into<String>) -> Self {
        Self::PathInvalid { path: shortened(path), reason: reason.into() }
    }

    /// An error about a name that is not one of the `known` operators of a place.
    pub(super) fn unknown_operator(place: &'static str, operator: &str, known: &[&'static str]) -> Self {
        let operator = shortened(operator);
        let written = operator.to_ascii_lowercase();
        let closest = known
            .iter()
            .map(|name| (strsim::damerau_levenshtein(&name.to_ascii_lowercase(), &written), *name))
            .filter(|(edits, name)| *edits <= name.len() / 3)
            .min_by_key(|(edits, _)| *edits)
            .map(|(_, name)| name);
        Self::UnknownOperator { place, operator, suggestion: Suggestion(closest) }
    }
}

/// The known name that an unknown one may have been meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suggestion(pub Option<&'static str>);

impl fmt::Display for Suggestion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(formatter, ": did you mean {name}?"),
            None => formatter.write_str(": the documentation lists those there are"),
        }
    }
}

/// A text as an error quotes it: its beginning, if it is long.
pub(super) fn shortened(text: &str) -> String {
    const QUOTED_CHARACTERS: usize = 64;
    match text.char_indices().nth(QUOTED_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
