//! Reads are tasks of the host. A read that an isolate drove itself would keep its connection, or the turn it was given, from
//! all other apps while that isolate is stuck in JavaScript: so whoever asks gets rows, and never holds a connection.
//!
//! A statement of its own gives the connection back before its rows are handed over. A snapshot has to keep one between
//! its statements, but not for long when nobody asks it anything.

use std::sync::Arc;
use std::time::Duration;

use orilla_services::database::store::{Failure, Outcome, StoreError};
use sqlx::postgres::PgRow;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::timeout;

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

type Answer = oneshot::Sender<sqlx::Result<Vec<PgRow>>>;

impl Pool {
    /// Does a job that is a transaction by itself.
    pub(super) async fn once(self: &Arc<Self>, job: Job) -> Outcome<Vec<PgRow>> {
        let (answer, answered) = oneshot::channel();
        self.runtime.spawn(self.clone().answer_once(Asked { job, answer }));
        answered.await.map_err(|_| StoreError::Closed)?.map_err(|error| failure(&error))
    }

    /// Opens a snapshot with statements that begin a transaction, and says what they find.
    pub(super) async fn snapshot(self: &Arc<Self>, begin: String) -> Outcome<(Snapshot, Vec<PgRow>)> {
        let (answer, begun) = oneshot::channel();
        let (jobs, asked) = mpsc::channel(1);
        self.runtime.spawn(self.clone().keep_snapshot(Asked { job: Job::Batch(begin), answer }, asked));
        let rows = begun.await.map_err(|_| StoreError::Closed)?.map_err(|error| failure(&error))?;
        Ok((Snapshot { jobs }, rows))
    }

    async fn answer_once(self: Arc<Self>, Asked { job, mut answer }: Asked) {
        let Some(turn) = self.reader_turn(&mut answer).await else { return };
        let (connection, done) = self.start(None, job).await;
        self.give_back(connection);
        drop(turn);
        // Whoever asked may be gone.
        let _ = answer.send(done);
    }

    /// Keeps a snapshot until its reader is gone or silent.
    async fn keep_snapshot(self: Arc<Self>, begin: Asked, mut asked: mpsc::Receiver<Asked>) {
        let Asked { job, mut answer } = begin;
        let Some(_turn) = self.reader_turn(&mut answer).await else { return };
        let (begun, done) = self.start(None, job).await;
        // A connection on which this failed may be in a transaction that has: nobody could go on with it.
        let connection = begun.filter(|_| done.is_ok());
        let _ = answer.send(done);
        let Some(mut connection) = connection else { return };
        while let Ok(Some(Asked { job, answer })) = timeout(GRACE, asked.recv()).await {
            let (kept, done) = self.execute(connection, job).await;
            let _ = answer.send(done);
            let Some(kept) = kept else { return };
            connection = kept;
        }
        // Who asks from now on is told at once that there is no snapshot any more.
        drop(asked);
        if let (connection, Ok(_)) = self.execute(connection, Job::Batch("ROLLBACK".into())).await {
            self.give_back(connection);
        }
    }

    /// The turn of a reader, unless the reader is gone before.
    async fn reader_turn(&self, answer: &mut Answer) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            turn = self.readers.clone().acquire_owned() => turn.ok(),
            () = answer.closed() => None,
        }
    }
}

impl Transacting for Snapshot {
    /// A snapshot that was given up was kept for too long: the whole transaction can be tried again.
    async fn fetch(&mut self, job: Job) -> Outcome<Vec<PgRow>> {
        let (answer, answered) = oneshot::channel();
        self.jobs.send(Asked { job, answer }).await.map_err(|_| Failure::Conflict)?;
        answered.await.map_err(|_| Failure::Conflict)?.map_err(|error| failure(&error))
    }
}
