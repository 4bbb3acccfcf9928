//! A few connections for reads, opened when first needed.
//!
//! Each read runs as a task on the host's runtime, never on an isolate's own: a socket belongs to the runtime that opened
//! it, and an isolate that is stuck in JavaScript, or gone, would take the connection with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use orilla_services::kv::store::StoreError;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{Connection, Execute, Postgres, SqlStr};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

use crate::error::{Cause, store_error};
use crate::server::Server;

pub(crate) struct Readers {
    shared: Arc<Shared>,
    permits: Arc<Semaphore>,
    count: u32,
    runtime: Handle,
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
        Self { shared, permits: Arc::new(Semaphore::new(count as usize)), count, runtime: Handle::current() }
    }

    /// Reads rows, waiting while all connections are in use.
    pub(crate) async fn fetch(&self, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>, StoreError> {
        let read = Read::new(query).map_err(|error| store_error(&error))?;
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
                let _ = reply.send(shared.fetch(read).await);
            }
        });
        let rows = rows.await.map_err(|_| StoreError::Closed)?;
        rows.map_err(|error| {
            tracing::error!(%error, "the database could not be read");
            store_error(&error)
        })
    }

    /// Waits for the reads under way, then closes all connections.
    pub(crate) async fn close(&self) {
        let Ok(_all) = self.permits.acquire_many(self.count).await else { return };
        self.permits.close();
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
