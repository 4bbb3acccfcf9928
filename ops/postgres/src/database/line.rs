//! Connections for transactions, opened when first needed, and bounded.
//!
//! Sockets and timers belong to the host's runtime: whoever asks may be an isolate, whose own runtime ends with it. Reads
//! are tasks there (`snapshot.rs`). Transactions that write are driven by tasks of the service as a whole, which saves a
//! change of tasks each way for each of many statements; if one is gone before the answer is there, its connection is
//! settled by another.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;

use orilla_services::database::limits::TRANSACTION_TIMEOUT;
use orilla_services::database::store::{Failure, Mode, Outcome, StoreError};
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Connection as _, Execute, Postgres, SqlStr};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::{failure, nearest};
use crate::error::Cause;
use crate::server::Server;
use crate::store::PostgresConfig;

/// Most transactions that write at a time, each for another app; the next one waits.
const MAX_WRITERS: usize = 8;
/// Most of them that stay open while an app's code runs: the others always have some connections left.
const MAX_INTERACTIVE: usize = 4;
/// How long a transaction waits for another host's transaction of the same app.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
/// The server undoes the transaction of a host that has been silent for so long.
const IDLE_TIMEOUT: Duration = TRANSACTION_TIMEOUT.saturating_mul(3);

/// All connections that this host uses for documents.
pub(super) struct Pool {
    server: Arc<Server>,
    pub(super) runtime: Handle,
    idle: Mutex<Vec<PgConnection>>,
    pub(super) readers: Arc<Semaphore>,
    writers: Arc<Semaphore>,
    interactive: Arc<Semaphore>,
    max_readers: u32,
    turn_timeout: Duration,
    /// The schema of pgvector's types, quoted, if there are any.
    pub(super) extension: Option<String>,
}

/// What has a transaction open.
pub(super) trait Transacting {
    /// Does a job within the transaction.
    fn fetch(&mut self, job: Job) -> impl Future<Output = Outcome<Vec<PgRow>>> + Send;
}

/// The use of one connection to write, for one transaction or a group of them. The connection is made, or taken from the
/// idle ones, with the first statement. Dropping a line closes its connection, which undoes what is not committed.
pub(super) struct Line {
    pool: Arc<Pool>,
    state: State,
    _turns: Vec<OwnedSemaphorePermit>,
}

enum State {
    Closed,
    Idle(PgConnection),
    /// A statement is under way. Whoever asked for it may be gone.
    Busy(Within),
}

/// The connection, unless it is of no use any more, and what a job has brought.
pub(super) type Done = (Option<PgConnection>, sqlx::Result<Vec<PgRow>>);

/// What a connection is asked to do.
#[derive(Clone)]
pub(super) enum Job {
    /// A prepared statement with its arguments.
    Prepared(SqlStr, PgArguments),
    /// Several statements without arguments, in one go.
    Batch(String),
}

impl Pool {
    pub(super) fn new(
        server: Arc<Server>,
        runtime: Handle,
        config: &PostgresConfig,
        extension: Option<String>,
    ) -> Arc<Self> {
        let max_readers = config.readers.max(1);
        let permits = |count: usize| Arc::new(Semaphore::new(count));
        Arc::new(Self {
            server,
            runtime,
            idle: Mutex::default(),
            readers: permits(max_readers as usize),
            writers: permits(MAX_WRITERS),
            interactive: permits(MAX_INTERACTIVE),
            max_readers,
            turn_timeout: config.turn_timeout,
            extension,
        })
    }

    /// Waits for a turn, but not for ever.
    pub(super) async fn in_time<T>(&self, turn: impl Future<Output = T>) -> Outcome<T> {
        timeout(self.turn_timeout, turn).await.map_err(|_| Failure::Busy)
    }

    /// How many connections one app's snapshots may have.
    pub(super) fn most_snapshots(&self) -> usize {
        (self.max_readers as usize).div_ceil(2)
    }

    /// A turn at each of some places, one after the other.
    pub(super) async fn turns_at(&self, places: &[&Arc<Semaphore>]) -> Outcome<Vec<OwnedSemaphorePermit>> {
        let turns = async {
            let mut turns = Vec::with_capacity(places.len());
            for place in places {
                turns.push((*place).clone().acquire_owned().await.map_err(|_| StoreError::Closed)?);
            }
            Ok(turns)
        };
        self.in_time(turns).await?
    }

    /// A line for a transaction that writes, when its turn comes. An app asks for one line at a time, so its many transactions
    /// are one among those of the others.
    pub(super) async fn line(self: &Arc<Self>, mode: Mode) -> Outcome<Line> {
        let places: &[_] =
            if mode == Mode::Interactive { &[&self.interactive, &self.writers] } else { &[&self.writers] };
        Ok(Line { pool: self.clone(), state: State::Closed, _turns: self.turns_at(places).await? })
    }

    /// Leaves a connection to others, if it is of use to anybody. It must have no transaction open.
    pub(super) fn give_back(&self, connection: Option<PgConnection>) {
        self.idle().extend(connection);
    }

    /// Waits for the transactions under way, then closes all connections.
    pub(super) async fn close(&self) {
        for (semaphore, count) in [(&self.writers, MAX_WRITERS as u32), (&self.readers, self.max_readers)] {
            let _all = semaphore.acquire_many(count).await;
            semaphore.close();
        }
        let idle = std::mem::take(&mut *self.idle());
        for connection in idle {
            // The server notices either way.
            let _ = connection.close().await;
        }
    }

