//! A few read-only connections, opened when first needed.
//!
//! Each read runs as a task on the host's runtime, never on an isolate's own: an isolate that is stuck in JavaScript would keep the
//! connection from all other apps. sqlx also starts a thread for each connection, and a thread takes over the priority of the one that
//! starts it, which of an isolate's may be the lowest.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use orilla_services::kv::store::StoreError;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Connection, Execute, SqlStr, Sqlite, SqliteConnection};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

use crate::error::store_error;

pub(crate) struct Readers {
    shared: Arc<Shared>,
    permits: Arc<Semaphore>,
    count: u32,
    runtime: Handle,
}

struct Shared {
    options: SqliteConnectOptions,
    idle: Mutex<Vec<SqliteConnection>>,
}

impl Readers {
    /// Reads run on the async runtime that this is called from.
    pub(crate) fn new(options: SqliteConnectOptions, count: u32) -> Self {
        let shared = Arc::new(Shared { options, idle: Mutex::default() });
        Self { shared, permits: Arc::new(Semaphore::new(count as usize)), count, runtime: Handle::current() }
    }

    /// Reads rows, waiting while all connections are in use.
    pub(crate) async fn fetch(&self, query: Query<'_, Sqlite, SqliteArguments>) -> Result<Vec<SqliteRow>, StoreError> {
        let mut query = query;
        let arguments = query.take_arguments().map_err(|error| store_error(&sqlx::Error::Encode(error)))?;
        let statement = query.sql();
        let (shared, permits) = (self.shared.clone(), self.permits.clone());
        let (mut reply, rows) = oneshot::channel();
        self.runtime.spawn(async move {
            // Here as well: what is given to one that is stuck is lost to the others.
            let permit = tokio::select! {
                permit = permits.acquire_owned() => permit,
                () = reply.closed() => return,
            };
            if permit.is_ok() {
                // Who asked may be gone.
                let _ = reply.send(shared.fetch(statement, arguments.unwrap_or_default()).await);
            }
        });
        let rows = rows.await.map_err(|_| StoreError::Closed)?;
        rows.map_err(|error| failed(&error))
    }

    /// Waits for the reads under way, then closes all connections.
    pub(crate) async fn close(&self) {
        let Ok(_all) = self.permits.acquire_many(self.count).await else { return };
        self.permits.close();
        let idle = std::mem::take(&mut *self.shared.idle());
        for connection in idle {
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "a connection to the database did not close cleanly");
            }
        }
    }
}

/// What a read that failed, or whose rows are not what they should be, means for the caller.
pub(crate) fn failed(error: &sqlx::Error) -> StoreError {
    tracing::error!(%error, "the database could not be read");
    store_error(error)
}

impl Shared {
    /// A connection on which something failed is not used again.
    async fn fetch(&self, statement: SqlStr, arguments: SqliteArguments) -> sqlx::Result<Vec<SqliteRow>> {
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        let rows = sqlx::query_with(statement, arguments).fetch_all(&mut connection).await?;
        self.idle().push(connection);
        Ok(rows)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
