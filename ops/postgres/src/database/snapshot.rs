//! Reads are tasks of the host. A read that an isolate drove itself would keep its connection, or the turn it was given, from
//! all other apps while that isolate is stuck in JavaScript: so whoever asks gets rows, and never holds a connection.
//!
//! A statement of its own gives the connection back before its rows are handed over. A snapshot has to keep one between
//! its statements, but not for long when nobody asks it anything.

use std::sync::Arc;
use std::time::Duration;

use orilla_services::database::store::{Failure, Outcome, StoreError};
use sqlx::postgres::PgRow;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::app::App;
use super::failure;
use super::line::{Job, Pool, Transacting};

/// How long a snapshot is kept for a reader that asks nothing.
const GRACE: Duration = Duration::from_secs(5);

/// A transaction that only reads, as long as a task of the host keeps it. Dropping this ends it.
pub(super) struct Snapshot {
    jobs: mpsc::Sender<Asked>,
}

/// A job, and where its rows are wanted.
struct Asked {
    job: Job,
    answer: Answer,
}

type Answer = oneshot::Sender<Outcome<Vec<PgRow>>>;

impl App {
    /// Opens a snapshot with statements that begin a transaction, and says what they find.
    pub(super) async fn snapshot(&self, begin: String) -> Outcome<(Snapshot, Vec<PgRow>)> {
        let (answer, begun) = oneshot::channel();
        let (jobs, asked) = mpsc::channel(1);
        let begin = Asked { job: Job::Batch(begin), answer };
        self.pool.runtime.spawn(self.pool.clone().keep_snapshot(self.snapshots.clone(), begin, asked));
        let rows = begun.await.map_err(|_| StoreError::Closed)??;
        Ok((Snapshot { jobs }, rows))
    }
}

impl Pool {
    /// Does a job that is a transaction by itself.
    pub(super) async fn once(self: &Arc<Self>, job: Job) -> Outcome<Vec<PgRow>> {
        let (answer, answered) = oneshot::channel();
        self.runtime.spawn(self.clone().answer_once(Asked { job, answer }));
        answered.await.map_err(|_| StoreError::Closed)?
    }

    async fn answer_once(self: Arc<Self>, Asked { job, answer }: Asked) {
        let Some((turn, answer)) = self.reader_turn(&[&self.readers], answer).await else { return };
        let (connection, done) = self.start(None, job).await;
        self.give_back(connection);
        drop(turn);
        // Whoever asked may be gone.
        let _ = answer.send(done.map_err(|error| failure(&error)));
    }

    /// Keeps a snapshot until its reader is gone or silent.
    async fn keep_snapshot(self: Arc<Self>, share: Arc<Semaphore>, begin: Asked, mut asked: mpsc::Receiver<Asked>) {
        let Asked { job, answer } = begin;
        let Some((_turn, answer)) = self.reader_turn(&[&share, &self.readers], answer).await else { return };
        let (begun, done) = self.start(None, job).await;
        // A connection on which this failed may be in a transaction that has: nobody could go on with it.
        let connection = begun.filter(|_| done.is_ok());
        let _ = answer.send(done.map_err(|error| failure(&error)));
        let Some(mut connection) = connection else { return };
        while let Ok(Some(Asked { job, answer })) = timeout(GRACE, asked.recv()).await {
            let (kept, done) = self.execute(connection, job).await;
            let _ = answer.send(done.map_err(|error| failure(&error)));
            let Some(kept) = kept else { return };
            connection = kept;
        }
        // Who asks from now on is told at once that there is no snapshot any more.
        drop(asked);
        if let (connection, Ok(_)) = self.execute(connection, Job::Batch("ROLLBACK".into())).await {
            self.give_back(connection);
        }
    }

    /// The turn of a reader at each of these, unless the reader is gone before or it does not come in time: the reader is told.
    async fn reader_turn(
        &self,
        places: &[&Arc<Semaphore>],
        mut answer: Answer,
    ) -> Option<(Vec<OwnedSemaphorePermit>, Answer)> {
        let turns = tokio::select! {
            turns = self.turns_at(places) => turns,
            () = answer.closed() => return None,
        };
        match turns {
            Ok(turns) => Some((turns, answer)),
            Err(failure) => {
                let _ = answer.send(Err(failure));
                None
            }
        }
    }
}

impl Transacting for Snapshot {
    /// A snapshot that was given up was kept for too long: the whole transaction can be tried again.
    async fn fetch(&mut self, job: Job) -> Outcome<Vec<PgRow>> {
        let (answer, answered) = oneshot::channel();
        self.jobs.send(Asked { job, answer }).await.map_err(|_| Failure::Conflict)?;
        answered.await.map_err(|_| Failure::Conflict)?
    }
}
