//! The one writer of this host. Everybody's changes wait in one bounded queue; the writer takes all that wait, sends them
//! as one statement, which is a transaction, and tells each its outcome once Postgres has committed. So the number of
//! writes per second is that of the commits times the number of concurrent writers.
//!
//! Hosts commit one after the other, so that versions rise in the order of commits; `kv.rs` says how. Since each
//! transaction is a single statement, no host ever waits for another host's network, or for one that has stopped.
//!
//! When the connection breaks under a statement, nobody can know whether it was committed: its writes fail, though they may
//! have happened. What never happens is that such a write comes to life later: before the writer goes on, it
//! makes sure that the server has let go of the old connection.

use std::sync::Arc;
use std::time::Duration;

use orilla_services::kv::store::{Change, StoreError, Sweep, Write};
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use crate::error::{Cause, store_error};
use crate::kv::{self, Batch};
use crate::server::Server;

/// Most writes in one transaction.
pub const MAX_BATCH_WRITES: usize = 1024;
/// Most writes that wait in the queue; the next one waits before it.
pub const MAX_QUEUED_JOBS: usize = 4096;
/// Most bytes of values that wait in the queue or in a transaction: 64 MiB.
pub const MAX_QUEUED_BYTES: usize = 64 << 20;

/// A connection that has been idle for so long is asked for a sign of life before it is trusted with a write.
const PROBE_AFTER: Duration = Duration::from_millis(500);
/// How long the server may take to let go of a broken connection, in milliseconds.
const TERMINATION_TIMEOUT_MS: i64 = 5000;

/// Which of the server's processes serves this connection. Acknowledged must mean durable, so a database that is set
/// not to wait for its disk is told to; what waits for more than that is left as it is.
const BEGIN_SESSION: &str = "SELECT pid, backend_start::text, \
    CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END \
    FROM pg_stat_activity WHERE pid = pg_backend_pid()";

/// Process ids are used again; with its time of birth one is unmistakable.
const END_SESSION: &str = "SELECT pg_terminate_backend(pid, $3) FROM pg_stat_activity \
    WHERE pid = $1 AND backend_start::text = $2";

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
    pub(crate) fn start(server: Arc<Server>) -> Self {
        let (jobs, queue) = mpsc::channel(MAX_QUEUED_JOBS);
        let task = WriterTask { server, connection: None, process: None, used: Instant::now(), failing: false };
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
    server: Arc<Server>,
    /// Absent before the first write, and after a failure that may have left it unusable.
    connection: Option<PgConnection>,
    /// The server's process behind the latest connection.
    process: Option<ServerProcess>,
    /// When the connection last answered.
    used: Instant,
    /// Whether the latest transaction failed: an outage is reported once, not once per write.
    failing: bool,
}

struct ServerProcess {
    id: i32,
    started: String,
}

impl WriterTask {
    async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::new();
        let mut writes = Vec::new();
        while queue.recv_many(&mut jobs, MAX_BATCH_WRITES).await > 0 {
            for job in jobs.drain(..) {
                match job {
                    Job::Write(write) => writes.push(write),
                    Job::Sweep(sweep, done) => {
                        self.write(&mut writes).await;
                        let _ = done.send(self.sweep(sweep).await);
                    }
                    Job::Close(done) => {
                        self.write(&mut writes).await;
                        self.close().await;
                        let _ = done.send(Ok(()));
                        return;
                    }
                }
            }
            self.write(&mut writes).await;
        }
        self.close().await;
    }

    /// Writes as many together as one statement can, or each alone when one may be what spoils it for the others.
    async fn write(&mut self, writes: &mut Vec<QueuedWrite>) {
        while !writes.is_empty() {
            let batch = Batch::start_of(writes.iter().map(|queued| &queued.write));
            let length = batch.len();
            let result = self.transaction(async |connection| batch.commit(connection).await).await;
            let together = writes.drain(..length).collect();
            match result {
                Ok(versions) => settle(together, versions),
                Err(error) if length > 1 && Cause::of(&error).concerns_one_write() => {
                    for queued in together {
                        let alone = Batch::start_of([&queued.write]);
                        match self.transaction(async |connection| alone.commit(connection).await).await {
                            Ok(versions) => settle(vec![queued], versions),
                            Err(error) => refuse(vec![queued], &error),
                        }
                    }
                }
                Err(error) => refuse(together, &error),
            }
        }
    }

    async fn sweep(&mut self, sweep: Sweep) -> Outcome<usize> {
        let removal = self.transaction(async |connection| kv::sweep(connection, &sweep).await);
        let swept = removal.await.map_err(|error| store_error(&error))?;
        let count = swept.len();
        sweep.committed(swept);
        Ok(count)
    }

    /// Does some work in a transaction, which is durable when this returns.
    async fn transaction<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> sqlx::Result<T> {
        let server = self.server.clone();
        let attempt = async {
            let connection = self.connection().await?;
            server.in_time(work(connection)).await
        };
        let result = attempt.await;
        match &result {
            Ok(_) => {
                self.used = Instant::now();
                if std::mem::take(&mut self.failing) {
                    tracing::info!("the database can be written again");
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, "the database cannot be written");
                }
                if !Cause::of(error).concerns_one_write() {
                    self.connection = None;
                }
            }
        }
        result
    }

    /// A connection that was alive just now. Only before a statement is sent is it certain that it was not executed, so
    /// this is the moment to replace a dead connection without anyone noticing.
    async fn connection(&mut self) -> sqlx::Result<&mut PgConnection> {
        if let Some(connection) = &mut self.connection
            && self.used.elapsed() > PROBE_AFTER
            && self.server.in_time(connection.ping()).await.is_err()
        {
            self.connection = None;
        }
        match &mut self.connection {
            Some(connection) => Ok(connection),
            none => {
                let mut connection = self.server.connect().await?;
                let process = begin_session(&mut connection, self.process.as_ref());
                self.process = Some(self.server.in_time(process).await?);
                Ok(none.insert(connection))
            }
        }
    }

    /// Everything is durable already.
    async fn close(mut self) {
        if let Some(connection) = self.connection.take() {
            // The server notices either way.
            let _ = connection.close().await;
        }
    }
}

/// Ends what the previous connection may still be doing.
async fn begin_session(connection: &mut PgConnection, previous: Option<&ServerProcess>) -> sqlx::Result<ServerProcess> {
    if let Some(ServerProcess { id, started }) = previous {
        let query = sqlx::query_scalar(END_SESSION).bind(id).bind(started).bind(TERMINATION_TIMEOUT_MS);
        if query.fetch_optional(&mut *connection).await? == Some(false) {
            return Err(sqlx::Error::Protocol("the server does not let go of an earlier connection".into()));
        }
    }
    let (id, started, _) =
        sqlx::query_as::<_, (i32, String, Option<String>)>(BEGIN_SESSION).fetch_one(connection).await?;
    Ok(ServerProcess { id, started })
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
