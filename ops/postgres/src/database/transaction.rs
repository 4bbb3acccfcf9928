//! Transactions on an app's documents, as the service uses them.

use std::sync::Arc;

use async_trait::async_trait;
use orilla_services::database::index::Index;
use orilla_services::database::store::{
    Collection, CollectionId, Failure, IndexId, IndexRecord, IndexState, OnCommit, Outcome, Position, RowId, Scan,
    ScannedPart, StoreError, StoredDocument, StoredVector, Transaction,
};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres, Row as _};
use tokio::sync::OwnedMutexGuard;

use super::app::App;
use super::catalog::Catalog;
use super::line::Job;
use super::nearest::{self, Table};
use super::reader::Reader;
use super::writer::{Group, Mark, Writer};
use super::{failure, scan, statements};

/// A transaction on an app's documents.
pub(super) struct PostgresTransaction {
    on: On,
}

enum On {
    Reader(Box<Reader>),
    Writer { app: Arc<App>, turn: OwnedMutexGuard<Writer>, mark: Mark },
    Ended,
}

impl PostgresTransaction {
    pub(super) fn reading(reader: Reader) -> Self {
        Self { on: On::Reader(Box::new(reader)) }
    }

    pub(super) fn writing(app: Arc<App>, mut turn: OwnedMutexGuard<Writer>) -> Outcome<Self> {
        let mark = turn.group()?.mark();
        Ok(Self { on: On::Writer { app, turn, mark } })
    }

    fn group(&mut self) -> Outcome<&mut Group> {
        match &mut self.on {
            On::Writer { turn, .. } => turn.group(),
            On::Reader(_) | On::Ended => {
                Err(StoreError::Unavailable("the transaction cannot change anything".into()).into())
            }
        }
    }

    /// Runs a statement.
    async fn fetch(&mut self, query: Query<'_, Postgres, PgArguments>) -> Outcome<Vec<PgRow>> {
        let job = Job::of(query).map_err(|error| failure(&error))?;
        match &mut self.on {
            On::Reader(reader) => reader.fetch(job).await,
            On::Writer { turn, .. } => turn.group()?.line.go_on(job).await.map_err(|error| failure(&error)),
            On::Ended => Err(StoreError::Closed.into()),
        }
    }

    /// Runs a statement whose rows begin as those of [`scan::BY_ID`] do, which may be the only one of a transaction.
    async fn fetch_first(&mut self, query: Query<'_, Postgres, PgArguments>) -> Outcome<Vec<PgRow>> {
        match &mut self.on {
            On::Reader(reader) => reader.fetch_first(Job::of(query).map_err(|error| failure(&error))?).await,
            On::Writer { .. } | On::Ended => self.fetch(query).await,
        }
    }

    /// Runs a statement that changes something.
    async fn change(&mut self, query: Query<'_, Postgres, PgArguments>) -> Outcome<Vec<PgRow>> {
        self.group()?;
        self.fetch(query).await
    }

    /// Makes sure that a collection is the app's own, and says the app's key; none if it has no data.
    async fn own(&mut self, collection: CollectionId) -> Outcome<Option<i64>> {
        let (app, catalog) = self.known().await?;
        if app.is_some() && !catalog.has_collection(collection) {
            return Err(StoreError::Unavailable("there is no such collection".into()).into());
        }
        Ok(app)
    }

    /// Makes sure that an index is the app's own.
    async fn own_index(&mut self, index: IndexId) -> Outcome<()> {
        let (app, catalog) = self.known().await?;
        if app.is_some() && !catalog.has_index(index) {
            return Err(StoreError::Unavailable("there is no such index".into()).into());
        }
        Ok(())
    }

    async fn known(&mut self) -> Outcome<(Option<i64>, Arc<Catalog>)> {
        match &mut self.on {
            On::Reader(reader) => Ok((reader.id(), reader.known())),
            On::Writer { turn, .. } => {
                let group = turn.group()?;
                Ok((Some(group.app), group.catalog().await?))
            }
            On::Ended => Err(StoreError::Closed.into()),
        }
    }

    /// The schema of pgvector's types, for the indexes that are made here.
    fn extension(&self) -> Option<String> {
        match &self.on {
            On::Writer { app, .. } => app.pool.extension.clone(),
            On::Reader(_) | On::Ended => None,
        }
    }

    /// Lets go of the connection and of the turn to write. Whatever has not been committed is undone.
    fn end(&mut self) {
        match std::mem::replace(&mut self.on, On::Ended) {
            On::Writer { app, mut turn, mark } => {
                app.pool.runtime.spawn(async move { turn.undo(mark).await });
            }
            On::Reader(_) | On::Ended => {}
        }
    }
}

