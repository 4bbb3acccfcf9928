//! What one call does within a transaction: it reads, it changes documents, and it remembers what it changed, for the
//! events that follow the commit.

use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::Database;
use super::error::DatabaseError;
use super::host::{at_once, watched};
use super::limits::{MAX_ATTEMPTS, MAX_COLLECTIONS, MAX_TRANSACTION_BYTES, check_collection_name};
use super::store::{Collection, Mode, Transaction};
use super::value::Value;
use crate::clock::UnixMillis;
use crate::event::DocumentChange;
use crate::gate::Scope;

/// A transaction at work.
pub struct Work {
    /// The transaction.
    pub(super) transaction: Box<dyn Transaction>,
    /// What has changed so far, in order.
    pub(super) changes: Vec<Change>,
    /// The moment of the call that is running.
    pub(super) now: UnixMillis,
    /// Whether other calls of the same isolate may run while this one reads.
    pub(super) yields: bool,
    /// How much longer it may compute, if that is limited.
    pub(super) may_compute: Option<Duration>,
    bytes: usize,
}

/// What is done in a transaction, given what it is done with. It may be done several times, from the start.
pub(super) type Run<C, T> = for<'w> fn(&'w mut Work, &'w C) -> BoxFuture<'w, Result<T, DatabaseError>>;

impl Database {
    /// Runs work in a transaction and commits it; again, from the start, when another transaction is in the way.
    pub(super) async fn transact<C: Send + Sync, T: Send>(
        &self,
        scope: &Scope<'_>,
        mode: Mode,
        context: C,
        run: Run<C, T>,
    ) -> Result<T, DatabaseError> {
        retried(|| self.attempt(scope, mode, &context, run).boxed()).await
    }

    async fn attempt<C: Sync, T>(
        &self,
        scope: &Scope<'_>,
        mode: Mode,
        context: &C,
        run: Run<C, T>,
    ) -> Result<T, DatabaseError> {
        let transaction = self.begin_in_turn(scope, mode).await?;
        self.run_in(transaction, scope, mode, context, run).await
    }

    /// Work on a transaction. Where the host drives what writes, it sees to the limits of that.
    pub(super) fn work(&self, transaction: Box<dyn Transaction>, mode: Mode) -> Work {
        let on_host = mode != Mode::Read && self.store.is_remote();
        let mut work = Work::new(transaction, self.clock.now(), mode == Mode::Read || on_host);
        work.may_compute = on_host.then_some(self.max_computing);
        work
    }

    /// Opens a transaction. Where an isolate has to wait for its turn to write, the host watches over that: a turn that is given to
    /// an isolate which is stuck would be lost to others.
    pub(super) async fn begin_in_turn(
        &self,
        scope: &Scope<'_>,
        mode: Mode,
    ) -> Result<Box<dyn Transaction>, DatabaseError> {
        if mode == Mode::Read || self.store.is_remote() {
            return Ok(self.store.begin(scope, mode).await?);
        }
        let (store, tenant, app) = (self.store.clone(), scope.tenant().clone(), scope.app().clone());
        let mut begin = async move { store.begin(&Scope::of_host(&tenant, &app), mode).await }.boxed();
        if let Poll::Ready(begun) = at_once(begin.as_mut()).await {
            return Ok(begun?);
        }
        let begun = watched(&self.host.runtime, begin, self.transaction_timeout).await;
        Ok(begun.ok_or(DatabaseError::TransactionConflict)??)
    }

    /// Runs work in an open transaction and commits it.
    pub(super) async fn run_in<C: Sync, T>(
        &self,
        transaction: Box<dyn Transaction>,
        scope: &Scope<'_>,
        mode: Mode,
        context: &C,
        run: Run<C, T>,
    ) -> Result<T, DatabaseError> {
        let mut work = self.work(transaction, mode);
        match run(&mut work, context).await {
            Ok(result) => {
                self.commit(scope, work).await?;
                Ok(result)
            }
            Err(error) => {
                work.fail(mode, &error).await?;
                Err(error)
            }
        }
    }
}

