//! The transactions that change an app's data: one at a time, over all hosts, because each begins with a lock on the app's
//! row, which holds the version of its latest change and goes on to the next when the commit is durable and visible.
//!
//! This is how versions rise in the order of commits, whoever asks, and how transactions are serializable: whoever writes
//! sees all that was committed before, and nobody else commits until it is done. Nobody runs into a deadlock, for there is
//! one lock, taken first; and no work is thrown away, as it would be if conflicts were found at the end. Apps do not wait
//! for each other.
//!
//! So that an app's writes are not bound to one sync of the disk each, those of this host that wait for their turn form
//! a group: each runs in a savepoint of one transaction, which is committed after the last of them.

use std::sync::Arc;
use std::time::Duration;

use orilla_services::database::store::{Failure, Mode, OnCommit, Outcome, StoreError};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::app::{App, load};
use super::catalog::Catalog;
use super::failure;
use super::line::{Job, Line};
use super::sweep::sweep;
use crate::error::Cause;

/// Most transactions in a group. Postgres keeps so many of their ids within easy reach.
const MAX_GROUP: usize = 60;
/// How long the fate of a commit is asked for when the connection broke during it: a server that another one takes the
/// place of may be away for half a minute.
const INQUIRY_TIME: Duration = Duration::from_secs(60);
/// Between two such questions: the first pause, each being twice as long as the one before, and the longest.
const INQUIRY_PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Who may write to an app: whoever holds the lock around this.
#[derive(Default)]
pub(super) struct Writer {
    group: Option<Group>,
}

/// Transactions that become durable together.
pub(super) struct Group {
    pub(super) line: Line,
    /// The app's key.
    pub(super) app: i64,
    /// The version of the latest change.
    pub(super) version: u64,
    /// The catalog's edition.
    edition: i64,
    /// What that is once one of these transactions has changed the catalog.
    next_edition: i64,
    /// The catalog, unless it has changed since it was read.
    catalog: Option<Arc<Catalog>>,
    committed: (u64, i64),
    /// Whether the transaction at work has a savepoint. The first of a group needs none.
    saved: bool,
    /// Postgres' id of the whole.
    transaction: String,
    /// The server's process, and when it was started.
    process: (i32, String),
    /// Whether there may be something to sweep once this is durable.
    pub(super) leaves_something: bool,
    waiting: Vec<Waiting>,
}

/// A transaction that has ended and is not durable yet.
struct Waiting {
    on_commit: OnCommit,
    done: oneshot::Sender<Outcome<()>>,
}

/// What a transaction that is undone goes back to.
pub(super) struct Mark {
    version: u64,
    edition: i64,
    catalog: Option<Arc<Catalog>>,
}

impl Writer {
    /// Whether the group has to be committed before such a transaction.
    pub(super) fn is_full(&self, mode: Mode) -> bool {
        let waiting = self.group.as_ref().map_or(0, |group| group.waiting.len());
        waiting >= MAX_GROUP || (mode == Mode::Interactive && waiting > 0)
    }

    /// Opens a transaction within the group, or the group itself.
    pub(super) async fn open(&mut self, app: &Arc<App>, mode: Mode) -> Outcome<()> {
        let Some(group) = &mut self.group else {
            self.group = Some(Group::begin(app, mode).await?);
            return Ok(());
        };
        let savepoint = if group.saved { "RELEASE work; SAVEPOINT work" } else { "SAVEPOINT work" };
        group.saved = true;
        if let Err(error) = group.line.go_on(Job::Batch(savepoint.into())).await {
            self.abandon(failure(&error));
            return Err(failure(&error));
        }
        Ok(())
    }

    /// The open group. There is one from [`Self::open`] until the transaction has ended, or the group was given up.
    pub(super) fn group(&mut self) -> Outcome<&mut Group> {
        self.group.as_mut().ok_or_else(|| StoreError::Unavailable("the transaction was lost".into()).into())
    }

    /// Ends a transaction; its outcome arrives when the group is durable.
    pub(super) fn release(&mut self, on_commit: OnCommit) -> Outcome<oneshot::Receiver<Outcome<()>>> {
        let (done, outcome) = oneshot::channel();
        self.group()?.waiting.push(Waiting { on_commit, done });
        Ok(outcome)
    }

    /// Undoes a transaction, but not those of the group that have ended before it.
    pub(super) async fn undo(&mut self, mark: Mark) {
        let Some(group) = &mut self.group else { return };
        let whole = group.waiting.is_empty();
        let statement = if whole { "ROLLBACK" } else { "ROLLBACK TO work" };
        match group.line.go_on(Job::Batch(statement.into())).await {
            Err(error) => self.abandon(failure(&error)),
            Ok(_) if whole => {
                if let Some(group) = self.group.take() {
                    group.line.give_back();
                }
            }
            Ok(_) => {
                let Mark { version, edition, catalog } = mark;
                (group.version, group.edition, group.catalog) = (version, edition, catalog);
            }
        }
    }

    /// Makes the group durable and tells everyone, in the order in which their transactions ended. To be driven to its
    /// end, by a task of the host: others' changes depend on it.
    pub(super) async fn commit(&mut self, app: &Arc<App>) {
        let Some(mut group) = self.group.take() else { return };
        if let Err(failure) = group.commit().await {
            for waiting in group.waiting {
                let _ = waiting.done.send(Err(failure.clone()));
            }
            return;
        }
        if let Some(catalog) = &group.catalog {
            app.learn(group.app, catalog);
        }
        for Waiting { on_commit, done } in group.waiting {
            on_commit();
            // Whoever asked may be gone; the change stands all the same.
            let _ = done.send(Ok(()));
        }
        group.line.give_back();
        if group.leaves_something {
            sweep(&app.pool);
        }
    }

