//! The data directory: who owns it, and how connections to the database in it are made.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use crate::error::OpenError;

/// The database's file name in the data directory.
pub const DATABASE_FILE: &str = "platform.db";
/// The file whose lock marks the data directory as owned.
pub const LOCK_FILE: &str = "platform.lock";

/// How long a connection waits for another to let go of the file. Only tools that open it from outside make it wait.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The unit in which the database is read and written.
const PAGE_BYTES: u64 = 4096;
/// Pages in the write-ahead log that make a commit move them into the database: 16 MiB.
const CHECKPOINT_PAGES: &str = "4096";
/// What the write-ahead log is cut back to after a checkpoint.
const LOG_BYTES: &str = "67108864";
/// Page cache of each connection, in KiB (negative is SQLite's way to say so).
const PAGE_CACHE_KIB: &str = "-8192";

/// A data directory that belongs to this process until it is dropped. Two processes would serve stale values from
/// their caches, so there is never a second owner.
pub(crate) struct DataDirectory {
    pub(crate) path: PathBuf,
    _lock: File,
}

impl DataDirectory {
    /// Creates the directory if need be and takes its lock.
    pub(crate) fn acquire(path: &Path) -> Result<Self, OpenError> {
        fs::create_dir_all(path).map_err(|error| OpenError::from_io(path, &error))?;
        let lock_path = path.join(LOCK_FILE);
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(|error| OpenError::from_io(&lock_path, &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => Err(OpenError::from_io(&lock_path, &error)),
        }
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join(DATABASE_FILE)
    }

    /// The writer's connection. Each commit is on the disk before it returns.
    pub(crate) fn writer(&self, max_bytes: Option<u64>) -> SqliteConnectOptions {
        let max_pages = max_bytes.map_or(u32::MAX.into(), |bytes| (bytes / PAGE_BYTES).max(1));
        self.connection()
            .page_size(PAGE_BYTES as u32)
            .pragma("max_page_count", max_pages.to_string())
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // Statement journals stay in memory; a file for each large batch costs more than the batch.
            .pragma("temp_store", "MEMORY")
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .pragma("journal_size_limit", LOG_BYTES)
    }

    pub(crate) fn reader(&self) -> SqliteConnectOptions {
        self.connection().read_only(true)
    }

    fn connection(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(self.database())
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("cache_size", PAGE_CACHE_KIB)
            .disable_statement_logging()
    }
}
