//! The document store in Postgres: all apps of all hosts in the same few tables.

mod app;
mod catalog;
mod guard;
mod line;
mod nearest;
mod reader;
mod scan;
mod snapshot;
mod statements;
mod sweep;
mod transaction;
mod writer;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use orilla_services::database::store::{DocumentStore, Failure, Mode, Outcome, StoreError, Transaction};
use orilla_services::gate::Scope;
use tokio::runtime::Handle;

use self::app::App;
use self::line::{Job, Pool};
use self::reader::Reader;
use self::transaction::PostgresTransaction;
use crate::error::store_error;
use crate::kv::text;
use crate::server::Server;
use crate::store::PostgresConfig;

/// Apps that have collections.
const APPS: &str = "SELECT tenant, app FROM orilla.apps \
    WHERE EXISTS (SELECT FROM orilla.collections WHERE collections.app = apps.id)";

/// Documents of all apps of a database.
pub struct PostgresDocuments {
    pool: Arc<Pool>,
    cursor_secret: [u8; 32],
    apps: Mutex<Option<Apps>>,
}

type Apps = HashMap<(Arc<str>, Arc<str>), Arc<App>>;

impl PostgresDocuments {
    pub(crate) fn new(
        server: Arc<Server>,
        runtime: Handle,
        config: &PostgresConfig,
        cursor_secret: [u8; 32],
        extension: Option<String>,
    ) -> Self {
        let pool = Pool::new(server, runtime, config, extension);
        sweep::sweep(&pool);
        Self { pool, cursor_secret, apps: Mutex::new(Some(Apps::new())) }
    }

    fn app(&self, scope: &Scope<'_>) -> Outcome<Arc<App>> {
        let mut open = self.open();
        let apps = open.as_mut().ok_or(StoreError::Closed)?;
        let (tenant, name) = (scope.tenant().clone(), scope.app().clone());
        let app = apps.entry((tenant.clone(), name.clone()));
        Ok(app.or_insert_with(|| Arc::new(App::new(tenant, name, self.pool.clone()))).clone())
    }

    fn open(&self) -> MutexGuard<'_, Option<Apps>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl DocumentStore for PostgresDocuments {
    async fn begin(&self, scope: &Scope<'_>, mode: Mode) -> Outcome<Box<dyn Transaction>> {
        let app = self.app(scope)?;
        let transaction = match mode {
            Mode::Read => PostgresTransaction::reading(Reader::new(app)),
            Mode::Write | Mode::Interactive => {
                let turn = app.turn(mode).await?;
                PostgresTransaction::writing(app, turn)?
            }
        };
        Ok(Box::new(transaction))
    }

    async fn apps(&self) -> Outcome<Vec<(Arc<str>, Arc<str>)>> {
        let job = Job::of(sqlx::query(APPS)).map_err(|error| failure(&error))?;
        let rows = self.pool.once(job).await?;
        let names = rows.iter().map(|row| Ok((text(row, 0)?.into(), text(row, 1)?.into())));
        let mut apps: Vec<_> = names.collect::<sqlx::Result<_>>().map_err(|error| failure(&error))?;
        apps.sort();
        Ok(apps)
    }

    fn shared(&self) -> bool {
        true
    }

    fn is_remote(&self) -> bool {
        true
    }

    async fn cursor_secret(&self) -> Outcome<[u8; 32]> {
        Ok(self.cursor_secret)
    }

    async fn close(&self) -> Outcome<()> {
        let apps = self.open().take();
        for app in apps.into_iter().flatten().map(|(_, app)| app) {
            app.close().await;
        }
        self.pool.close().await;
        Ok(())
    }
}

/// What went wrong in Postgres, as the services see it. The details are for the server's log.
fn failure(error: &sqlx::Error) -> Failure {
    // See https://www.postgresql.org/docs/current/errcodes-appendix.html
    let told = error.as_database_error();
    match told.and_then(|error| error.code()).as_deref() {
        // Two transactions that cannot both have been alone; a deadlock; a unique key that two hosts wrote at once.
        Some("40001" | "40P01" | "23505") => Failure::Conflict,
        // The index was dropped since the snapshot was taken.
        Some("42P01") if told.is_some_and(|error| error.message().contains("orilla.nearest_")) => Failure::Conflict,
        // No lock in time.
        Some("55P03") => Failure::Busy,
        _ => {
            tracing::error!(%error, "a statement failed in the documents' database");
            store_error(error).into()
        }
    }
}
