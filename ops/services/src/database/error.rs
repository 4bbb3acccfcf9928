//! What can go wrong in the database, each with its code and what to do about it.

use std::fmt;

use super::document::MAX_DOCUMENT_BYTES;
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
    /// `DB_DOCUMENT_TOO_LARGE`
    #[error(
        "the document has {0} bytes as JSON, the limit is {MAX_DOCUMENT_BYTES}: split it up or put large content into \
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
        "the regular expression {0:?} takes too many steps on a value: make it less ambiguous, for instance by avoiding \
         a repeat within a repeat"
    )]
    RegexTooCostly(String),
    /// `DB_SORT_INVALID`
    #[error("invalid sort: {0}")]
    SortInvalid(String),
    /// `DB_LIMIT_INVALID` or `DB_SKIP_INVALID`
    #[error("invalid {name} {found}: use a whole number of at least 0")]
    WindowInvalid {
        /// `limit` or `skip`.
        name: &'static str,
        /// What was given, as JSON.
        found: String,
    },
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
            Self::DocumentTooLarge(_) => "DB_DOCUMENT_TOO_LARGE",
            Self::FieldNameInvalid { .. } => "DB_FIELD_NAME_INVALID",
            Self::IdInvalid(_) => "DB_ID_INVALID",
            Self::PathInvalid { .. } => "DB_PATH_INVALID",
            Self::UnknownOperator { .. } => "DB_UNKNOWN_OPERATOR",
            Self::FilterInvalid(_) => "DB_FILTER_INVALID",
            Self::RegexInvalid(_) => "DB_REGEX_INVALID",
            Self::RegexTooCostly(_) => "DB_REGEX_TOO_COSTLY",
            Self::SortInvalid(_) => "DB_SORT_INVALID",
            Self::WindowInvalid { name: "skip", .. } => "DB_SKIP_INVALID",
            Self::WindowInvalid { .. } => "DB_LIMIT_INVALID",
            Self::ProjectionInvalid(_) => "DB_PROJECTION_INVALID",
            Self::UpdateInvalid(_) => "DB_UPDATE_INVALID",
            Self::UpdateConflict(..) => "DB_UPDATE_CONFLICT",
            Self::UpdateTarget(_) => "DB_UPDATE_TARGET",
            Self::IdImmutable => "DB_ID_IMMUTABLE",
            Self::NumberOverflow(_) => "DB_NUMBER_OVERFLOW",
            Self::ExpressionInvalid(_) => "DB_EXPRESSION_INVALID",
            Self::PipelineInvalid(_) => "DB_PIPELINE_INVALID",
            Self::PipelineTooLarge { .. } => "DB_PIPELINE_TOO_LARGE",
            Self::Denied(denied) => denied.code(),
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
