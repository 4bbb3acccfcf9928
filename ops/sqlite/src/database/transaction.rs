//! Transactions on one app's database. Statements run at once, on the thread that asks for them; nothing here waits.

use std::sync::Arc;

use async_trait::async_trait;
use orilla_services::database::index::Index;
use orilla_services::database::store::{
    Collection, CollectionId, Failure, IndexId, IndexRecord, IndexState, OnCommit, Outcome, Position, RowId, Scan,
    ScannedPart, StoreError, StoredDocument, StoredVector, Transaction,
};
use rusqlite::{Connection, OptionalExtension as _, Params, Row};
use tokio::sync::OwnedMutexGuard;

use super::app::AppDatabase;
use super::catalog::Catalog;
use super::scan;
use super::writer::Writer;
use super::{failure, schema};

/// A transaction on an app's database.
pub(super) struct SqliteTransaction {
    database: Arc<AppDatabase>,
    on: On,
}

enum On {
    Reader { connection: Connection, catalog: Arc<Catalog>, version: u64 },
    Writer { writer: OwnedMutexGuard<Writer>, version: u64, catalog: Arc<Catalog> },
    Ended,
}

impl SqliteTransaction {
    pub(super) fn reading(
        database: Arc<AppDatabase>,
        connection: Connection,
        catalog: Arc<Catalog>,
        version: u64,
    ) -> Self {
        Self { database, on: On::Reader { connection, catalog, version } }
    }

    pub(super) fn writing(database: Arc<AppDatabase>, writer: OwnedMutexGuard<Writer>) -> Self {
        let (version, catalog) = (writer.version, writer.catalog.clone());
        Self { database, on: On::Writer { writer, version, catalog } }
    }

    fn connection(&self) -> Outcome<&Connection> {
        match &self.on {
            On::Reader { connection, .. } => Ok(connection),
            On::Writer { writer, .. } => Ok(&writer.connection),
            On::Ended => Err(StoreError::Closed.into()),
        }
    }

    fn writer(&mut self) -> Outcome<&mut Writer> {
        match &mut self.on {
            On::Writer { writer, .. } => Ok(writer),
            On::Reader { .. } | On::Ended => {
                Err(StoreError::Unavailable("the transaction cannot change anything".into()).into())
            }
        }
    }

    fn catalog(&self) -> Outcome<&Catalog> {
        match &self.on {
            On::Reader { catalog, .. } => Ok(catalog),
            On::Writer { writer, .. } => Ok(&writer.catalog),
            On::Ended => Err(StoreError::Closed.into()),
        }
    }

    fn execute(&self, sql: &str, parameters: impl Params) -> Outcome<usize> {
        let connection = self.connection()?;
        connection.prepare_cached(sql).and_then(|mut statement| statement.execute(parameters)).map_err(|e| failure(&e))
    }

    fn next_version(&mut self) -> Outcome<u64> {
        let writer = self.writer()?;
        writer.version += 1;
        Ok(writer.version)
    }

    /// Lets go of the connection and of the turn to write. Whatever has not been released is undone.
    fn end(&mut self) {
        match std::mem::replace(&mut self.on, On::Ended) {
            On::Reader { connection, .. } => {
                let ended = connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
                self.database.give_back(ended.is_ok().then_some(connection));
            }
            On::Writer { mut writer, version, catalog } => writer.undo(version, catalog),
            On::Ended => {}
        }
    }
}

impl Drop for SqliteTransaction {
    fn drop(&mut self) {
        self.end();
    }
}

#[async_trait]
impl Transaction for SqliteTransaction {
    async fn collection(&mut self, name: &str) -> Outcome<Option<Arc<Collection>>> {
        Ok(self.catalog()?.collections.get(name).cloned())
    }

    async fn create_collection(&mut self, name: &str) -> Outcome<Arc<Collection>> {
        if let Some(collection) = self.catalog()?.collections.get(name) {
            return Ok(collection.clone());
        }
        self.execute("INSERT INTO collections (name) VALUES (?)", [name])?;
        let id = self.connection()?.last_insert_rowid();
        self.execute(&schema::create_documents(id), [])?;
        Ok(Arc::make_mut(&mut self.writer()?.catalog).add_collection(id, name))
    }

    async fn mark_own_ids(&mut self, collection: CollectionId) -> Outcome<()> {
        self.execute("UPDATE collections SET own_ids = 1 WHERE id = ?", [collection])?;
        Arc::make_mut(&mut self.writer()?.catalog).mark_own_ids(collection);
        Ok(())
    }

    async fn collections(&mut self) -> Outcome<Vec<Arc<Collection>>> {
        Ok(self.catalog()?.collections.values().cloned().collect())
    }

