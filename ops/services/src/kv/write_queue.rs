//! Group commit. Everybody's changes wait in one bounded queue; the one writer takes all that wait, has them committed
//! together, and only then tells each its outcome. So the number of writes per second is that of the commits times the
//! number of concurrent writers. How a store commits is its [`Committer`]'s.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task;

use super::store::{Change, StoreError, Sweep, Swept, Write};

/// Most writes in one transaction.
pub const MAX_BATCH_WRITES: usize = 1024;
/// Most writes that wait in the queue; the next one waits before it.
pub const MAX_QUEUED_JOBS: usize = 4096;
/// Most bytes of values that wait in the queue or in a transaction: 64 MiB.
pub const MAX_QUEUED_BYTES: usize = 64 << 20;

/// What makes the changes durable that leave a queue, one transaction after the other.
pub trait Committer: Send + 'static {
    /// Makes the first of some writes durable, at most [`MAX_BATCH_WRITES`]: as many as go into one transaction, at least one.
    /// Says how many, and which version each became, if it changed anything.
    fn commit(&mut self, writes: &[&Write]) -> impl Future<Output = (usize, Result<Versions, CommitError>)> + Send;

    /// Removes what has expired, and says what is durably gone.
    fn sweep(&mut self, sweep: &Sweep) -> impl Future<Output = Result<Vec<Swept>, StoreError>> + Send;

    /// Lets go of everything, which is durable already.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// For each write of a transaction the version it became, or none.
pub type Versions = Vec<Option<u64>>;

/// Why no write of a transaction was committed.
#[derive(Clone, Debug)]
pub struct CommitError {
    /// What their callers are told.
    pub error: StoreError,
    /// Whether one of them may be what spoils it for the others.
    pub concerns_one_write: bool,
}

/// The way to the writer.
pub struct WriteQueue {
    runtime: Handle,
    jobs: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
    /// Who has it is the next to get room, so that writes are queued in the order in which they came.
    turn: Arc<Mutex<()>>,
}

enum Job {
    Write(QueuedWrite),
    Sweep(Sweep, oneshot::Sender<Result<usize, StoreError>>),
    Close(oneshot::Sender<Result<(), StoreError>>),
}

struct QueuedWrite {
    write: Write,
    done: oneshot::Sender<Result<(), StoreError>>,
    _room: OwnedSemaphorePermit,
}

impl WriteQueue {
    /// An empty queue. Its writer runs on the async runtime that this is called from, until the queue is closed, or dropped
    /// and empty.
    pub fn start(committer: impl Committer) -> Self {
        let (jobs, queue) = mpsc::channel(MAX_QUEUED_JOBS);
        tokio::spawn(work(committer, queue));
        Self {
            runtime: Handle::current(),
            jobs,
            room: Arc::new(Semaphore::new(MAX_QUEUED_BYTES)),
            turn: Arc::default(),
        }
    }

    /// Makes a change durable.
    ///
    /// # Errors
    /// As [`KvStore::write`](super::store::KvStore::write).
    pub async fn write(&self, write: Write) -> Result<(), StoreError> {
        // A delete takes some room too, so that it does not overtake a put of its key.
        let bytes = match &write.change {
            Change::Put(record) => record.value.len().clamp(1, MAX_QUEUED_BYTES) as u32,
            Change::Delete => 1,
        };
        let (jobs, room, turn) = (self.jobs.clone(), self.room.clone(), self.turn.clone());
        let (mut done, outcome) = oneshot::channel();
        let mut entry = Box::pin(async move {
            let enter = async {
                let turn = turn.lock_owned().await;
                (turn, room.acquire_many_owned(bytes).await, jobs.reserve().await)
            };
            let entered = tokio::select! {
                entered = enter => entered,
                () = done.closed() => return,
            };
            if let (_turn, Ok(room), Ok(place)) = entered {
                place.send(Job::Write(QueuedWrite { write, done, _room: room }));
            }
        });
        // It has its turn by then, so whoever asks next comes next. Where it has to wait, the host goes on with it: room that is
        // given to an isolate that is stuck in JavaScript would be lost to all others.
        let begun = task::coop::unconstrained(poll_fn(|context| Poll::Ready(entry.as_mut().poll(context)))).await;
        if begun.is_pending() {
            self.runtime.spawn(entry);
        }
        outcome.await.map_err(|_| StoreError::Closed)?
    }

