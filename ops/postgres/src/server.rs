//! The way to the database: how connections are made, and how long anyone waits.

use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Error};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::error::{Cause, OpenError, reason};
use crate::store::PostgresConfig;

/// Pause between attempts to reach a server that was there a moment ago.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// What holds for every statement of a connection, whatever the server's or the user's own settings.
const SESSION: [(&str, &str); 5] = [
    // What the statements in this crate are written for.
    ("default_transaction_isolation", "read committed"),
    // Each of them has an index. Postgres keeps plans, and one that was made while a table was small enough to be read
    // as a whole would go on reading it as a whole while it grows.
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    // Compiling a plan is for statements that run for seconds.
    ("jit", "off"),
];

/// A database, by its address.
pub(crate) struct Server {
    options: PgConnectOptions,
    /// The address without the password.
    pub(crate) name: String,
    statement_timeout: Duration,
    connect_timeout: Duration,
    /// Whether the latest attempt to connect succeeded.
    answering: AtomicBool,
}

impl Server {
    /// Makes no connection yet.
    pub(crate) fn new(url: &str, config: &PostgresConfig) -> Result<Self, OpenError> {
        let invalid = |reason: String| OpenError::UrlInvalid { reason };
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(invalid("it does not begin with postgres://".into()));
        }
        let options = PgConnectOptions::from_str(url).map_err(|error| invalid(reason(&error)))?;
        let place = match options.get_socket() {
            Some(socket) => format!("socket {}", socket.display()),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        let database = options.get_database().unwrap_or(options.get_username());
        let name = format!("the database {database:?} at {place}");
        let options = match options.get_application_name() {
            Some(_) => options,
            None => options.application_name("orilla"),
        };
        let options = options.options(SESSION).disable_statement_logging();
        // Zero would mean no limit.
        let milliseconds = config.statement_timeout.as_millis().max(1);
        let options = options.options([("statement_timeout", milliseconds)]);
        Ok(Self {
            options,
            name,
            statement_timeout: config.statement_timeout,
            connect_timeout: config.connect_timeout,
            answering: AtomicBool::new(false),
        })
    }

    /// Makes a connection. A server that answered last time is given some time to come back, as it does when it is
    /// restarted or replaced, or to have a place again; while it stays away each attempt fails at once.
    pub(crate) async fn connect(&self) -> sqlx::Result<PgConnection> {
        let deadline = Instant::now() + self.connect_timeout;
        loop {
            let attempt = timeout_at(deadline, self.options.connect()).await.unwrap_or_else(|_| Err(too_late()));
            let again = Instant::now() + RETRY_PAUSE < deadline && self.answering.load(Ordering::Relaxed);
            match attempt {
                Err(error) if again && matches!(Cause::of(&error), Cause::Unreachable | Cause::Crowded) => {
                    sleep(RETRY_PAUSE).await;
                }
                attempt => {
                    self.answering.store(attempt.is_ok(), Ordering::Relaxed);
                    return attempt;
                }
            }
        }
    }

    /// Waits for a statement as long as it may take.
    pub(crate) async fn in_time<T>(&self, answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
        within(2 * self.statement_timeout, answer).await
    }
}

/// Waits for an answer, but not for ever: the server's own limit is of no use when the server is gone.
pub(crate) async fn within<T>(limit: Duration, answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    timeout(limit, answer).await.unwrap_or_else(|_| Err(too_late()))
}

fn too_late() -> Error {
    Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer in time"))
}