    /// Gives up the whole group after a failure that may have undone any of it.
    fn abandon(&mut self, failure: Failure) {
        for waiting in self.group.take().into_iter().flat_map(|group| group.waiting) {
            let _ = waiting.done.send(Err(failure.clone()));
        }
    }
}

impl Group {
    async fn begin(app: &Arc<App>, mode: Mode) -> Outcome<Self> {
        let (id, mut line, row) = lock(app, mode).await?;
        let read = || {
            let version: i64 = row.try_get(0)?;
            let editions = (row.try_get(1)?, row.try_get(2)?);
            Ok((version.cast_unsigned(), editions, row.try_get(3)?, (row.try_get(4)?, row.try_get(5)?)))
        };
        let (version, (edition, next_edition), transaction, process) = read().map_err(|error| failure(&error))?;
        let catalog = Some(app.catalog_in(edition, id, &mut line).await?);
        Ok(Self {
            line,
            app: id,
            version,
            edition,
            next_edition,
            catalog,
            committed: (version, edition),
            saved: false,
            transaction,
            process,
            leaves_something: false,
            waiting: Vec::new(),
        })
    }

    /// What the transaction at work goes back to if it is undone.
    pub(super) fn mark(&self) -> Mark {
        Mark { version: self.version, edition: self.edition, catalog: self.catalog.clone() }
    }

    pub(super) fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    /// Notes that the catalog in the database is no longer the one in memory.
    pub(super) fn catalog_changed(&mut self) {
        self.edition = self.next_edition;
        self.catalog = None;
    }

    /// The catalog as the transaction has left it.
    pub(super) async fn catalog(&mut self) -> Outcome<Arc<Catalog>> {
        if let Some(catalog) = &self.catalog {
            return Ok(catalog.clone());
        }
        let catalog = Arc::new(load(self.edition, self.app, &mut self.line).await?);
        self.catalog = Some(catalog.clone());
        Ok(catalog)
    }

    async fn commit(&mut self) -> Outcome<()> {
        if self.committed == (self.version, self.edition) {
            // What has changed nothing makes nobody wait for the disk.
            let ended = self.line.go_on(Job::Batch("ROLLBACK".into())).await;
            return ended.map(drop).map_err(|error| failure(&error));
        }
        // This host's next transactions know the catalog as it will be.
        self.catalog().await?;
        let release = if self.saved { "RELEASE work; " } else { "" };
        let commit = format!(
            "{release}UPDATE orilla.apps SET version = {}, catalog = {} WHERE id = {}; COMMIT",
            self.version, self.edition, self.app
        );
        match self.line.go_on(Job::Batch(commit)).await {
            Ok(_) => Ok(()),
            Err(error @ sqlx::Error::Database(_)) if Cause::of(&error) != Cause::Unreachable => Err(failure(&error)),
            Err(error) => {
                if self.was_committed().await {
                    Ok(())
                } else {
                    Err(failure(&error))
                }
            }
        }
    }

    /// Finds out what became of a commit whose answer was lost.
    async fn was_committed(&mut self) -> bool {
        let inquiry = "SELECT pg_xact_status($1::text::xid8), \
            (SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $2 AND backend_start::text = $3)";
        let until = Instant::now() + INQUIRY_TIME;
        let (mut pause, longest_pause) = INQUIRY_PAUSES;
        while Instant::now() < until {
            let query = sqlx::query(inquiry).bind(self.transaction.clone());
            let query = query.bind(self.process.0).bind(self.process.1.clone());
            let Ok(job) = Job::of(query) else { return false };
            let answer = self.line.start(job).await;
            let status = answer.map(|rows| rows.first().and_then(|row| row.try_get::<Option<String>, _>(0).ok()?));
            match status.as_ref().map(Option::as_deref) {
                Ok(Some("committed")) => return true,
                // It never came to the server that answers now, which has none of that number yet.
                Err(error) if Cause::of(error) == Cause::Refused => return false,
                Ok(Some("in progress")) | Err(_) => {
                    sleep(pause).await;
                    pause = longest_pause.min(2 * pause);
                }
                Ok(_) => return false,
            }
        }
        tracing::error!("a commit may have been made, and nobody was told");
        false
    }
}

/// Begins a transaction with the lock on the app's row. Says the app's key and what the row holds.
async fn lock(app: &Arc<App>, mode: Mode) -> Outcome<(i64, Line, PgRow)> {
    loop {
        let id = app.find_or_make().await?;
        let mut line = app.pool.line(mode).await?;
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE; \
             SELECT version, catalog, hashtextextended(gen_random_uuid()::text, 0), \
                pg_current_xact_id()::text, pg_backend_pid(), \
                (SELECT backend_start::text FROM pg_stat_get_activity(pg_backend_pid())) \
             FROM orilla.apps WHERE {} FOR UPDATE",
            app.row(id)
        );
        let found = line.start(Job::Batch(begin)).await.map_err(|error| failure(&error))?;
        if let Some(row) = found.into_iter().next() {
            return Ok((id, line, row));
        }
        app.forget(id);
    }
}
