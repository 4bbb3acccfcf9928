//! The tables of an app's database, and how they come to be.

use rusqlite::Connection;

/// What is done to a file that is at version n, to bring it to n + 1. Append only.
const MIGRATIONS: [&str; 1] = ["
    -- One row: the version of the latest change, and how often the catalog below has changed.
    CREATE TABLE store (version INTEGER NOT NULL, catalog INTEGER NOT NULL);
    INSERT INTO store VALUES (0, 0);
    CREATE TABLE collections (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        own_ids INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE indexes (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        collection INTEGER NOT NULL REFERENCES collections (id),
        name TEXT NOT NULL,
        definition TEXT NOT NULL,
        -- The last row that a build has come to; NULL once the index is ready.
        built INTEGER,
        multikey INTEGER NOT NULL,
        truncated INTEGER NOT NULL,
        UNIQUE (collection, name)
    );
"];

/// Brings a file up to date. Says what stands in the way of it.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), PrepareError> {
    let version: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let version = version as usize;
    if version > MIGRATIONS.len() {
        return Err(PrepareError::TooNew { found: version });
    }
    for (number, migration) in MIGRATIONS.iter().enumerate().skip(version) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", number as u32 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum PrepareError {
    #[error("it was written by a newer release (schema {found}, this one knows {known})", known = MIGRATIONS.len())]
    TooNew { found: usize },
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// The table of a collection's documents.
pub(super) fn create_documents(collection: i64) -> String {
    format!(
        "CREATE TABLE documents_{collection} \
         (row INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, version INTEGER NOT NULL, body BLOB NOT NULL)"
    )
}

/// The table of an index's entries.
pub(super) fn create_entries(index: i64) -> String {
    format!(
        "CREATE TABLE entries_{index} (key BLOB NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (key, row)) WITHOUT ROWID"
    )
}

/// The table of a vector index's vectors. Rows are large: with a rowid, SQLite keeps them out of the tree's inner pages.
pub(super) fn create_vectors(index: i64) -> String {
    format!(
        "CREATE TABLE vectors_{index} \
         (row INTEGER NOT NULL, ordinal INTEGER NOT NULL, bytes BLOB NOT NULL, UNIQUE (row, ordinal))"
    )
}
