//! The document store in SQLite: one file for each app, so that no app waits for another's transactions.
//!
//! Here `rusqlite` is used and not `sqlx`: statements run on the thread that asks, an isolate's own, without a hop to a
//! driver's thread for each. ARCHITECTURE.md has the figures.

mod app;
mod catalog;
mod committer;
mod guard;
mod scan;
mod schema;
mod transaction;
mod writer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use orilla_services::database::store::{DocumentStore, Failure, Mode, Outcome, StoreError, Transaction};
use orilla_services::gate::Scope;
use tokio::time::Instant;

use self::app::AppDatabase;
use crate::directory::DataDirectory;

/// The directory in the data directory that holds the apps' databases: `databases/<tenant>/<app>.db`.
pub const DATABASES_DIRECTORY: &str = "databases";
/// How long closing waits for those who are still at work. What they have not been promised may be undone.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Documents of all apps of a data directory.
pub struct SqliteDocuments {
    root: PathBuf,
    cursor_secret: [u8; 32],
    /// `None` once closed.
    open: Mutex<Option<Open>>,
}

struct Open {
    apps: HashMap<(Arc<str>, Arc<str>), Arc<AppDatabase>>,
    // Declared last: the directory is free for others when all databases are closed.
    _directory: Arc<DataDirectory>,
}

impl SqliteDocuments {
    pub(crate) fn new(directory: Arc<DataDirectory>, cursor_secret: [u8; 32]) -> Self {
        let root = directory.path.join(DATABASES_DIRECTORY);
        let open = Open { apps: HashMap::new(), _directory: directory };
        Self { root, cursor_secret, open: Mutex::new(Some(open)) }
    }

    /// The app's database, opened or made if need be.
    fn database(&self, scope: &Scope<'_>) -> Outcome<Arc<AppDatabase>> {
        let mut open = self.open();
        let Open { apps, .. } = open.as_mut().ok_or(StoreError::Closed)?;
        let name = (scope.tenant().clone(), scope.app().clone());
        if let Some(database) = apps.get(&name) {
            return Ok(database.clone());
        }
        let file = self.root.join(file_name(&name.0)).join(file_name(&name.1) + ".db");
        let database = Arc::new(AppDatabase::open(&file)?);
        apps.insert(name, database.clone());
        Ok(database)
    }

    fn open(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl DocumentStore for SqliteDocuments {
    async fn begin(&self, scope: &Scope<'_>, mode: Mode) -> Outcome<Box<dyn Transaction>> {
        let database = self.database(scope)?;
        match mode {
            Mode::Read => Ok(Box::new(database.read().await?)),
            Mode::Write | Mode::Interactive => Ok(Box::new(database.write(mode).await?)),
        }
    }

    async fn apps(&self) -> Outcome<Vec<(Arc<str>, Arc<str>)>> {
        let mut found = Vec::new();
        for tenant in names_in(&self.root, "") {
            let apps = names_in(&self.root.join(file_name(&tenant)), ".db");
            found.extend(apps.into_iter().map(|app| (Arc::from(&*tenant), Arc::from(app))));
        }
        found.sort();
        Ok(found)
    }

    fn shared(&self) -> bool {
        false
    }

    fn is_remote(&self) -> bool {
        false
    }

    async fn cursor_secret(&self) -> Outcome<[u8; 32]> {
        Ok(self.cursor_secret)
    }

    async fn close(&self) -> Outcome<()> {
        let open = self.open().take();
        let deadline = Instant::now() + CLOSE_TIMEOUT;
        for database in open.iter().flat_map(|open| open.apps.values()) {
            database.close(deadline).await;
        }
        Ok(())
    }
}

/// The file name for a name of any characters: those that some file system could mistake are written as `%` and hex.
fn file_name(name: &str) -> String {
    let mut file = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => file.push(char::from(byte)),
            _ => file.push_str(&format!("%{byte:02x}")),
        }
    }
    file
}

/// The names whose [`file_name`]s, with this ending, are in a directory.
fn names_in(directory: &Path, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let name = |file: std::ffi::OsString| name_of(file.to_str()?.strip_suffix(ending)?);
    entries.filter_map(|entry| name(entry.file_name())).collect()
}

fn name_of(file: &str) -> Option<String> {
    let mut name = Vec::with_capacity(file.len());
    let mut bytes = file.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                name.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
            }
            b'.' => return None,
            _ => name.push(byte),
        }
    }
    String::from_utf8(name).ok()
}

/// What went wrong in SQLite, as the services see it. The details are for the server's log.
fn failure(error: &rusqlite::Error) -> Failure {
    use rusqlite::ErrorCode;
    let reason = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => return StoreError::Full.into(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => return Failure::Busy,
        Some(ErrorCode::TooBig) => "the database refused the data",
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "the database is not writable"
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => "the database is damaged",
        _ => "the database does not answer",
    };
    tracing::error!(%error, "a statement failed in an app's database");
    StoreError::Unavailable(reason.into()).into()
}