/// Makes an attempt, and again, from the start, when another transaction is in the way.
pub(super) async fn retried<'a, T>(
    attempt: impl Fn() -> BoxFuture<'a, Result<T, DatabaseError>>,
) -> Result<T, DatabaseError> {
    let mut attempts = 0;
    loop {
        match attempt().await {
            Err(DatabaseError::TransactionConflict) if attempts < MAX_ATTEMPTS => {
                // Those in the way get time to finish, more of it each time.
                tokio::time::sleep(Duration::from_millis(1 << attempts)).await;
                attempts += 1;
            }
            outcome => return outcome,
        }
    }
}

/// A change to one document.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) collection: Arc<Collection>,
    /// The document's `_id`: a string as it is, anything else as JSON.
    pub(super) id: String,
    pub(super) version: u64,
    pub(super) document: DocumentChange,
    /// The document's row, and its new vectors in each vector index that the change concerns.
    pub(super) row: i64,
    pub(super) vectors: Vec<(i64, Vec<Vec<u8>>)>,
}

impl Work {
    /// Work on a fresh transaction.
    pub(super) fn new(transaction: Box<dyn Transaction>, now: UnixMillis, yields: bool) -> Self {
        Self { transaction, changes: Vec::new(), now, yields, may_compute: None, bytes: 0 }
    }

    /// Ends a transaction in which something failed. A reader may have been told of a catalog that another host has changed
    /// since, and only a commit makes sure: the conflict takes the place of an error that was none.
    async fn fail(self, mode: Mode, error: &DatabaseError) -> Result<(), DatabaseError> {
        let of_store =
            matches!(error, DatabaseError::TransactionConflict | DatabaseError::Busy | DatabaseError::Store(_));
        if mode == Mode::Read && !of_store {
            return Ok(self.transaction.commit(Box::new(|| {})).await?);
        }
        Ok(self.transaction.rollback().await?)
    }

    /// Computes what an app asks for.
    pub(super) fn compute<T>(&mut self, work: impl FnOnce() -> Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        let Some(left) = &mut self.may_compute else { return work() };
        let began = Instant::now();
        let done = work();
        *left = left.checked_sub(began.elapsed()).ok_or(DatabaseError::ChangeTooCostly)?;
        done
    }

    /// Gives the isolate's other requests their turn, where reading runs on its thread; elsewhere whoever has to end this
    /// comes to it.
    pub(super) async fn yield_now(&mut self) {
        if self.yields {
            tokio::task::yield_now().await;
        }
    }

    /// The collection of this name, if there is one.
    pub(super) async fn collection(&mut self, name: &str) -> Result<Option<Arc<Collection>>, DatabaseError> {
        check_collection_name(name)?;
        Ok(self.transaction.collection(name).await?)
    }

    /// The collection of this name, created if need be.
    pub(super) async fn collection_to_change(&mut self, name: &str) -> Result<Arc<Collection>, DatabaseError> {
        if let Some(collection) = self.collection(name).await? {
            return Ok(collection);
        }
        if self.transaction.collections().await?.len() >= MAX_COLLECTIONS {
            return Err(DatabaseError::TooManyCollections);
        }
        Ok(self.transaction.create_collection(name).await?)
    }

    /// Remembers a change.
    pub(super) fn record(&mut self, change: Change) -> Result<(), DatabaseError> {
        let length = |json: &Option<Arc<str>>| json.as_ref().map_or(0, |json| json.len());
        self.bytes += length(&change.document.before) + length(&change.document.after);
        if self.bytes > MAX_TRANSACTION_BYTES {
            return Err(DatabaseError::TransactionTooLarge);
        }
        self.changes.push(change);
        Ok(())
    }
}

/// An `_id` as a name: what insertOne returns and events carry.
pub(super) fn id_text(id: &Value) -> String {
    match id {
        Value::String(text) => text.clone(),
        other => other.to_json(),
    }
}
