//! The one connection that changes an app's database, and who may use it: one transaction at a time, in turn.
//!
//! Transactions that end become durable together. The first of a group opens an SQLite transaction and the others run in
//! savepoints of it; what has ended waits for its commit, which the [`super::committer`] makes as soon as it gets its own turn: after those that were
//! waiting before it. So a group is as large as the queue was, and the disk is synced once for all of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use orilla_services::database::store::{Failure, OnCommit, Outcome};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::catalog::Catalog;
use super::failure;

/// Most transactions that become durable together.
const MAX_GROUP: usize = 1024;
/// Bytes of documents of transactions that become durable together: 64 MiB. Until then the group holds them, as they were
/// and as they are, for the events that follow.
const MAX_GROUP_BYTES: usize = 64 << 20;
/// So many versions are set aside in the file at a time, which saves each commit a page to write. Those that are left when
/// the file is closed are never used.
const VERSIONS_AHEAD: u64 = 4096;

/// The writer's state. Whoever holds the lock around it has the turn.
pub(super) struct Writer {
    pub(super) connection: Connection,
    /// The version of the latest change, committed or not.
    pub(super) version: u64,
    /// The catalog with changes that are not committed yet.
    pub(super) catalog: Arc<Catalog>,
    /// The catalog that readers may use.
    pub(super) committed: Arc<Mutex<Arc<Catalog>>>,
    /// The version of the latest change that is committed: what a failed commit goes back to. Set after the commit, so
    /// that whoever looks at it first sees at least that much in the file.
    pub(super) committed_version: Arc<AtomicU64>,
    /// What the file says of versions: no change in it has a greater one.
    reserved: u64,
    waiting: Vec<Waiting>,
    /// Bytes of the documents that the group has read and written so far.
    bytes: usize,
}

/// A transaction that has ended and is not durable yet.
struct Waiting {
    on_commit: OnCommit,
    done: oneshot::Sender<Outcome<()>>,
}

impl Writer {
    pub(super) fn new(connection: Connection, version: u64, catalog: Arc<Catalog>) -> Self {
        Self {
            connection,
            version,
            committed: Arc::new(Mutex::new(catalog.clone())),
            catalog,
            committed_version: Arc::new(AtomicU64::new(version)),
            reserved: version,
            waiting: Vec::new(),
            bytes: 0,
        }
    }

    /// Opens a transaction within the group, or the group itself.
    pub(super) fn open(&mut self) -> rusqlite::Result<()> {
        let begin = if self.connection.is_autocommit() { "BEGIN IMMEDIATE" } else { "SAVEPOINT work" };
        self.connection.prepare_cached(begin)?.execute([])?;
        Ok(())
    }

    /// Ends a transaction; its outcome arrives when the group is durable.
    pub(super) fn release(&mut self, on_commit: OnCommit) -> Outcome<oneshot::Receiver<Outcome<()>>> {
        if self.connection.is_autocommit() {
            // A full disk, say, has ended the whole group.
            let ended = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK);
            return Err(self.abandon(&rusqlite::Error::SqliteFailure(ended, None)));
        }
        if !self.waiting.is_empty() {
            let release = self.connection.prepare_cached("RELEASE work").and_then(|mut release| release.execute([]));
            release.map_err(|error| self.abandon(&error))?;
        }
        let (done, outcome) = oneshot::channel();
        self.waiting.push(Waiting { on_commit, done });
        Ok(outcome)
    }

    /// Undoes a transaction, but not those of the group that have ended before it.
    pub(super) fn undo(&mut self, version: u64, catalog: Arc<Catalog>) {
        let undo = if self.waiting.is_empty() { "ROLLBACK" } else { "ROLLBACK TO work; RELEASE work" };
        let undone = self.connection.execute_batch(undo);
        if let Err(error) = undone {
            self.abandon(&error);
            return;
        }
        self.version = version;
        self.catalog = catalog;
    }

    /// Whether anything waits for a commit.
    pub(super) fn has_group(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether the group is so large that it has to become durable before another transaction joins it.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_GROUP || self.bytes >= MAX_GROUP_BYTES
    }

    /// Counts a document that the transaction at work changes, or reads to change it.
    pub(super) fn count(&mut self, json: &str) {
        self.bytes += json.len();
    }

    /// Makes the group durable and tells everyone, in the order in which their transactions ended.
    pub(super) fn commit(&mut self) {
        if self.connection.is_autocommit() {
            return;
        }
        let saved = self.save().and_then(|reserved| {
            self.connection.prepare_cached("COMMIT")?.execute([])?;
            Ok(reserved)
        });
        match saved {
            Ok(reserved) => self.reserved = reserved,
            Err(error) => {
                self.abandon(&error);
                return;
            }
        }
        self.committed_version.store(self.version, Ordering::Release);
        *self.committed.lock().unwrap_or_else(PoisonError::into_inner) = self.catalog.clone();
        self.bytes = 0;
        for Waiting { on_commit, done } in self.waiting.drain(..) {
            on_commit();
            // Whoever asked may be gone; the change stands all the same.
            let _ = done.send(Ok(()));
        }
    }

    /// Writes down what has changed of the catalog, and sets versions aside when those before are used up. Says up to which
    /// they are. A group that has changed nothing writes nothing, and nothing is synced for it.
    fn save(&self) -> rusqlite::Result<u64> {
        let catalog = self.catalog.changes;
        let committed = self.committed.lock().unwrap_or_else(PoisonError::into_inner).changes;
        if self.version <= self.reserved && catalog == committed {
            return Ok(self.reserved);
        }
        let reserved = if self.version > self.reserved { self.version + VERSIONS_AHEAD } else { self.reserved };
        let mut save = self.connection.prepare_cached("UPDATE store SET version = ?, catalog = ?")?;
        save.execute((reserved.cast_signed(), catalog.cast_signed()))?;
        Ok(reserved)
    }

    /// Gives up the whole group after a failure that may have undone any of it.
    pub(super) fn abandon(&mut self, error: &rusqlite::Error) -> Failure {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
        self.version = self.committed_version.load(Ordering::Relaxed);
        self.catalog = self.committed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.bytes = 0;
        let failure = failure(error);
        for waiting in self.waiting.drain(..) {
            let _ = waiting.done.send(Err(failure.clone()));
        }
        failure
    }
}
