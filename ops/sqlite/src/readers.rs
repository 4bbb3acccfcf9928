//! A few read-only connections, opened when first needed. They may be used from any thread and any async runtime, and a
//! reader that stops waiting gives its connection back at once: isolates come and go.
//!
//! sqlx starts a thread for each connection. It is started on the async runtime of the host and not on the thread that asks: a
//! thread takes over the priority of the one that starts it, an isolate's may be the lowest, and the connection serves all apps.

use std::sync::{Mutex, MutexGuard, PoisonError};

use orilla_services::kv::store::StoreError;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::store_error;

pub(crate) struct Readers {
    options: SqliteConnectOptions,
    runtime: Handle,
    permits: Semaphore,
    count: u32,
    idle: Mutex<Vec<SqliteConnection>>,
}

/// A connection on loan.
pub(crate) struct Reader<'r> {
    readers: &'r Readers,
    connection: Option<SqliteConnection>,
    // Declared last: the connection is back before another reader may look for it.
    _permit: SemaphorePermit<'r>,
}

impl Readers {
    /// Connections are opened on the async runtime that this is called from.
    pub(crate) fn new(options: SqliteConnectOptions, count: u32) -> Self {
        let permits = Semaphore::new(count as usize);
        Self { options, runtime: Handle::current(), permits, count, idle: Mutex::default() }
    }

    async fn open(&self) -> sqlx::Result<SqliteConnection> {
        let options = self.options.clone();
        let opened = self.runtime.spawn(async move { options.connect().await });
        opened.await.map_err(|_| sqlx::Error::PoolClosed)?
    }

    /// Borrows a connection, waiting while all are in use.
    pub(crate) async fn acquire(&self) -> Result<Reader<'_>, StoreError> {
        let permit = self.permits.acquire().await.map_err(|_| StoreError::Closed)?;
        let connection = self.idle().pop();
        Ok(Reader { readers: self, connection, _permit: permit })
    }

    /// Waits for the readers at work, then closes all connections.
    pub(crate) async fn close(&self) {
        let Ok(_all) = self.permits.acquire_many(self.count).await else { return };
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle());
        for connection in idle {
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "a connection to the database did not close cleanly");
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader<'_> {
    pub(crate) async fn connection(&mut self) -> sqlx::Result<&mut SqliteConnection> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            none => Ok(none.insert(self.readers.open().await?)),
        }
    }

    /// Ends the loan. A connection on which something failed is not used again.
    pub(crate) fn finish<T>(mut self, result: sqlx::Result<T>) -> Result<T, StoreError> {
        result.map_err(|error| {
            tracing::error!(%error, "the database could not be read");
            self.connection = None;
            store_error(&error)
        })
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.readers.idle().push(connection);
        }
    }
}
