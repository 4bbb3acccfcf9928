//! The one writer: what waits in the queue it applies in one transaction, and syncs the disk once.

use std::sync::Arc;

use orilla_services::kv::store::{StoreError, Sweep, Swept, Write};
use orilla_services::kv::write_queue::{CommitError, Committer, Versions};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use crate::directory::DataDirectory;
use crate::error::{Cause, store_error};
use crate::kv;

/// The writer of a data directory.
pub(crate) struct Writer {
    options: SqliteConnectOptions,
    /// Absent after a failure that may have left it unusable.
    connection: Option<SqliteConnection>,
    /// The version of the latest mutation.
    version: u64,
    /// Whether the latest transaction failed: a full disk is reported once, not once per write.
    failing: bool,
    // Declared last: the directory is free for others when the connection is gone.
    _directory: Arc<DataDirectory>,
}

impl Committer for Writer {
    async fn commit(&mut self, writes: &[&Write]) -> (usize, Result<Versions, CommitError>) {
        let work =
            async |connection: &mut SqliteConnection, version: &mut u64| kv::apply(connection, writes, version).await;
        let committed = self.transaction(work).await;
        let refused = |error| CommitError {
            error: store_error(&error),
            concerns_one_write: Cause::of(&error).concerns_one_write(),
        };
        (writes.len(), committed.map_err(refused))
    }

    async fn sweep(&mut self, sweep: &Sweep) -> Result<Vec<Swept>, StoreError> {
        let removal = self.transaction(async |connection, version| kv::sweep(connection, sweep, version).await);
        removal.await.map_err(|error| store_error(&error))
    }

    /// What cannot be moved from the log into the database now is moved later.
    async fn close(mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let checkpoint = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await;
        if let Err(error) = checkpoint.and(connection.close().await) {
            tracing::warn!(%error, "the database did not close cleanly; the next start completes it");
        }
    }
}

impl Writer {
    /// Goes on after this version over a connection that is open already, and opens others with these options.
    pub(crate) fn new(
        directory: Arc<DataDirectory>,
        options: SqliteConnectOptions,
        connection: SqliteConnection,
        version: u64,
    ) -> Self {
        Self { _directory: directory, options, connection: Some(connection), version, failing: false }
    }

    /// Does some work in a transaction, which is durable when this returns. The work counts up the version.
    async fn transaction<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut SqliteConnection, &mut u64) -> sqlx::Result<T>,
    ) -> sqlx::Result<T> {
        let mut version = self.version;
        let attempt = async {
            let connection = match &mut self.connection {
                Some(connection) => connection,
                none => none.insert(self.options.connect().await?),
            };
            sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
            let result = work(connection, &mut version).await?;
            if version > self.version {
                let save = sqlx::query("UPDATE store SET version = ?").bind(version.cast_signed());
                save.execute(&mut *connection).await?;
            }
            sqlx::query("COMMIT").execute(connection).await?;
            Ok(result)
        };
        let result = attempt.await;
        match &result {
            // A transaction that changed nothing proves nothing.
            Ok(_) if version > self.version => {
                self.version = version;
                if std::mem::take(&mut self.failing) {
                    tracing::info!("the database can be written again");
                }
            }
            Ok(_) => {}
            Err(error) => self.recover(error).await,
        }
        result
    }

    /// Makes ready for the next transaction.
    async fn recover(&mut self, error: &sqlx::Error) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::error!(%error, "the database cannot be written");
        }
        let Some(connection) = self.connection.as_mut().filter(|_| Cause::of(error).concerns_one_write()) else {
            self.connection = None;
            return;
        };
        // SQLite may have rolled back already, and then says that there is nothing to roll back.
        let _ = sqlx::query("ROLLBACK").execute(connection).await;
    }
}