    /// Removes expired records, after all changes that were there before, and says how many.
    ///
    /// # Errors
    /// As [`KvStore::sweep`](super::store::KvStore::sweep).
    pub async fn sweep(&self, sweep: Sweep) -> Result<usize, StoreError> {
        self.submit(|done| Job::Sweep(sweep, done)).await
    }

    /// Makes everything durable that was there before, and ends the writer.
    ///
    /// # Errors
    /// [`StoreError::Closed`]
    pub async fn close(&self) -> Result<(), StoreError> {
        self.submit(Job::Close).await
    }

    /// A job whose outcome never comes was in the queue when the store closed.
    async fn submit<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Job,
    ) -> Result<T, StoreError> {
        let (done, outcome) = oneshot::channel();
        self.jobs.send(job(done)).await.map_err(|_| StoreError::Closed)?;
        outcome.await.map_err(|_| StoreError::Closed)?
    }
}

async fn work(mut committer: impl Committer, mut queue: mpsc::Receiver<Job>) {
    let mut jobs = Vec::new();
    let mut writes = Vec::new();
    while queue.recv_many(&mut jobs, MAX_BATCH_WRITES).await > 0 {
        for job in jobs.drain(..) {
            match job {
                Job::Write(write) => writes.push(write),
                Job::Sweep(sweep, done) => {
                    commit_all(&mut committer, &mut writes).await;
                    let _ = done.send(remove_expired(&mut committer, sweep).await);
                }
                Job::Close(done) => {
                    commit_all(&mut committer, &mut writes).await;
                    committer.close().await;
                    let _ = done.send(Ok(()));
                    return;
                }
            }
        }
        commit_all(&mut committer, &mut writes).await;
    }
    committer.close().await;
}

/// Commits as many together as go into one transaction, or each alone when one may be what spoils it for the others.
async fn commit_all(committer: &mut impl Committer, writes: &mut Vec<QueuedWrite>) {
    while !writes.is_empty() {
        let (taken, result) = commit(committer, writes).await;
        let together: Vec<_> = writes.drain(..taken).collect();
        if taken > 1 && result.as_ref().is_err_and(|error| error.concerns_one_write) {
            for write in together {
                let alone = vec![write];
                let (_, result) = commit(committer, &alone).await;
                settle(alone, result);
            }
        } else {
            settle(together, result);
        }
    }
}

async fn commit(committer: &mut impl Committer, queued: &[QueuedWrite]) -> (usize, Result<Versions, CommitError>) {
    let writes: Vec<&Write> = queued.iter().map(|queued| &queued.write).collect();
    committer.commit(&writes).await
}

async fn remove_expired(committer: &mut impl Committer, sweep: Sweep) -> Result<usize, StoreError> {
    let swept = committer.sweep(&sweep).await?;
    let count = swept.len();
    sweep.committed(swept);
    Ok(count)
}

/// Tells everyone, in commit order: first those who act on commits, then the writer. Whoever asked may be gone; a write that
/// was committed stands all the same.
fn settle(writes: Vec<QueuedWrite>, result: Result<Versions, CommitError>) {
    match result {
        Ok(versions) => {
            for (QueuedWrite { write, done, .. }, version) in writes.into_iter().zip(versions) {
                write.committed(version);
                let _ = done.send(Ok(()));
            }
        }
        Err(CommitError { error, .. }) => {
            for QueuedWrite { write, done, .. } in writes {
                drop(write);
                let _ = done.send(Err(error.clone()));
            }
        }
    }
}
