//! One app's open database: its writer and its readers.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orilla_services::database::store::{Failure, Mode, Outcome, StoreError};
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::catalog::Catalog;
use super::committer::Committer;
use super::failure;
use super::schema::{self, PrepareError};
use super::transaction::SqliteTransaction;
use super::writer::Writer;

/// Most connections that read one app's database at a time; the next reader waits.
const MAX_READERS: usize = 16;
/// How long a transaction waits for its turn to write. Only one that stays open while an app's code runs makes it wait.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 256;
/// Page cache of a connection, in KiB (negative is SQLite's way to say so).
const PAGE_CACHE_KIB: i32 = -4096;
/// Pages in the write-ahead log that make a commit move them into the database: 16 MiB.
const CHECKPOINT_PAGES: i32 = 4096;
/// What the write-ahead log is cut back to after a checkpoint.
const LOG_BYTES: i32 = 64 << 20;
/// How long a connection waits for another process to let go of the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// An app's database file, open.
pub(super) struct AppDatabase {
    file: Box<Path>,
    writer: Arc<AsyncMutex<Writer>>,
    committer: Committer,
    committed: Arc<Mutex<Arc<Catalog>>>,
    committed_version: Arc<AtomicU64>,
    idle: Mutex<Vec<Connection>>,
    readers: Semaphore,
}

impl AppDatabase {
    /// Opens the file, and makes it if it is not there.
    pub(super) fn open(file: &Path) -> Outcome<Self> {
        let unusable = |reason: &str, error: &dyn std::fmt::Display| {
            tracing::error!(file = %file.display(), %error, "an app's database cannot be opened");
            Failure::from(StoreError::Unavailable(reason.into()))
        };
        if let Some(directory) = file.parent() {
            std::fs::create_dir_all(directory)
                .map_err(|error| unusable("the data directory is not writable", &error))?;
        }
        let connect = || -> Result<(Connection, Catalog, i64), PrepareError> {
            let mut connection = connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "temp_store", "MEMORY")?;
            connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
            connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
            schema::prepare(&mut connection)?;
            let catalog = Catalog::load(&connection)?;
            let version = connection.query_row("SELECT version FROM store", [], |row| row.get(0))?;
            Ok((connection, catalog, version))
        };
        let (connection, catalog, version) =
            connect().map_err(|error| unusable("the app's database cannot be opened", &error))?;
        let writer = Writer::new(connection, version.cast_unsigned(), Arc::new(catalog));
        let (committed, committed_version) = (writer.committed.clone(), writer.committed_version.clone());
        let writer = Arc::new(AsyncMutex::new(writer));
        let committer =
            Committer::start(writer.clone()).map_err(|error| unusable("no thread can be started", &error))?;
        let readers = Semaphore::new(MAX_READERS);
        let file = file.into();
        Ok(Self { file, writer, committer, committed, committed_version, idle: Mutex::default(), readers })
    }

    /// A transaction that reads what is durable now.
    pub(super) async fn read(self: Arc<Self>) -> Outcome<SqliteTransaction> {
        let permit = self.readers.acquire().await.map_err(|_| StoreError::Closed)?;
        // The transaction gives it back.
        permit.forget();
        // Before the snapshot is taken: what it shows is this version or a later one.
        let version = self.committed_version.load(Ordering::Acquire);
        let idle = self.idle().pop();
        let opened = idle.map_or_else(|| connect(&self.file, OpenFlags::SQLITE_OPEN_READ_ONLY), Ok);
        let began = opened.and_then(|connection| {
            connection.prepare_cached("BEGIN")?.execute([])?;
            let catalog = self.catalog_of(&connection)?;
            Ok((connection, catalog))
        });
        match began {
            Ok((connection, catalog)) => Ok(SqliteTransaction::reading(self, connection, catalog, version)),
            Err(error) => {
                self.readers.add_permits(1);
                Err(failure(&error))
            }
        }
    }

    /// A transaction that may change things, as soon as it has its turn.
    pub(super) async fn write(self: Arc<Self>, mode: Mode) -> Outcome<SqliteTransaction> {
        let turn = tokio::time::timeout(TURN_TIMEOUT, self.writer.clone().lock_owned());
        let mut writer = turn.await.map_err(|_| Failure::Busy)?;
        if writer.is_full() || (mode == Mode::Interactive && writer.has_group()) {
            writer.commit();
        }
        writer.open().map_err(|error| writer.abandon(&error))?;
        Ok(SqliteTransaction::writing(self, writer))
    }

    pub(super) fn commit_soon(&self) {
        self.committer.commit_soon();
    }

    /// Takes a reader's connection back; one on which something failed is not used again.
    pub(super) fn give_back(&self, connection: Option<Connection>) {
        self.idle().extend(connection);
        self.readers.add_permits(1);
    }

    /// Waits for those at work, but no longer than until the deadline, and moves the log into the database, which takes
    /// nothing but time at the next start.
    pub(super) async fn close(&self, deadline: Instant) {
        let _all = timeout_at(deadline, self.readers.acquire_many(MAX_READERS as u32)).await;
        self.readers.close();
        self.idle().clear();
        let Ok(mut writer) = timeout_at(deadline, self.writer.lock()).await else {
            tracing::warn!("an app's database was closed during a transaction, which is undone");
            return;
        };
        writer.commit();
        let checkpoint = writer.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        if let Err(error) = checkpoint {
            tracing::warn!(%error, "an app's database did not close cleanly; the next start completes it");
        }
    }

    /// The catalog as a transaction sees it: nearly always the latest.
    fn catalog_of(&self, connection: &Connection) -> rusqlite::Result<Arc<Catalog>> {
        let seen: i64 = connection.prepare_cached("SELECT catalog FROM store")?.query_row([], |row| row.get(0))?;
        let committed = self.committed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if committed.changes == seen.cast_unsigned() {
            return Ok(committed);
        }
        Ok(Arc::new(Catalog::load(connection)?))
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect(file: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    // Each connection is used by one thread at a time, which the type system sees to.
    let connection = Connection::open_with_flags(file, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "cache_size", PAGE_CACHE_KIB)?;
    Ok(connection)
}