impl Drop for PostgresTransaction {
    fn drop(&mut self) {
        self.end();
    }
}

#[async_trait]
impl Transaction for PostgresTransaction {
    async fn collection(&mut self, name: &str) -> Outcome<Option<Arc<Collection>>> {
        match &mut self.on {
            On::Reader(reader) => reader.collection(name).await,
            On::Writer { turn, .. } => Ok(turn.group()?.catalog().await?.collections.get(name).cloned()),
            On::Ended => Err(StoreError::Closed.into()),
        }
    }

    async fn create_collection(&mut self, name: &str) -> Outcome<Arc<Collection>> {
        if let Some(collection) = self.collection(name).await? {
            return Ok(collection);
        }
        let app = self.group()?.app;
        let rows = self.change(sqlx::query(statements::CREATE_COLLECTION).bind(app).bind(name.as_bytes())).await?;
        let id = first(&rows)?;
        self.group()?.catalog_changed();
        let name = name.into();
        Ok(Arc::new(Collection { id, name, own_ids: false, indexes: Vec::new() }))
    }

    async fn mark_own_ids(&mut self, collection: CollectionId) -> Outcome<()> {
        self.own(collection).await?;
        self.change(sqlx::query(statements::MARK_OWN_IDS).bind(collection)).await?;
        self.group()?.catalog_changed();
        Ok(())
    }

    async fn collections(&mut self) -> Outcome<Vec<Arc<Collection>>> {
        let catalog = match &mut self.on {
            On::Reader(reader) => reader.catalog().await?.clone(),
            On::Writer { turn, .. } => turn.group()?.catalog().await?,
            On::Ended => return Err(StoreError::Closed.into()),
        };
        Ok(catalog.collections.values().cloned().collect())
    }

    async fn create_index(&mut self, collection: CollectionId, index: &Index, state: IndexState) -> Outcome<IndexId> {
        self.own(collection).await?;
        let (name, definition) = (index.name().as_bytes(), index.to_json().into_bytes());
        let extension = self.extension().filter(|_| matches!(index, Index::Vector(found) if nearest::supports(found)));
        let query = sqlx::query(statements::CREATE_INDEX).bind(collection).bind(name).bind(definition);
        let rows = self.change(query.bind(built(state)).bind(&extension)).await?;
        let id = first(&rows)?;
        if let (Some(schema), Index::Vector(definition)) = (extension, index) {
            let create = Table::new(id, schema, definition.clone()).create();
            let created = self.group()?.line.go_on(Job::Batch(create)).await;
            created.map_err(|error| failure(&error))?;
        }
        self.group()?.catalog_changed();
        Ok(id)
    }

    async fn update_index(&mut self, record: &IndexRecord) -> Outcome<()> {
        self.own_index(record.id).await?;
        let query = sqlx::query(statements::UPDATE_INDEX).bind(record.id).bind(built(record.state));
        self.change(query.bind(i64::from(record.multikey)).bind(record.truncated)).await?;
        self.group()?.catalog_changed();
        Ok(())
    }

    async fn drop_index(&mut self, index: IndexId) -> Outcome<()> {
        self.own_index(index).await?;
        self.change(sqlx::query(statements::DROP_INDEX).bind(index)).await?;
        let group = self.group()?;
        group.catalog_changed();
        group.leaves_something = true;
        Ok(())
    }

    async fn by_id(&mut self, collection: CollectionId, id: &[u8]) -> Outcome<Option<StoredDocument>> {
        let app = self.own(collection).await?;
        let rows = self.fetch_first(sqlx::query(scan::BY_ID).bind(app).bind(collection).bind(id)).await?;
        let found = rows.first().map(scan::document).transpose();
        Ok(found.map_err(|error| failure(&error))?.flatten())
    }