    async fn create_index(&mut self, collection: CollectionId, index: &Index, state: IndexState) -> Outcome<IndexId> {
        let parameters = (collection, index.name(), index.to_json(), built(state));
        self.execute(
            "INSERT INTO indexes (collection, name, definition, built, multikey, truncated) VALUES (?, ?, ?, ?, 0, 0)",
            parameters,
        )?;
        let id = self.connection()?.last_insert_rowid();
        let table = match index {
            Index::Document(_) => schema::create_entries(id),
            Index::Vector(_) => schema::create_vectors(id),
        };
        self.execute(&table, [])?;
        let record = IndexRecord { id, index: index.clone(), state, multikey: 0, truncated: false };
        Arc::make_mut(&mut self.writer()?.catalog).add_index(collection, record);
        Ok(id)
    }

    async fn update_index(&mut self, record: &IndexRecord) -> Outcome<()> {
        let parameters = (built(record.state), record.multikey, record.truncated, record.id);
        self.execute("UPDATE indexes SET built = ?, multikey = ?, truncated = ? WHERE id = ?", parameters)?;
        Arc::make_mut(&mut self.writer()?.catalog).update_index(record);
        Ok(())
    }

    async fn drop_index(&mut self, index: IndexId) -> Outcome<()> {
        self.execute("DELETE FROM indexes WHERE id = ?", [index])?;
        self.execute(&format!("DROP TABLE IF EXISTS entries_{index}"), [])?;
        self.execute(&format!("DROP TABLE IF EXISTS vectors_{index}"), [])?;
        Arc::make_mut(&mut self.writer()?.catalog).drop_index(index);
        Ok(())
    }

    async fn by_id(&mut self, collection: CollectionId, id: &[u8]) -> Outcome<Option<StoredDocument>> {
        let sql = format!("SELECT row, version, json(body) FROM documents_{collection} WHERE id = ?");
        let mut statement = self.connection()?.prepare_cached(&sql).map_err(|error| failure(&error))?;
        statement.query_row([id], scan::document).optional().map_err(|error| failure(&error))
    }

    async fn by_rows(&mut self, collection: CollectionId, rows: &[RowId]) -> Outcome<Vec<StoredDocument>> {
        let sql = format!("SELECT row, version, json(body) FROM documents_{collection} WHERE row = ?");
        let mut statement = self.connection()?.prepare_cached(&sql).map_err(|error| failure(&error))?;
        let mut find = |row: &RowId| statement.query_row([row], scan::document).optional().transpose();
        let found = rows.iter().filter_map(&mut find).collect::<rusqlite::Result<Vec<_>>>();
        drop(statement);
        let found = found.map_err(|error| failure(&error))?;
        if let On::Writer { writer, .. } = &mut self.on {
            found.iter().for_each(|document| writer.count(&document.json));
        }
        Ok(found)
    }

    async fn scan(&mut self, scan: &Scan<'_>) -> Outcome<ScannedPart> {
        scan::scan(self.connection()?, scan).map_err(|error| failure(&error))
    }

    async fn count(&mut self, collection: CollectionId) -> Outcome<u64> {
        let sql = format!("SELECT count(*) FROM documents_{collection}");
        let count: rusqlite::Result<i64> = self.connection()?.query_row(&sql, [], |row| row.get(0));
        count.map(i64::cast_unsigned).map_err(|error| failure(&error))
    }

    async fn insert(&mut self, collection: CollectionId, id: &[u8], json: &str) -> Outcome<(RowId, u64)> {
        let version = self.next_version()?;
        self.writer()?.count(json);
        let connection = self.connection()?;
        let sql = format!("INSERT INTO documents_{collection} (id, version, body) VALUES (?, ?, jsonb(?))");
        let mut statement = connection.prepare_cached(&sql).map_err(|error| failure(&error))?;
        match statement.insert((id, version.cast_signed(), json)) {
            Ok(row) => Ok((row, version)),
            Err(error) if is_taken(&error) => Err(Failure::IdTaken),
            Err(error) => Err(failure(&error)),
        }
    }

    async fn replace(&mut self, collection: CollectionId, row: RowId, json: &str) -> Outcome<u64> {
        let version = self.next_version()?;
        self.writer()?.count(json);
        let sql = format!("UPDATE documents_{collection} SET version = ?, body = jsonb(?) WHERE row = ?");
        self.execute(&sql, (version.cast_signed(), json, row))?;
        Ok(version)
    }

    async fn delete(&mut self, collection: CollectionId, row: RowId) -> Outcome<u64> {
        let version = self.next_version()?;
        self.execute(&format!("DELETE FROM documents_{collection} WHERE row = ?"), [row])?;
        Ok(version)
    }

    async fn add_entries(&mut self, index: IndexId, unique: bool, row: RowId, keys: &[Vec<u8>]) -> Outcome<()> {
        if unique {
            let sql = format!("SELECT 1 FROM entries_{index} WHERE key = ? AND row <> ? LIMIT 1");
            let mut taken = self.connection()?.prepare_cached(&sql).map_err(|error| failure(&error))?;
            for key in keys {
                if taken.exists((key, row)).map_err(|error| failure(&error))? {
                    return Err(Failure::KeyTaken);
                }
            }
        }
        let sql = format!("INSERT OR IGNORE INTO entries_{index} (key, row) VALUES (?, ?)");
        keys.iter().try_for_each(|key| self.execute(&sql, (key, row)).map(drop))
    }

