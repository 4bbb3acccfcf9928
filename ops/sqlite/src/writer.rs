//! The one writer. Everybody's changes wait in one bounded queue; the writer takes all that wait, applies them in one
//! transaction, syncs the disk once, and only then tells each its outcome. So the number of writes per second is that of
//! the disk's syncs times the number of concurrent writers.

use std::sync::Arc;

use orilla_services::kv::store::{Change, StoreError, Sweep, Write};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::directory::DataDirectory;
use crate::error::{Cause, store_error};
use crate::kv;

/// Most writes in one transaction.
pub const MAX_BATCH_WRITES: usize = 1024;
/// Most writes that wait in the queue; the next one waits before it.
pub const MAX_QUEUED_JOBS: usize = 4096;
/// Most bytes of values that wait in the queue or in a transaction: 64 MiB.
pub const MAX_QUEUED_BYTES: usize = 64 << 20;

type Outcome<T> = Result<T, StoreError>;

/// The way to the writer.
pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
}

enum Job {
    Write(QueuedWrite),
    Sweep(Sweep, oneshot::Sender<Outcome<usize>>),
    Close(oneshot::Sender<Outcome<()>>),
}

struct QueuedWrite {
    write: Write,
    done: oneshot::Sender<Outcome<()>>,
    _room: OwnedSemaphorePermit,
}

impl Writer {
    pub(crate) fn start(
        directory: Arc<DataDirectory>,
        options: SqliteConnectOptions,
        connection: SqliteConnection,
        version: u64,
    ) -> Self {
        let (jobs, queue) = mpsc::channel(MAX_QUEUED_JOBS);
        let task = WriterTask { _directory: directory, options, connection: Some(connection), version, failing: false };
        tokio::spawn(task.run(queue));
        Self { jobs, room: Arc::new(Semaphore::new(MAX_QUEUED_BYTES)) }
    }

    pub(crate) async fn write(&self, write: Write) -> Outcome<()> {
        // Room is given out in turn. A delete takes some too, so that it does not overtake a put of its key.
        let bytes = match &write.change {
            Change::Put(record) => record.value.len().clamp(1, MAX_QUEUED_BYTES) as u32,
            Change::Delete => 1,
        };
        let room = self.room.clone().acquire_many_owned(bytes).await.map_err(|_| StoreError::Closed)?;
        self.submit(|done| Job::Write(QueuedWrite { write, done, _room: room })).await
    }

    pub(crate) async fn sweep(&self, sweep: Sweep) -> Outcome<usize> {
        self.submit(|done| Job::Sweep(sweep, done)).await
    }

    pub(crate) async fn close(&self) -> Outcome<()> {
        self.submit(Job::Close).await
    }

    /// A job whose outcome never comes was in the queue when the store closed.
    async fn submit<T>(&self, job: impl FnOnce(oneshot::Sender<Outcome<T>>) -> Job) -> Outcome<T> {
        let (done, outcome) = oneshot::channel();
        self.jobs.send(job(done)).await.map_err(|_| StoreError::Closed)?;
        outcome.await.map_err(|_| StoreError::Closed)?
    }
}

struct WriterTask {
    options: SqliteConnectOptions,
    /// Absent after a failure that may have left it unusable.
    connection: Option<SqliteConnection>,
    /// The version of the latest mutation.
    version: u64,
    /// Whether the latest transaction failed: a full disk is reported once, not once per write.
    failing: bool,
    // Declared last: the directory is free for others when the connection is gone.
    _directory: Arc<DataDirectory>,
}