    async fn by_rows(&mut self, collection: CollectionId, rows: &[RowId]) -> Outcome<Vec<StoredDocument>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let app = self.own(collection).await?;
        let found = self.fetch_first(sqlx::query(scan::BY_ROWS).bind(app).bind(collection).bind(rows)).await?;
        let documents = found.iter().filter_map(|row| scan::document(row).transpose());
        documents.collect::<sqlx::Result<_>>().map_err(|error| failure(&error))
    }

    async fn scan(&mut self, scan: &Scan<'_>) -> Outcome<ScannedPart> {
        let app = self.own(scan.collection).await?;
        let rows = self.fetch_first(scan::statement(app.unwrap_or_default(), scan)).await?;
        scan::part(scan, &rows).map_err(|error| failure(&error))
    }

    async fn count(&mut self, collection: CollectionId) -> Outcome<u64> {
        self.own(collection).await?;
        let rows = self.fetch(sqlx::query(statements::COUNT).bind(collection)).await?;
        if rows.is_empty() { Ok(0) } else { first::<i64>(&rows).map(i64::cast_unsigned) }
    }

    async fn bytes(&mut self) -> Outcome<u64> {
        let collections = self.collections().await?;
        let ids: Vec<i64> = collections.iter().map(|collection| collection.id).collect();
        let indexes: Vec<i64> =
            collections.iter().flat_map(|found| found.indexes.iter().map(|index| index.id)).collect();
        let rows = self.fetch(sqlx::query(statements::BYTES).bind(ids).bind(indexes)).await?;
        if rows.is_empty() { Ok(0) } else { first::<i64>(&rows).map(i64::cast_unsigned) }
    }

    async fn insert(&mut self, collection: CollectionId, id: &[u8], json: &str) -> Outcome<(RowId, u64)> {
        self.own(collection).await?;
        let version = self.group()?.next_version();
        let query = sqlx::query(statements::INSERT).bind(collection).bind(id).bind(version.cast_signed());
        let rows = self.change(query.bind(json.as_bytes()).bind(fits_jsonb(json))).await?;
        if rows.is_empty() { Err(Failure::IdTaken) } else { Ok((first(&rows)?, version)) }
    }

    async fn replace(&mut self, collection: CollectionId, row: RowId, json: &str) -> Outcome<u64> {
        self.own(collection).await?;
        let version = self.group()?.next_version();
        let query = sqlx::query(statements::REPLACE).bind(collection).bind(row).bind(version.cast_signed());
        self.change(query.bind(json.as_bytes()).bind(fits_jsonb(json))).await?;
        Ok(version)
    }

    async fn delete(&mut self, collection: CollectionId, row: RowId) -> Outcome<u64> {
        self.own(collection).await?;
        let version = self.group()?.next_version();
        self.change(sqlx::query(statements::DELETE).bind(collection).bind(row)).await?;
        Ok(version)
    }

    async fn add_entries(&mut self, index: IndexId, unique: bool, row: RowId, keys: &[Vec<u8>]) -> Outcome<()> {
        self.own_index(index).await?;
        let statement = if unique { statements::ADD_UNIQUE_ENTRIES } else { statements::ADD_ENTRIES };
        let rows = self.change(sqlx::query(statement).bind(index).bind(row).bind(keys)).await?;
        if unique && first(&rows)? { Err(Failure::KeyTaken) } else { Ok(()) }
    }

    async fn remove_entries(&mut self, index: IndexId, row: RowId, keys: &[Vec<u8>]) -> Outcome<()> {
        self.own_index(index).await?;
        self.change(sqlx::query(statements::REMOVE_ENTRIES).bind(index).bind(row).bind(keys)).await?;
        Ok(())
    }

    async fn entries(
        &mut self,
        index: IndexId,
        after: Option<&Position>,
        limit: u32,
    ) -> Outcome<Vec<(Vec<u8>, RowId)>> {
        self.own_index(index).await?;
        let (key, row) = after.map_or((&[][..], RowId::MIN), |after| (&after.key, after.row));
        let query = sqlx::query(statements::ENTRIES).bind(index).bind(key).bind(row).bind(i64::from(limit));
        let rows = self.fetch(query).await?;
        let entries = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        entries.collect::<sqlx::Result<_>>().map_err(|error| failure(&error))
    }

    async fn put_vectors(&mut self, index: IndexId, row: RowId, vectors: &[Vec<u8>]) -> Outcome<()> {
        self.own_index(index).await?;
        // Hosts ask for what has changed after a version: this change needs one that none of them has seen.
        let version = self.group()?.next_version();
        let query = sqlx::query(statements::PUT_VECTORS).bind(index).bind(row).bind(vectors);
        self.change(query.bind(vectors.len() as i64).bind(version.cast_signed())).await?;
        if let Some(table) = self.known().await?.1.nearest(index) {
            let literals: Vec<String> = vectors
                .iter()
                .map(|bytes| table.stored(bytes))
                .collect::<Result<_, _>>()
                .map_err(|error| StoreError::Unavailable(error.to_string()))?;
            let query = sqlx::query(AssertSqlSafe(table.put())).bind(row).bind(literals);
            self.change(query.bind(vectors.len() as i64)).await?;
        }
        Ok(())
    }

    async fn can_search(&mut self, index: IndexId) -> Outcome<bool> {
        Ok(self.known().await?.1.nearest(index).is_some())
    }

    async fn strays(&mut self, index: IndexId) -> Outcome<u64> {
        let Some(table) = self.known().await?.1.nearest(index) else { return Ok(0) };
        let rows = self.fetch(sqlx::query(AssertSqlSafe(table.strays()))).await?;
        if rows.is_empty() { Ok(0) } else { first::<i64>(&rows).map(i64::cast_unsigned) }
    }

    async fn nearest(
        &mut self,
        index: IndexId,
        vector: &[f32],
        among: Option<&[RowId]>,
        limit: u32,
    ) -> Outcome<Vec<RowId>> {
        let table = self.known().await?.1.nearest(index);
        let table = table.ok_or_else(|| StoreError::Unavailable("the server does not search this index".into()))?;
        let (vector, wanted) = (table.literal(vector), i64::from(limit));
        if let Some(rows) = among {
            let query = sqlx::query(AssertSqlSafe(table.search_among())).bind(vector).bind(wanted).bind(rows);
            return row_ids(&self.fetch(query).await?);
        }
        let query = sqlx::query(AssertSqlSafe(table.search())).bind(&vector).bind(wanted);
        let found = row_ids(&self.fetch(query).await?)?;
        if found.len() == limit as usize {
            return Ok(found);
        }
        // There are few, or some that the index does not hold: it has no place for a vector without a direction.
        row_ids(&self.fetch(sqlx::query(AssertSqlSafe(table.search_all())).bind(vector).bind(wanted)).await?)
    }

    async fn vectors(&mut self, index: IndexId, after: Option<RowId>, limit: u32) -> Outcome<Vec<StoredVector>> {
        self.own_index(index).await?;
        let after = after.unwrap_or(RowId::MIN);
        let query = sqlx::query(statements::VECTORS).bind(index).bind(after).bind(i64::from(limit));
        stored_vectors(&self.fetch(query).await?)
    }

    async fn vectors_of(&mut self, index: IndexId, rows: &[RowId]) -> Outcome<Vec<StoredVector>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        self.own_index(index).await?;
        stored_vectors(&self.fetch(sqlx::query(statements::VECTORS_OF).bind(index).bind(rows)).await?)
    }

    async fn changed_vectors(&mut self, index: IndexId, since: u64) -> Outcome<Vec<RowId>> {
        if self.version().await? == since {
            return Ok(Vec::new());
        }
        self.own_index(index).await?;
        let query = sqlx::query(statements::CHANGED_VECTORS).bind(index).bind(since.cast_signed());
        row_ids(&self.fetch(query).await?)
    }

    async fn version(&mut self) -> Outcome<u64> {
        match &mut self.on {
            On::Reader(reader) => reader.version().await,
            On::Writer { turn, .. } => Ok(turn.group()?.version),
            On::Ended => Err(StoreError::Closed.into()),
        }
    }

    async fn commit(mut self: Box<Self>, on_commit: OnCommit) -> Outcome<()> {
        let outcome = match std::mem::replace(&mut self.on, On::Ended) {
            On::Reader(reader) => return reader.finish().await,
            On::Writer { app, mut turn, .. } => {
                let outcome = turn.release(on_commit)?;
                drop(turn);
                app.commit_soon();
                outcome
            }
            On::Ended => return Err(StoreError::Closed.into()),
        };
        outcome.await.map_err(|_| StoreError::Closed)?
    }

    async fn rollback(mut self: Box<Self>) -> Outcome<()> {
        self.end();
        Ok(())
    }
}

fn first<'r, T: sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>>(rows: &'r [PgRow]) -> Outcome<T> {
    let row = rows.first().ok_or(sqlx::Error::RowNotFound);
    row.and_then(|row| row.try_get(0)).map_err(|error| failure(&error))
}

fn stored_vectors(rows: &[PgRow]) -> Outcome<Vec<StoredVector>> {
    let stored = |row: &PgRow| {
        let ordinal = row.try_get::<i32, _>(1)?.cast_unsigned();
        Ok(StoredVector { row: row.try_get(0)?, ordinal, bytes: row.try_get(2)? })
    };
    rows.iter().map(stored).collect::<sqlx::Result<_>>().map_err(|error| failure(&error))
}

fn row_ids(rows: &[PgRow]) -> Outcome<Vec<RowId>> {
    rows.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<_>>().map_err(|error| failure(&error))
}

/// Whether jsonb can hold a document: not with the one character that Postgres' text has no place for.
fn fits_jsonb(json: &str) -> bool {
    !json.contains("\\u0000")
}

fn built(state: IndexState) -> Option<RowId> {
    match state {
        IndexState::Building { done } => Some(done),
        IndexState::Ready => None,
    }
}