    async fn remove_entries(&mut self, index: IndexId, row: RowId, keys: &[Vec<u8>]) -> Outcome<()> {
        let sql = format!("DELETE FROM entries_{index} WHERE key = ? AND row = ?");
        keys.iter().try_for_each(|key| self.execute(&sql, (key, row)).map(drop))
    }

    async fn entries(
        &mut self,
        index: IndexId,
        after: Option<&Position>,
        limit: u32,
    ) -> Outcome<Vec<(Vec<u8>, RowId)>> {
        let (key, row) = after.map_or((&[][..], RowId::MIN), |after| (&after.key, after.row));
        let sql = format!("SELECT key, row FROM entries_{index} WHERE (key, row) > (?, ?) ORDER BY key, row LIMIT ?");
        let read = || {
            let mut statement = self.connection()?.prepare_cached(&sql).map_err(|error| failure(&error))?;
            let entries = statement.query_map((key, row, limit), |row| Ok((row.get(0)?, row.get(1)?)));
            entries.and_then(Iterator::collect).map_err(|error| failure(&error))
        };
        read()
    }

    async fn put_vectors(&mut self, index: IndexId, row: RowId, vectors: &[Vec<u8>]) -> Outcome<()> {
        self.execute(&format!("DELETE FROM vectors_{index} WHERE row = ?"), [row])?;
        let sql = format!("INSERT INTO vectors_{index} (row, ordinal, bytes) VALUES (?, ?, ?)");
        vectors.iter().zip(0u32..).try_for_each(|(bytes, ordinal)| self.execute(&sql, (row, ordinal, bytes)).map(drop))
    }

    async fn vectors(&mut self, index: IndexId, after: Option<RowId>, limit: u32) -> Outcome<Vec<StoredVector>> {
        let sql = format!(
            "SELECT row, ordinal, bytes FROM vectors_{index} WHERE row IN \
             (SELECT DISTINCT row FROM vectors_{index} WHERE row > ? ORDER BY row LIMIT ?) ORDER BY row, ordinal"
        );
        let mut statement = self.connection()?.prepare_cached(&sql).map_err(|error| failure(&error))?;
        let vectors = statement.query_map((after.unwrap_or(RowId::MIN), limit), stored_vector);
        vectors.and_then(Iterator::collect).map_err(|error| failure(&error))
    }

    async fn vectors_of(&mut self, index: IndexId, rows: &[RowId]) -> Outcome<Vec<StoredVector>> {
        let sql = format!("SELECT row, ordinal, bytes FROM vectors_{index} WHERE row = ? ORDER BY ordinal");
        let mut statement = self.connection()?.prepare_cached(&sql).map_err(|error| failure(&error))?;
        let mut found = Vec::new();
        for row in rows {
            let vectors = statement.query_map([row], stored_vector).and_then(Iterator::collect);
            found.append(&mut vectors.map_err(|error| failure(&error))?);
        }
        Ok(found)
    }

    async fn changed_vectors(&mut self, _index: IndexId, _since: u64) -> Outcome<Vec<RowId>> {
        // Nobody else writes to a data directory.
        Ok(Vec::new())
    }

    async fn bytes(&mut self) -> Outcome<u64> {
        let bytes: rusqlite::Result<i64> = self
            .connection()?
            .prepare_cached("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)));
        bytes.map(i64::cast_unsigned).map_err(|error| failure(&error))
    }

    async fn version(&mut self) -> Outcome<u64> {
        match &self.on {
            On::Writer { writer, .. } => Ok(writer.version),
            On::Reader { version, .. } => Ok(*version),
            On::Ended => Err(StoreError::Closed.into()),
        }
    }

    async fn commit(mut self: Box<Self>, on_commit: OnCommit) -> Outcome<()> {
        let outcome = match std::mem::replace(&mut self.on, On::Ended) {
            On::Writer { mut writer, .. } => writer.release(on_commit)?,
            reader => {
                self.on = reader;
                self.end();
                return Ok(());
            }
        };
        self.database.commit_soon();
        outcome.await.map_err(|_| StoreError::Closed)?
    }

    async fn rollback(mut self: Box<Self>) -> Outcome<()> {
        self.end();
        Ok(())
    }
}

fn stored_vector(row: &Row<'_>) -> rusqlite::Result<StoredVector> {
    Ok(StoredVector { row: row.get(0)?, ordinal: row.get(1)?, bytes: row.get(2)? })
}

fn built(state: IndexState) -> Option<RowId> {
    match state {
        IndexState::Building { done } => Some(done),
        IndexState::Ready => None,
    }
}

/// Whether a row with this id is there already.
fn is_taken(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE)
}
