//! A transaction that only reads: one snapshot of the database.
//!
//! Most of them need a single statement, which is a snapshot by itself. So the first one goes without a `BEGIN`, and
//! says, besides what it finds, which version the app's data and which edition its catalog is: the catalog in memory is used
//! as long as it is that one. If a second statement comes, a snapshot is opened for it; should the app have changed in the
//! moment between, the first statement is repeated there, and what it found must be the same.

use std::sync::Arc;

use orilla_services::database::store::{Collection, Failure, Outcome, RowId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::app::{App, Known};
use super::catalog::Catalog;
use super::failure;
use super::line::{Job, Transacting as _};
use super::snapshot::Snapshot;

/// A transaction that only reads.
pub(super) struct Reader {
    app: Arc<App>,
    /// The app's key; none if it has no data, or none that is known so far.
    id: Option<i64>,
    catalog: Arc<Catalog>,
    /// What the service has been told of the catalog before it was certain that it is the latest.
    told: Vec<Arc<Collection>>,
    view: View,
}

/// How far the transaction has come.
enum View {
    /// Nothing has been read.
    Fresh,
    /// One statement has run by itself.
    Once(First),
    /// A snapshot is open; the app's data is at this version.
    Within(Snapshot, u64),
    /// The app has no data.
    Empty,
}

/// A statement and what it found.
struct First {
    version: i64,
    job: Job,
    found: Vec<(Option<RowId>, Option<i64>)>,
}

impl Reader {
    pub(super) fn new(app: Arc<App>) -> Self {
        let Known { id, catalog } = app.known();
        Self { app, id, catalog, told: Vec::new(), view: View::Fresh }
    }

    /// The catalog, which is certain to be that of the snapshot.
    pub(super) async fn catalog(&mut self) -> Outcome<&Arc<Catalog>> {
        self.open().await?;
        Ok(&self.catalog)
    }

    /// The collection of this name. That there is none is certain; what is found may prove to be outdated later.
    pub(super) async fn collection(&mut self, name: &str) -> Outcome<Option<Arc<Collection>>> {
        if let (View::Fresh, Some(found)) = (&self.view, self.catalog.collections.get(name)) {
            self.told.push(found.clone());
            return Ok(Some(found.clone()));
        }
        Ok(self.catalog().await?.collections.get(name).cloned())
    }

    /// The catalog that the service knows of.
    pub(super) fn known(&self) -> Arc<Catalog> {
        self.catalog.clone()
    }

    /// The app's key; none if it has no data.
    pub(super) fn id(&self) -> Option<i64> {
        self.id
    }

    pub(super) async fn version(&mut self) -> Outcome<u64> {
        self.open().await?;
        Ok(if let View::Within(_, version) = self.view { version } else { 0 })
    }

    /// Runs a statement that may well be the only one. Its rows, of which there is at least one, begin with the app's
    /// version and catalog, and with a document's row and version.
    pub(super) async fn fetch_first(&mut self, job: Job) -> Outcome<Vec<PgRow>> {
        if !matches!(self.view, View::Fresh) {
            return self.fetch(job).await;
        }
        let rows = self.app.pool.once(job.clone()).await?;
        let first = First::new(job.clone(), &rows).map_err(|error| failure(&error))?;
        match first {
            Some((first, edition)) if edition == self.catalog.edition => {
                self.view = View::Once(first);
                Ok(rows)
            }
            _ => self.fetch(job).await,
        }
    }

    /// Runs a statement in the snapshot.
    pub(super) async fn fetch(&mut self, job: Job) -> Outcome<Vec<PgRow>> {
        self.open().await?;
        match &mut self.view {
            View::Within(snapshot, _) => snapshot.fetch(job).await,
            View::Fresh | View::Once(_) | View::Empty => Ok(Vec::new()),
        }
    }

    /// Makes sure that all the service has been told still holds, and ends.
    pub(super) async fn finish(mut self) -> Outcome<()> {
        if let (View::Fresh, false) = (&self.view, self.told.is_empty()) {
            self.open().await?;
        }
        Ok(())
    }

    /// Opens the snapshot, unless it is open.
    async fn open(&mut self) -> Outcome<()> {
        if matches!(self.view, View::Within(..) | View::Empty) {
            return Ok(());
        }
        let app = self.app.clone();
        if self.id.is_none() {
            self.id = app.find().await?;
        }
        let Some(id) = self.id else {
            self.view = View::Empty;
            return Ok(());
        };
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SELECT version, catalog FROM orilla.apps WHERE {}",
            app.row(id)
        );
        let (mut snapshot, rows) = app.snapshot(begin).await?;
        let Some(row) = rows.first() else {
            app.forget(id);
            return Err(Failure::Conflict);
        };
        let version: i64 = row.try_get(0).map_err(|error| failure(&error))?;
        let edition = row.try_get(1).map_err(|error| failure(&error))?;
        self.catalog = app.catalog_in(edition, id, &mut snapshot).await?;
        if !self.told.iter().all(|known| self.catalog.agrees_with(known)) {
            return Err(Failure::Conflict);
        }
        if let View::Once(first) = &self.view
            && first.version != version
        {
            let rows = snapshot.fetch(first.job.clone()).await?;
            if found(&rows).map_err(|error| failure(&error))? != first.found {
                return Err(Failure::Conflict);
            }
        }
        self.view = View::Within(snapshot, version.cast_unsigned());
        Ok(())
    }
}

impl First {
    /// What the first statement found, and the catalog's edition; nothing if there is no such app.
    fn new(job: Job, rows: &[PgRow]) -> sqlx::Result<Option<(Self, i64)>> {
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some((Self { version: row.try_get(0)?, job, found: found(rows)? }, row.try_get(1)?)))
    }
}

/// The documents in rows, each by its row and version: equal ones have equal contents.
fn found(rows: &[PgRow]) -> sqlx::Result<Vec<(Option<RowId>, Option<i64>)>> {
    rows.iter().map(|row| Ok((row.try_get(2)?, row.try_get(3)?))).collect()
}
