//! One app's data as this host sees it: what is known of its catalog, and whose turn it is to write.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use orilla_services::database::store::{Failure, Mode, Outcome, StoreError};
use sqlx::Row as _;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use super::catalog::{Catalog, LOAD};
use super::failure;
use super::line::{Job, Pool, Transacting};
use super::writer::Writer;

/// How long a transaction waits for this host's other transactions of the same app.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

const FIND: &str = "SELECT id FROM orilla.apps WHERE tenant = $1 AND app = $2";

/// Returns nothing when another host makes the app at the same moment.
const FIND_OR_MAKE: &str = "
    WITH made AS (
        INSERT INTO orilla.apps (tenant, app) VALUES ($1, $2) ON CONFLICT (tenant, app) DO NOTHING RETURNING id
    )
    SELECT id FROM orilla.apps WHERE tenant = $1 AND app = $2 UNION ALL SELECT id FROM made";

/// One app.
pub(super) struct App {
    tenant: Arc<str>,
    name: Arc<str>,
    pub(super) pool: Arc<Pool>,
    /// Its key in the database, once it is known to be there. It stays.
    id: OnceLock<i64>,
    /// The latest catalog that was seen. Others may have changed it since: each transaction makes sure.
    catalog: Mutex<Arc<Catalog>>,
    writer: Arc<AsyncMutex<Writer>>,
    /// Whether someone is on the way to commit what has ended.
    committing: AtomicBool,
}

impl App {
    pub(super) fn new(tenant: Arc<str>, name: Arc<str>, pool: Arc<Pool>) -> Self {
        let (id, catalog, committing) = (OnceLock::new(), Mutex::default(), AtomicBool::new(false));
        Self { tenant, name, pool, id, catalog, writer: Arc::default(), committing }
    }

    /// The app's key, if it has data.
    pub(super) async fn find(&self) -> Outcome<Option<i64>> {
        match self.id.get() {
            Some(id) => Ok(Some(*id)),
            None => self.look_up(FIND).await,
        }
    }

    /// The app's key, which it gets if it has none.
    pub(super) async fn find_or_make(&self) -> Outcome<i64> {
        loop {
            if let Some(id) = self.id.get() {
                return Ok(*id);
            }
            self.look_up(FIND_OR_MAKE).await?;
        }
    }

    /// The app's key, if this host has found it before.
    pub(super) fn known_id(&self) -> Option<i64> {
        self.id.get().copied()
    }

    async fn look_up(&self, statement: &'static str) -> Outcome<Option<i64>> {
        let query = sqlx::query(statement).bind(self.tenant.as_bytes()).bind(self.name.as_bytes());
        let job = Job::of(query).map_err(|error| failure(&error))?;
        let rows = self.pool.once(job).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let id = row.try_get(0).map_err(|error| failure(&error))?;
        Ok(Some(*self.id.get_or_init(|| id)))
    }

    /// The latest catalog that was seen.
    pub(super) fn catalog(&self) -> Arc<Catalog> {
        self.catalog.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The catalog after so many changes, read within an open transaction unless it is known.
    pub(super) async fn catalog_after(
        &self,
        changes: i64,
        app: i64,
        transaction: &mut impl Transacting,
    ) -> Outcome<Arc<Catalog>> {
        let known = self.catalog();
        if known.changes == changes {
            return Ok(known);
        }
        let read = Arc::new(load(changes, app, transaction).await?);
        self.learn(&read);
        Ok(read)
    }

    /// Remembers a committed catalog, if it is news.
    pub(super) fn learn(&self, catalog: &Arc<Catalog>) {
        let mut known = self.catalog.lock().unwrap_or_else(PoisonError::into_inner);
        if known.changes < catalog.changes {
            *known = catalog.clone();
        }
    }

    /// The turn to write, with a transaction open.
    pub(super) async fn turn(self: &Arc<Self>, mode: Mode) -> Outcome<OwnedMutexGuard<Writer>> {
        let turn = tokio::time::timeout(TURN_TIMEOUT, self.writer.clone().lock_owned());
        let mut writer = turn.await.map_err(|_| Failure::Busy)?;
        if writer.is_full(mode) {
            let app = self.clone();
            let commit = async move {
                writer.commit(&app).await;
                writer
            };
            // The task ends early only with the runtime.
            writer = self.pool.runtime.spawn(commit).await.map_err(|_| StoreError::Closed)?;
        }
        writer.open(self, mode).await?;
        Ok(writer)
    }

    /// Asks for a commit of all that has ended: after those who wait for their turn already, so that they share it.
    pub(super) fn commit_soon(self: &Arc<Self>) {
        if self.committing.swap(true, Ordering::Relaxed) {
            return;
        }
        let app = self.clone();
        self.pool.runtime.spawn(async move {
            let mut writer = app.writer.clone().lock_owned().await;
            app.committing.store(false, Ordering::Relaxed);
            writer.commit(&app).await;
        });
    }

    /// Commits what has ended.
    pub(super) async fn close(self: &Arc<Self>) {
        let mut writer = self.writer.clone().lock_owned().await;
        writer.commit(self).await;
    }
}

/// Reads the catalog as the open transaction sees it.
pub(super) async fn load(changes: i64, app: i64, transaction: &mut impl Transacting) -> Outcome<Catalog> {
    let job = Job::of(sqlx::query(LOAD).bind(app)).map_err(|error| failure(&error))?;
    let rows = transaction.fetch(job).await?;
    Catalog::from_rows(changes, &rows).map_err(|error| failure(&error))
}
