//! What Postgres' error codes mean here, and the errors of opening a database.

use orilla_services::kv::store::StoreError;

use crate::schema::OLDEST_SERVER;

/// Why a database could not be opened. Nothing in it has been changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// `DATABASE_URL_INVALID`
    #[error("invalid database URL ({reason}): write postgres://user:password@host:5432/database?sslmode=verify-full")]
    UrlInvalid {
        /// What is wrong with it.
        reason: String,
    },
    /// `DATABASE_UNREACHABLE`
    #[error(
        "{server} cannot be reached ({reason}): check host and port, that the server runs, and that no firewall is in between"
    )]
    Unreachable {
        /// Where the database was looked for.
        server: String,
        /// What happened.
        reason: String,
    },
    /// `DATABASE_TLS_FAILED`
    #[error(
        "no secure connection to {server} ({reason}): set sslmode in the URL to what the server offers (disable, \
         require, verify-ca, verify-full), and sslrootcert to the file of its authority"
    )]
    TlsFailed {
        /// Where the database was looked for.
        server: String,
        /// What happened.
        reason: String,
    },
    /// `DATABASE_AUTHENTICATION_FAILED`
    #[error(
        "{server} does not let this user in ({reason}): check user and password in the URL, and the server's pg_hba.conf"
    )]
    AuthenticationFailed {
        /// Where the database was looked for.
        server: String,
        /// What the server said.
        reason: String,
    },
    /// `DATABASE_NOT_FOUND`
    #[error("{server} does not exist ({reason}): correct the URL, or create it with CREATE DATABASE")]
    NotFound {
        /// Where the database was looked for.
        server: String,
        /// What the server said.
        reason: String,
    },
    /// `DATABASE_PERMISSION_DENIED`
    #[error(
        "the user may not do what is needed in {server} ({reason}): GRANT CREATE ON DATABASE to the user, or let the \
         owner of the schema orilla start once"
    )]
    PermissionDenied {
        /// The database.
        server: String,
        /// What the server said.
        reason: String,
    },
    /// `DATABASE_READ_ONLY`
    #[error("{server} is read-only ({reason}): name the primary server in the URL, not a replica")]
    ReadOnly {
        /// The database.
        server: String,
        /// What the server said.
        reason: String,
    },
    /// `DATABASE_TOO_OLD`
    #[error("{server} runs Postgres {found}: version {OLDEST_SERVER} or newer is needed")]
    TooOld {
        /// The database.
        server: String,
        /// The server's version.
        found: String,
    },
    /// `DATABASE_TOO_NEW`
    #[error(
        "{server} was written by a newer release (schema {found}, this one knows {known}): run that release or a later one"
    )]
    TooNew {
        /// The database.
        server: String,
        /// The schema version of the database.
        found: usize,
        /// The newest schema version that this release knows.
        known: usize,
    },
    /// `DATABASE_FULL`
    #[error("no space is left for {server}: free disk space there, then start again")]
    Full {
        /// The database.
        server: String,
    },
    /// `DATABASE_UNAVAILABLE`
    #[error("{server} could not be opened: {reason}")]
    Unavailable {
        /// The database.
        server: String,
        /// What the server said.
        reason: String,
    },
}

