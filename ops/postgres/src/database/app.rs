//! One app's data as this host sees it: what is known of its catalog, and whose turn it is to write.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use orilla_services::database::store::{Mode, Outcome, StoreError};
use sqlx::Row as _;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, Semaphore};

use super::catalog::{Catalog, LOAD};
use super::failure;
use super::line::{Job, Pool, Transacting};
use super::writer::Writer;

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
    known: Mutex<Known>,
    writer: Arc<AsyncMutex<Writer>>,
    /// What its snapshots may have of the host's connections: however many readers are stuck, other apps' have some left.
    pub(super) snapshots: Arc<Semaphore>,
    /// Whether someone is on the way to commit what has ended.
    committing: AtomicBool,
}

/// What this host knows of an app. Others may have changed it since, and a server that took over may have lost it: each
/// transaction makes sure.
#[derive(Clone, Default)]
pub(super) struct Known {
    /// Its key in the database, once it was seen there.
    pub(super) id: Option<i64>,
    /// The latest catalog that was seen.
    pub(super) catalog: Arc<Catalog>,
}

impl App {
    pub(super) fn new(tenant: Arc<str>, name: Arc<str>, pool: Arc<Pool>) -> Self {
        let snapshots = Arc::new(Semaphore::new(pool.most_snapshots()));
        let committing = AtomicBool::new(false);
        Self { tenant, name, pool, known: Mutex::default(), writer: Arc::default(), snapshots, committing }
    }

    /// What this host knows.
    pub(super) fn known(&self) -> Known {
        self.lock().clone()
    }

    /// The app's key, if it has data.
    pub(super) async fn find(&self) -> Outcome<Option<i64>> {
        match self.known().id {
            Some(id) => Ok(Some(id)),
            None => self.look_up(FIND).await,
        }
    }

    /// The app's key, which it gets if it has none.
    pub(super) async fn find_or_make(&self) -> Outcome<i64> {
        loop {
            if let Some(id) = self.known().id {
                return Ok(id);
            }
            self.look_up(FIND_OR_MAKE).await?;
        }
    }

    async fn look_up(&self, statement: &'static str) -> Outcome<Option<i64>> {
        let query = sqlx::query(statement).bind(self.tenant.as_bytes()).bind(self.name.as_bytes());
        let job = Job::of(query).map_err(|error| failure(&error))?;
        let rows = self.pool.once(job).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let id = row.try_get(0).map_err(|error| failure(&error))?;
        Ok(Some(*self.lock().id.get_or_insert(id)))
    }

    /// The condition on `orilla.apps` that the app's own row meets if this is still its key.
    pub(super) fn row(&self, id: i64) -> String {
        let hex = |name: &str| name.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        let (tenant, name) = (hex(&self.tenant), hex(&self.name));
        format!("id = {id} AND tenant = decode('{tenant}', 'hex') AND app = decode('{name}', 'hex')")
    }

    /// Forgets a key that is not the app's any more, and the catalog with it.
    pub(super) fn forget(&self, id: i64) {
        let mut known = self.lock();
        if known.id == Some(id) {
            *known = Known::default();
        }
    }

    /// The catalog in an edition, read within an open transaction unless it is known.
    pub(super) async fn catalog_in(
        &self,
        edition: i64,
        id: i64,
        transaction: &mut impl Transacting,
    ) -> Outcome<Arc<Catalog>> {
        let known = self.known().catalog;
        if known.edition == edition {
            return Ok(known);
        }
        let read = Arc::new(load(edition, id, transaction).await?);
        self.learn(id, &read);
        Ok(read)
    }

    /// Remembers a committed catalog.
    pub(super) fn learn(&self, id: i64, catalog: &Arc<Catalog>) {
        let mut known = self.lock();
        if known.id == Some(id) {
            known.catalog = catalog.clone();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The turn to write, with a transaction open.
    pub(super) async fn turn(self: &Arc<Self>, mode: Mode) -> Outcome<OwnedMutexGuard<Writer>> {
        let mut writer = self.pool.in_time(self.writer.clone().lock_owned()).await?;
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
pub(super) async fn load(edition: i64, app: i64, transaction: &mut impl Transacting) -> Outcome<Catalog> {
    let job = Job::of(sqlx::query(LOAD).bind(app)).map_err(|error| failure(&error))?;
    let rows = transaction.fetch(job).await?;
    Catalog::from_rows(edition, &rows).map_err(|error| failure(&error))
}
