//! What SQLite's result codes mean here, and the errors of opening a data directory.

use std::path::{Path, PathBuf};

use orilla_services::kv::store::StoreError;

/// Why a data directory could not be opened. Nothing in it has been changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// `DATA_DIR_NOT_WRITABLE`
    #[error("the data directory {path} is not writable ({reason}): make it writable or choose another", path = path.display())]
    NotWritable {
        /// The data directory or a file in it.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// `DATA_DIR_FULL`
    #[error("no space is left in the data directory {path}: free disk space, then start again", path = path.display())]
    Full {
        /// The data directory or a file in it.
        path: PathBuf,
    },
    /// `DATA_DIR_IN_USE`
    #[error(
        "the data directory {path} is in use by another process: stop that one or choose another directory",
        path = path.display()
    )]
    InUse {
        /// The data directory.
        path: PathBuf,
    },
    /// `DATABASE_CORRUPT`
    #[error(
        "{path} is damaged or not a database ({reason}): restore it from a backup, or move it away to start empty",
        path = path.display()
    )]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
    /// `DATABASE_TOO_NEW`
    #[error(
        "{path} was written by a newer release (schema {found}, this one knows {known}): run that release or a later one",
        path = path.display()
    )]
    TooNew {
        /// The database file.
        path: PathBuf,
        /// The schema version of the file.
        found: usize,
        /// The newest schema version that this release knows.
        known: usize,
    },
    /// `DATABASE_UNAVAILABLE`
    #[error("{path} could not be opened: {reason}", path = path.display())]
    Unavailable {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
}

impl OpenError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotWritable { .. } => "DATA_DIR_NOT_WRITABLE",
            Self::Full { .. } => "DATA_DIR_FULL",
            Self::InUse { .. } => "DATA_DIR_IN_USE",
            Self::Corrupt { .. } => "DATABASE_CORRUPT",
            Self::TooNew { .. } => "DATABASE_TOO_NEW",
            Self::Unavailable { .. } => "DATABASE_UNAVAILABLE",
        }
    }

    pub(crate) fn from_sqlite(path: &Path, error: &sqlx::Error) -> Self {
        let (path, reason) = (path.to_owned(), error.to_string());
        match Cause::of(error) {
            Cause::Full => Self::Full { path },
            Cause::NotWritable => Self::NotWritable { path, reason },
            Cause::Corrupt => Self::Corrupt { path, reason },
            Cause::Refused | Cause::Other => Self::Unavailable { path, reason },
        }
    }

    pub(crate) fn from_io(path: &Path, error: &std::io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full { path },
            _ => Self::NotWritable { path, reason: error.to_string() },
        }
    }
}

/// What lies behind a failed statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// No space: a smaller write may still succeed.
    Full,
    /// SQLite refuses this statement's data, whatever the state of the file.
    Refused,
    /// The file or its directory cannot be written.
    NotWritable,
    /// The file is not what it should be.
    Corrupt,
    /// Anything else.
    Other,
}

impl Cause {
    pub(crate) fn of(error: &sqlx::Error) -> Self {
        // The low byte of SQLite's extended result code, see https://www.sqlite.org/rescode.html
        let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
        match code.map(|code| code & 0xff) {
            Some(13) => Self::Full,
            Some(18..=20) => Self::Refused,
            Some(3 | 8 | 14) => Self::NotWritable,
            Some(11 | 26) => Self::Corrupt,
            _ => Self::Other,
        }
    }

    /// Whether other writes of the same transaction may succeed without this one.
    pub(crate) fn concerns_one_write(self) -> bool {
        matches!(self, Self::Full | Self::Refused)
    }
}

/// A failed statement as the services see it. The details are for the server's log, not for an app.
pub(crate) fn store_error(error: &sqlx::Error) -> StoreError {
    StoreError::Unavailable(match Cause::of(error) {
        Cause::Full => return StoreError::Full,
        Cause::Refused => "the database refused the data".into(),
        Cause::NotWritable => "the database is not writable".into(),
        Cause::Corrupt => "the database is damaged".into(),
        Cause::Other => "the database does not answer".into(),
    })
}