    /// Does a job on a connection that has no transaction open, and leaves it at that connection. One that lay idle may be
    /// dead, and its siblings with it: then the job is done on a new one.
    pub(super) async fn start(&self, kept: Option<PgConnection>, job: Job) -> Done {
        let kept = kept.or_else(|| self.idle().pop());
        if let Some(connection) = kept {
            match self.execute(connection, job.clone()).await {
                (None, Err(error)) if Cause::of(&error) == Cause::Unreachable => self.idle().clear(),
                done => return done,
            }
        }
        match self.connect().await {
            Ok(connection) => self.execute(connection, job).await,
            Err(error) => (None, Err(error)),
        }
    }

    /// Does a job. The connection comes back unless it is of no use any more.
    pub(super) async fn execute(&self, mut connection: PgConnection, job: Job) -> Done {
        let done = match job {
            Job::Prepared(sql, arguments) => {
                let query = sqlx::query_with(sql, arguments);
                self.server.in_time(query.fetch_all(&mut connection)).await
            }
            Job::Batch(statements) => {
                let batch = sqlx::raw_sql(AssertSqlSafe(statements));
                self.server.in_time(batch.fetch_all(&mut connection)).await
            }
        };
        let answered = matches!(&done, Ok(_) | Err(sqlx::Error::Database(_)));
        let lost = done.as_ref().is_err_and(|error| Cause::of(error) == Cause::Unreachable);
        ((answered && !lost).then_some(connection), done)
    }

    async fn connect(&self) -> sqlx::Result<PgConnection> {
        let mut connection = self.server.connect().await?;
        // Plans are made once and kept: whichever index a statement is written for serves it well with all arguments.
        // Acknowledged must mean durable, so a database that is set not to wait for its disk is told to.
        let session = format!(
            "SET plan_cache_mode = force_generic_plan; SET enable_bitmapscan = off; \
             SET max_parallel_workers_per_gather = 0; {}; SET lock_timeout = {}; \
             SET idle_in_transaction_session_timeout = {}; \
             SELECT set_config('synchronous_commit', 'on', false) \
             WHERE current_setting('synchronous_commit') = 'off'",
            nearest::SESSION,
            LOCK_TIMEOUT.as_millis(),
            IDLE_TIMEOUT.as_millis()
        );
        let settings = sqlx::raw_sql(AssertSqlSafe(session)).fetch_all(&mut connection);
        self.server.in_time(settings).await?;
        Ok(connection)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<PgConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    pub(super) fn of(mut query: Query<'_, Postgres, PgArguments>) -> sqlx::Result<Self> {
        let arguments = query.take_arguments().map_err(sqlx::Error::Encode)?.unwrap_or_default();
        Ok(Self::Prepared(query.sql(), arguments))
    }
}

impl Line {
    /// Does a job that needs no open transaction, though it may begin one.
    pub(super) async fn start(&mut self, job: Job) -> sqlx::Result<Vec<PgRow>> {
        let kept = self.settled().await;
        let pool = self.pool.clone();
        self.state = self.busy(async move { pool.start(kept, job).await });
        self.answer().await
    }

    /// Does a job within the open transaction.
    pub(super) async fn go_on(&mut self, job: Job) -> sqlx::Result<Vec<PgRow>> {
        let Some(connection) = self.settled().await else {
            return Err(sqlx::Error::Protocol("the connection was lost during a transaction".into()));
        };
        let pool = self.pool.clone();
        self.state = self.busy(async move { pool.execute(connection, job).await });
        self.answer().await
    }

    /// Leaves the connection to others. It must have no transaction open.
    pub(super) fn give_back(mut self) {
        if let State::Idle(connection) = std::mem::replace(&mut self.state, State::Closed) {
            self.pool.give_back(Some(connection));
        }
    }

    /// The connection, once the statement under way is done.
    async fn settled(&mut self) -> Option<PgConnection> {
        if let State::Busy(_) = self.state {
            // Nobody waits for its outcome any more.
            let _ = self.answer().await;
        }
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Idle(connection) => Some(connection),
            State::Closed | State::Busy(_) => None,
        }
    }

    fn busy(&self, work: impl Future<Output = Done> + Send + 'static) -> State {
        State::Busy(Within { runtime: self.pool.runtime.clone(), work: Box::pin(work) })
    }

    async fn answer(&mut self) -> sqlx::Result<Vec<PgRow>> {
        let State::Busy(work) = &mut self.state else { return Err(sqlx::Error::WorkerCrashed) };
        let (connection, done) = work.await;
        self.state = connection.map_or(State::Closed, State::Idle);
        done
    }
}

impl Transacting for Line {
    async fn fetch(&mut self, job: Job) -> Outcome<Vec<PgRow>> {
        self.go_on(job).await.map_err(|error| failure(&error))
    }
}

/// Work that finds itself within a runtime, wherever it is driven.
struct Within {
    runtime: Handle,
    work: BoxFuture<'static, Done>,
}

impl Future for Within {
    type Output = Done;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Done> {
        let Self { runtime, work } = &mut *self;
        let _within = runtime.enter();
        work.as_mut().poll(context)
    }
}
