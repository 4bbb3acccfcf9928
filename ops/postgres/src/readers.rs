//! A few connections for reads, opened when first needed.
//!
//! A socket belongs to the async runtime that opened it, which is the host's and never an isolate's own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use orilla_services::kv::read_turns::ReadTurns;
use orilla_services::kv::store::StoreError;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{Connection, Execute, Postgres, SqlStr};

use crate::error::{Cause, store_error};
use crate::server::Server;

pub(crate) struct Readers {
    shared: Arc<Shared>,
    turns: ReadTurns,
}

struct Shared {
    server: Arc<Server>,
    idle: Mutex<Vec<PgConnection>>,
}

/// A statement with its arguments, ready to be sent more than once.
#[derive(Clone)]
struct Read {
    statement: SqlStr,
    arguments: PgArguments,
}

impl Readers {
    pub(crate) fn new(server: Arc<Server>, count: u32) -> Self {
        let shared = Arc::new(Shared { server, idle: Mutex::default() });
        Self { shared, turns: ReadTurns::new(count) }
    }

    /// Reads rows, waiting while all connections are in use.
    pub(crate) async fn fetch(&self, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>, StoreError> {
        let read = Read::new(query).map_err(|error| store_error(&error))?;
        let shared = self.shared.clone();
        let rows = self.turns.read(async move { shared.fetch(read).await }).await?;
        rows.map_err(|error| {
            tracing::error!(%error, "the database could not be read");
            store_error(&error)
        })
    }

    /// Waits for the reads under way, then closes all connections.
    pub(crate) async fn close(&self) {
        self.turns.close().await;
        let idle = std::mem::take(&mut *self.shared.idle());
        for connection in idle {
            // The server notices either way.
            let _ = connection.close().await;
        }
    }
}

impl Read {
    fn new(mut query: Query<'_, Postgres, PgArguments>) -> sqlx::Result<Self> {
        let arguments = query.take_arguments().map_err(sqlx::Error::Encode)?.unwrap_or_default();
        Ok(Self { statement: query.sql(), arguments })
    }
}

impl Shared {
    /// A connection that lay idle may be dead, and its siblings with it: a read that fails on one is tried again on a
    /// new one.
    async fn fetch(&self, read: Read) -> sqlx::Result<Vec<PgRow>> {
        let idle = self.idle().pop();
        if let Some(connection) = idle {
            match self.fetch_on(connection, read.clone()).await {
                Err(error) if Cause::of(&error) == Cause::Unreachable => self.idle().clear(),
                result => return result,
            }
        }
        self.fetch_on(self.server.connect().await?, read).await
    }

    /// A connection on which something failed is not used again.
    async fn fetch_on(&self, mut connection: PgConnection, read: Read) -> sqlx::Result<Vec<PgRow>> {
        let query = sqlx::query_with(read.statement, read.arguments);
        let rows = self.server.in_time(query.fetch_all(&mut connection)).await?;
        self.idle().push(connection);
        Ok(rows)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<PgConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
