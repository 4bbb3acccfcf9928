//! What can go wrong in a call of whoever runs the host, and whose fault it is.

use orilla_services::database::DatabaseError;
use orilla_services::kv::KvError;

/// An error of a call.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// `PLATFORM_NO_APPS`
    #[error("no app has any data here: name another data directory or host, or a new app with --app NAME --new-app")]
    NoApps,
    /// `PLATFORM_APP_REQUIRED`
    #[error("there are several apps, name one with --app: {0}")]
    AppRequired(String),
    /// `PLATFORM_APP_UNKNOWN`
    #[error("there is no app {app:?}: {advice} An app that is to get its first data here takes --new-app")]
    AppUnknown {
        /// The name, shortened if it is long.
        app: String,
        /// The apps there are, or the one that may be meant.
        advice: String,
    },
    /// `APP_NAME_INVALID`
    #[error("{0}")]
    AppInvalid(String),
    /// `PLATFORM_METHOD_UNKNOWN`
    #[error("unknown method {method:?}: there are {known}")]
    MethodUnknown {
        /// The method, shortened if it is long.
        method: String,
        /// Those there are.
        known: String,
    },
    /// `PLATFORM_ARGUMENTS_INVALID`
    #[error("invalid arguments: {0}")]
    ArgumentsInvalid(String),
    /// Any code of KV.
    #[error(transparent)]
    Kv(KvError),
    /// Any code of the database.
    #[error(transparent)]
    Database(DatabaseError),
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What was given is wrong, whatever the state of the data.
    Input,
    /// It does not go with what is stored, or with what is going on at the moment.
    State,
    /// The store cannot do it.
    Store,
}

impl PlatformError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoApps => "PLATFORM_NO_APPS",
            Self::AppRequired(_) => "PLATFORM_APP_REQUIRED",
            Self::AppUnknown { .. } => "PLATFORM_APP_UNKNOWN",
            Self::AppInvalid(_) => "APP_NAME_INVALID",
            Self::MethodUnknown { .. } => "PLATFORM_METHOD_UNKNOWN",
            Self::ArgumentsInvalid(_) => "PLATFORM_ARGUMENTS_INVALID",
            Self::Kv(error) => error.code(),
            Self::Database(error) => error.code(),
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        use DatabaseError as Db;
        match self {
            Self::Kv(KvError::Store(_)) | Self::Database(Db::Store(_)) => Fault::Store,
            Self::Database(
                Db::Busy
                | Db::TransactionConflict
                | Db::DuplicateKey { .. }
                | Db::IndexConflict(_)
                | Db::IndexBuilding(_)
                | Db::UpdateTarget(_)
                | Db::TooManyIndexes
                | Db::TooManyCollections
                | Db::VectorCorrupt { .. },
            ) => Fault::State,
            _ => Fault::Input,
        }
    }
}
