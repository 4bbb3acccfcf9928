//! A few read-only connections, opened when first needed.
//!
//! sqlx starts a thread for each connection. Reads run on the host's runtime, so that it never has the priority of an isolate that
//! asks, which may be the lowest.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use orilla_services::kv::read_turns::ReadTurns;
use orilla_services::kv::store::StoreError;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Connection, Execute, SqlStr, Sqlite, SqliteConnection};

use crate::error::store_error;

pub(crate) struct Readers {
    shared: Arc<Shared>,
    turns: ReadTurns,
}

struct Shared {
    options: SqliteConnectOptions,
    idle: Mutex<Vec<SqliteConnection>>,
}

impl Readers {
    /// Reads run on the async runtime that this is called from.
    pub(crate) fn new(options: SqliteConnectOptions, count: u32) -> Self {
        let shared = Arc::new(Shared { options, idle: Mutex::default() });
        Self { shared, turns: ReadTurns::new(count) }
    }

    /// Reads rows, waiting while all connections are in use.
    pub(crate) async fn fetch(
        &self,
        mut query: Query<'_, Sqlite, SqliteArguments>,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let arguments = query.take_arguments().map_err(|error| failed(&sqlx::Error::Encode(error)))?;
        let (statement, shared) = (query.sql(), self.shared.clone());
        let rows = self.turns.read(async move { shared.fetch(statement, arguments.unwrap_or_default()).await });
        rows.await?.map_err(|error| failed(&error))
    }

    /// Waits for the reads under way, then closes all connections.
    pub(crate) async fn close(&self) {
        self.turns.close().await;
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