impl WriterTask {
    async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::new();
        let mut batch = Vec::new();
        while queue.recv_many(&mut jobs, MAX_BATCH_WRITES).await > 0 {
            for job in jobs.drain(..) {
                match job {
                    Job::Write(write) => batch.push(write),
                    Job::Sweep(sweep, done) => {
                        self.write(std::mem::take(&mut batch)).await;
                        let _ = done.send(self.sweep(sweep).await);
                    }
                    Job::Close(done) => {
                        self.write(std::mem::take(&mut batch)).await;
                        self.close().await;
                        let _ = done.send(Ok(()));
                        return;
                    }
                }
            }
            self.write(std::mem::take(&mut batch)).await;
        }
        self.close().await;
    }

    /// Writes all together, or each alone when one of them may be what spoils it for the others.
    async fn write(&mut self, batch: Vec<QueuedWrite>) {
        match self.commit(&batch).await {
            Ok(versions) => settle(batch, versions),
            Err(error) if batch.len() > 1 && Cause::of(&error).concerns_one_write() => {
                for write in batch {
                    let alone = vec![write];
                    match self.commit(&alone).await {
                        Ok(versions) => settle(alone, versions),
                        Err(error) => refuse(alone, &error),
                    }
                }
            }
            Err(error) => refuse(batch, &error),
        }
    }

    /// Says of each write which version it became, if it changed anything.
    async fn commit(&mut self, batch: &[QueuedWrite]) -> sqlx::Result<Vec<Option<u64>>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let writes: Vec<&Write> = batch.iter().map(|queued| &queued.write).collect();
        self.transaction(async |connection, version| kv::apply(connection, &writes, version).await).await
    }

    async fn sweep(&mut self, sweep: Sweep) -> Outcome<usize> {
        let removal = self.transaction(async |connection, version| kv::sweep(connection, &sweep, version).await);
        let swept = removal.await.map_err(|error| store_error(&error))?;
        let count = swept.len();
        sweep.committed(swept);
        Ok(count)
    }

    /// Does some work in a transaction, which is durable when this returns. The work counts up the version.
    async fn transaction<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut SqliteConnection, &mut u64) -> sqlx::Result<T>,
    ) -> sqlx::Result<T> {
        let mut version = self.version;
        let attempt = async {
            let connection = match &mut self.connection {
                Some(connection) => connection,
                none => none.insert(self.options.connect().await?),
            };
            sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
            let result = work(connection, &mut version).await?;
            if version > self.version {
                let save = sqlx::query("UPDATE store SET version = ?").bind(version.cast_signed());
                save.execute(&mut *connection).await?;
            }
            sqlx::query("COMMIT").execute(connection).await?;
            Ok(result)
        };
        let result = attempt.await;
        match &result {
            // A transaction that changed nothing proves nothing.
            Ok(_) if version > self.version => {
                self.version = version;
                if std::mem::take(&mut self.failing) {
                    tracing::info!("the database can be written again");
                }
            }
            Ok(_) => {}
            Err(error) => self.recover(error).await,
        }
        result
    }

    /// Makes ready for the next transaction.
    async fn recover(&mut self, error: &sqlx::Error) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::error!(%error, "the database cannot be written");
        }
        let Some(connection) = self.connection.as_mut().filter(|_| Cause::of(error).concerns_one_write()) else {
            self.connection = None;
            return;
        };
        // SQLite may have rolled back already, and then says that there is nothing to roll back.
        let _ = sqlx::query("ROLLBACK").execute(connection).await;
    }

    /// Everything is durable already: what cannot be moved from the log into the database now is moved later.
    async fn close(mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let checkpoint = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await;
        if let Err(error) = checkpoint.and(connection.close().await) {
            tracing::warn!(%error, "the database did not close cleanly; the next start completes it");
        }
    }
}

/// Tells everyone, in commit order: first those who act on commits, then the writer.
fn settle(batch: Vec<QueuedWrite>, versions: Vec<Option<u64>>) {
    for (QueuedWrite { write, done, .. }, version) in batch.into_iter().zip(versions) {
        write.committed(version);
        // Whoever asked may be gone; the write stands all the same.
        let _ = done.send(Ok(()));
    }
}

fn refuse(batch: Vec<QueuedWrite>, error: &sqlx::Error) {
    for QueuedWrite { write, done, .. } in batch {
        drop(write);
        let _ = done.send(Err(store_error(error)));
    }
}
