//! The handle to an open data directory.

use std::path::Path;
use std::sync::{Arc, Weak};

use orilla_services::kv::store::StoreError;
use orilla_services::kv::write_queue::WriteQueue;
use sqlx::ConnectOptions;

use crate::database::SqliteDocuments;
use crate::directory::DataDirectory;
use crate::error::OpenError;
use crate::readers::Readers;
use crate::schema;
use crate::writer::Writer;

/// Settings of the embedded store.
#[derive(Clone, Copy, Debug)]
pub struct SqliteConfig {
    /// Read-only connections beside the writer's, each with a thread.
    pub readers: u32,
    /// Most bytes the database file may grow to; beyond it writes fail as they do when the disk is full.
    pub max_bytes: Option<u64>,
}

impl Default for SqliteConfig {
    /// Four readers, and no limit but the disk's.
    fn default() -> Self {
        Self { readers: 4, max_bytes: None }
    }
}

/// An open data directory. It belongs to this process until [`close`](orilla_services::kv::store::KvStore::close), or
/// until the store is dropped and has written what it had accepted.
pub struct SqliteStore {
    pub(crate) readers: Readers,
    pub(crate) writer: WriteQueue,
    pub(crate) cursor_secret: [u8; 32],
    /// The writer holds it until it has closed.
    directory: Weak<DataDirectory>,
}

impl SqliteStore {
    /// Opens a data directory and creates what is missing. The writer runs on the async runtime that this is called
    /// from, and must outlive the isolates'.
    pub async fn open(directory: impl AsRef<Path>, config: SqliteConfig) -> Result<Self, OpenError> {
        let directory = Arc::new(DataDirectory::acquire(directory.as_ref())?);
        let database = directory.database();
        let failed = |error: sqlx::Error| OpenError::from_sqlite(&database, &error);
        let options = directory.writer(config.max_bytes);
        let mut connection = options.connect().await.map_err(failed)?;
        let identity = schema::prepare(&mut connection, &database).await?;
        let held = Arc::downgrade(&directory);
        let readers = Readers::new(directory.reader(), config.readers.max(1));
        let writer = WriteQueue::start(Writer::new(directory, options, connection, identity.version));
        Ok(Self { readers, writer, cursor_secret: identity.cursor_secret, directory: held })
    }

    /// The documents in the same data directory.
    ///
    /// # Errors
    /// [`StoreError::Closed`]
    pub fn documents(&self) -> Result<SqliteDocuments, StoreError> {
        let directory = self.directory.upgrade().ok_or(StoreError::Closed)?;
        Ok(SqliteDocuments::new(directory, self.cursor_secret))
    }
}