impl OpenError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UrlInvalid { .. } => "DATABASE_URL_INVALID",
            Self::Unreachable { .. } => "DATABASE_UNREACHABLE",
            Self::TlsFailed { .. } => "DATABASE_TLS_FAILED",
            Self::AuthenticationFailed { .. } => "DATABASE_AUTHENTICATION_FAILED",
            Self::NotFound { .. } => "DATABASE_NOT_FOUND",
            Self::PermissionDenied { .. } => "DATABASE_PERMISSION_DENIED",
            Self::ReadOnly { .. } => "DATABASE_READ_ONLY",
            Self::TooOld { .. } => "DATABASE_TOO_OLD",
            Self::TooNew { .. } => "DATABASE_TOO_NEW",
            Self::Full { .. } => "DATABASE_FULL",
            Self::Unavailable { .. } => "DATABASE_UNAVAILABLE",
        }
    }

    pub(crate) fn from_postgres(server: &str, error: &sqlx::Error) -> Self {
        let (server, reason) = (server.to_owned(), reason(error));
        match Cause::of(error) {
            Cause::Unreachable => Self::Unreachable { server, reason },
            Cause::Tls => Self::TlsFailed { server, reason },
            Cause::Authentication => Self::AuthenticationFailed { server, reason },
            Cause::NotFound => Self::NotFound { server, reason },
            Cause::Permission => Self::PermissionDenied { server, reason },
            Cause::ReadOnly => Self::ReadOnly { server, reason },
            Cause::Full => Self::Full { server },
            Cause::Crowded | Cause::Refused | Cause::Timeout | Cause::Other => Self::Unavailable { server, reason },
        }
    }
}

/// What happened, without sqlx's words about whose fault it is.
pub(crate) fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Tls(error) | sqlx::Error::Configuration(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// What lies behind a failed statement or connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// There is no connection, or none any more. Whether the statement was executed is unknown.
    Unreachable,
    /// The server has no place for another connection: one may be free in a moment.
    Crowded,
    /// No secure connection, or only a secure one would do.
    Tls,
    /// The server does not know the user, or not by this password.
    Authentication,
    /// There is no such database.
    NotFound,
    /// The user may not do this.
    Permission,
    /// The server is a replica, or takes no writes for now.
    ReadOnly,
    /// No space: a smaller write may still succeed.
    Full,
    /// Postgres refuses this statement's data, whatever the state of the server.
    Refused,
    /// The server has ended the statement because it took too long.
    Timeout,
    /// Anything else.
    Other,
}

impl Cause {
    pub(crate) fn of(error: &sqlx::Error) -> Self {
        let error = match error {
            sqlx::Error::Database(error) => error,
            sqlx::Error::Tls(_) => return Self::Tls,
            // What rustls finds wrong with a certificate comes as invalid data.
            sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => return Self::Tls,
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => return Self::Unreachable,
            _ => return Self::Other,
        };
        // See https://www.postgresql.org/docs/current/errcodes-appendix.html
        let code = error.code().unwrap_or_default();
        match &*code {
            // The server wants TLS: it has no code of its own for that, only these words.
            "28000" if ["no encryption", "SSL off"].iter().any(|words| error.message().contains(words)) => Self::Tls,
            "3D000" => Self::NotFound,
            "42501" => Self::Permission,
            "25006" => Self::ReadOnly,
            "53100" => Self::Full,
            "53300" => Self::Crowded,
            "57014" => Self::Timeout,
            // A transaction that has failed or that the server has ended: nobody can go on with such a connection.
            "25P02" | "25P03" => Self::Unreachable,
            _ => match code.get(..2) {
                Some("08" | "57") => Self::Unreachable,
                Some("28") => Self::Authentication,
                Some("22" | "23" | "54") => Self::Refused,
                _ => Self::Other,
            },
        }
    }

    /// Whether other writes of the same transaction may succeed without this one.
    pub(crate) fn concerns_one_write(self) -> bool {
        matches!(self, Self::Full | Self::Refused)
    }
}

/// A failed statement as the services see it. The details are for the server's log, not for an app.
pub(crate) fn store_error(error: &sqlx::Error) -> StoreError {
    let reason = match Cause::of(error) {
        Cause::Full => return StoreError::Full,
        Cause::Unreachable | Cause::Tls => "the database cannot be reached",
        Cause::Crowded => "the database has too many connections",
        Cause::Authentication | Cause::NotFound | Cause::Permission => "the database does not let the host in",
        Cause::ReadOnly => "the database is read-only",
        Cause::Refused => "the database refused the data",
        Cause::Timeout => "the database took too long",
        Cause::Other => "the database does not answer",
    };
    StoreError::Unavailable(reason.into())
}
