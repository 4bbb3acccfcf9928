//! The one writer of this host: what waits in the queue it sends as one statement, which is a transaction.
//!
//! Hosts commit one after the other, so that versions rise in the order of commits; `kv.rs` says how. Since each
//! transaction is a single statement, no host ever waits for another host's network, or for one that has stopped.
//!
//! When the connection breaks under a statement, nobody can know whether it was committed: its writes fail, though they may
//! have happened. What never happens is that such a write comes to life later: before the writer goes on, it
//! makes sure that the server has let go of the old connection.

use std::sync::Arc;
use std::time::Duration;

use orilla_services::kv::store::{StoreError, Sweep, Swept, Write};
use orilla_services::kv::write_queue::{CommitError, Committer, Versions};
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::time::Instant;

use crate::error::{Cause, store_error};
use crate::kv::{self, Batch};
use crate::server::Server;

/// A connection that has been idle for so long is asked for a sign of life before it is trusted with a write.
const PROBE_AFTER: Duration = Duration::from_millis(500);
/// How long the server may take to let go of a broken connection, in milliseconds.
const TERMINATION_TIMEOUT_MS: i64 = 5000;

/// Which of the server's processes serves this connection. Acknowledged must mean durable, so a database that is set
/// not to wait for its disk is told to; what waits for more than that is left as it is.
const BEGIN_SESSION: &str = "SELECT pid, backend_start::text, \
    CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END \
    FROM pg_stat_activity WHERE pid = pg_backend_pid()";

/// Process ids are used again; with its time of birth one is unmistakable.
const END_SESSION: &str = "SELECT pg_terminate_backend(pid, $3) FROM pg_stat_activity \
    WHERE pid = $1 AND backend_start::text = $2";

/// The writer of a database.
pub(crate) struct Writer {
    server: Arc<Server>,
    /// Absent before the first write, and after a failure that may have left it unusable.
    connection: Option<PgConnection>,
    /// The server's process behind the latest connection.
    process: Option<ServerProcess>,
    /// When the connection last answered.
    used: Instant,
    /// Whether the latest transaction failed: an outage is reported once, not once per write.
    failing: bool,
}

struct ServerProcess {
    id: i32,
    started: String,
}

impl Committer for Writer {
    /// Takes as many as one statement can.
    async fn commit(&mut self, writes: &[&Write]) -> (usize, Result<Versions, CommitError>) {
        let batch = Batch::start_of(writes.iter().copied());
        let committed = self.transaction(async |connection: &mut PgConnection| batch.commit(connection).await).await;
        let refused = |error| CommitError {
            error: store_error(&error),
            concerns_one_write: Cause::of(&error).concerns_one_write(),
        };
        (batch.len(), committed.map_err(refused))
    }

    async fn sweep(&mut self, sweep: &Sweep) -> Result<Vec<Swept>, StoreError> {
        let removal = self.transaction(async |connection| kv::sweep(connection, sweep).await);
        removal.await.map_err(|error| store_error(&error))
    }

    async fn close(self) {
        if let Some(connection) = self.connection {
            // The server notices either way.
            let _ = connection.close().await;
        }
    }
}

impl Writer {
    /// Connects when there is something to write.
    pub(crate) fn new(server: Arc<Server>) -> Self {
        Self { server, connection: None, process: None, used: Instant::now(), failing: false }
    }

    /// Does some work in a transaction, which is durable when this returns.
    async fn transaction<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> sqlx::Result<T> {
        let server = self.server.clone();
        let attempt = async {
            let connection = self.connection().await?;
            server.in_time(work(connection)).await
        };
        let result = attempt.await;
        match &result {
            Ok(_) => {
                self.used = Instant::now();
                if std::mem::take(&mut self.failing) {
                    tracing::info!("the database can be written again");
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, "the database cannot be written");
                }
                if !Cause::of(error).concerns_one_write() {
                    self.connection = None;
                }
            }
        }
        result
    }

    /// A connection that was alive just now. Only before a statement is sent is it certain that it was not executed, so
    /// this is the moment to replace a dead connection without anyone noticing.
    async fn connection(&mut self) -> sqlx::Result<&mut PgConnection> {
        if let Some(connection) = &mut self.connection
            && self.used.elapsed() > PROBE_AFTER
            && self.server.in_time(connection.ping()).await.is_err()
        {
            self.connection = None;
        }
        match &mut self.connection {
            Some(connection) => Ok(connection),
            none => {
                let mut connection = self.server.connect().await?;
                let process = begin_session(&mut connection, self.process.as_ref());
                self.process = Some(self.server.in_time(process).await?);
                Ok(none.insert(connection))
            }
        }
    }
}

/// Ends what the previous connection may still be doing.
async fn begin_session(connection: &mut PgConnection, previous: Option<&ServerProcess>) -> sqlx::Result<ServerProcess> {
    if let Some(ServerProcess { id, started }) = previous {
        let query = sqlx::query_scalar(END_SESSION).bind(id).bind(started).bind(TERMINATION_TIMEOUT_MS);
        if query.fetch_optional(&mut *connection).await? == Some(false) {
            return Err(sqlx::Error::Protocol("the server does not let go of an earlier connection".into()));
        }
    }
    let (id, started, _) =
        sqlx::query_as::<_, (i32, String, Option<String>)>(BEGIN_SESSION).fetch_one(connection).await?;
    Ok(ServerProcess { id, started })
}
