//! The document database: JSON documents in collections, found and changed with MongoDB's filters and operators, and by
//! vectors.
//!
//! A call comes in through [`call`], and [`run`] says what it does within a transaction. A [`filter`] decides what
//! matches; [`plan`] only says what to read. [`change`] changes documents together with their index entries. Where rows
//! are kept is the business of a [`store::DocumentStore`].

pub mod aggregate;
mod build;
pub mod call;
mod change;
mod check;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod document;
pub mod error;
mod explain;
pub mod expression;
pub mod filter;
pub mod guard;
mod host;
pub mod index;
pub mod index_options;
pub mod key;
mod lease;
pub mod limits;
mod maintenance;
pub mod order;
mod pages;
pub mod path;
mod pipeline;
pub mod plan;
pub mod projection;
pub mod query;
mod reader;
mod reconcile;
pub mod regex;
mod run;
mod search;
pub mod sort;
pub mod store;
mod summary;
mod transaction;
mod transfer;
pub mod tuples;
pub mod update;
pub mod value;
pub mod vector;
mod vector_index;
mod vectors;
pub mod work;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::build::Builds;
use self::call::Call;
pub use self::check::Checked;
pub use self::error::DatabaseError;
use self::host::{Host, on_host};
use self::index::Index;
use self::lease::Lease;
use self::limits::{MAX_COMPUTING, TRANSACTION_TIMEOUT};
use self::maintenance::Expiry;
pub use self::reconcile::{Declared, Reconciled};
use self::store::{DocumentStore, Mode, StoreError};
pub use self::summary::{CollectionSummary, IndexSummary, Summary};
pub use self::transaction::DatabaseTransaction;
use self::transaction::Open;
use self::value::Value;
use self::vectors::VectorIndexes;
use self::work::{Change, Work};
use crate::caller::Caller;
use crate::clock::{Clock, UnixMillis};
use crate::cursor::CursorSeal;
use crate::event::{Event, EventBus, EventKind};
use crate::gate::{Action, Gate, Request, Scope, Service};

/// The database service of one host, shared by all its isolates. Cloning is cheap; clones are the same service.
#[derive(Clone)]
pub struct Database {
    store: Arc<dyn DocumentStore>,
    gate: Gate,
    clock: Arc<dyn Clock>,
    events: Arc<dyn EventBus>,
    cursors: CursorSeal,
    vectors: Arc<VectorIndexes>,
    builds: Builds,
    expiries: Arc<Mutex<Vec<Expiry>>>,
    host: Host,
    transaction_timeout: Duration,
    max_computing: Duration,
}

/// Settings of the database service.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseConfig {
    /// Most memory for vector indexes, in bytes. One that is larger alone is kept.
    pub vector_bytes: usize,
    /// How long a transaction of an app's own code may stay open until the host undoes it.
    pub transaction_timeout: Duration,
    /// How long one change may compute where the host drives it.
    pub max_computing: Duration,
}

impl Default for DatabaseConfig {
    /// 1 GiB of vectors, [`TRANSACTION_TIMEOUT`] and [`MAX_COMPUTING`].
    fn default() -> Self {
        Self { vector_bytes: 1 << 30, transaction_timeout: TRANSACTION_TIMEOUT, max_computing: MAX_COMPUTING }
    }
}

impl Database {
    /// A service on top of a store. Its tasks run on the async runtime that this is called from, which must outlive the
    /// isolates', or on threads of its own.
    pub async fn open(
        store: Arc<dyn DocumentStore>,
        gate: Gate,
        clock: Arc<dyn Clock>,
        events: Arc<dyn EventBus>,
        config: DatabaseConfig,
    ) -> Result<Self, DatabaseError> {
        let cursors = CursorSeal::new(store.cursor_secret().await?);
        let vectors = Arc::new(VectorIndexes::new(config.vector_bytes));
        let (builds, expiries) = (Builds::default(), Arc::default());
        let host = if store.is_remote() { Host::on_own_threads() } else { Ok(Host::here()) };
        let host = host.map_err(|error| StoreError::Unavailable(format!("no threads can be started: {error}")))?;
        let DatabaseConfig { transaction_timeout, max_computing, .. } = config;
        Ok(Self {
            store,
            gate,
            clock,
            events,
            cursors,
            vectors,
            builds,
            expiries,
            host,
            transaction_timeout,
            max_computing,
        })
    }

    /// Makes a call: `method` on a collection, with a JSON array of arguments. The result is JSON. What it changed is
    /// durable once it returns; after an error nothing has changed.
    pub async fn call(
        &self,
        caller: &Caller,
        method: &str,
        collection: &str,
        arguments: &str,
    ) -> Result<String, DatabaseError> {
        let call = Call::parse(method, collection, arguments_of(arguments)?)?;
        let scope = self.admit(caller, call.action(), collection)?;
        if !changes_something(&call) {
            return self.run(&scope, collection, &call).await;
        }
        let (database, collection) = (self.clone(), collection.to_owned());
        let (tenant, app) = (scope.tenant().clone(), scope.app().clone());
        self.drive(async move { database.run(&Scope::of_host(&tenant, &app), &collection, &call).await }).await
    }

    async fn run(&self, scope: &Scope<'_>, collection: &str, call: &Call) -> Result<String, DatabaseError> {
        match call {
            Call::CreateIndex(index) => {
                let name = self.create_index(scope, collection, &Index::Document(index.clone())).await?;
                Ok(Value::String(name).to_json())
            }
            Call::CreateVectorIndex(definition) => {
                let name = self.create_index(scope, collection, &Index::Vector(definition.clone())).await?;
                Ok(Value::String(name).to_json())
            }
            Call::DropIndex(name) => {
                self.drop_index(scope, collection, &|index| index.name() == name, name).await?;
                Ok("null".into())
            }
            Call::DropVectorIndex(field) => {
                let is_meant = |index: &Index| matches!(index, Index::Vector(definition) if definition.field == *field);
                self.drop_index(scope, collection, &is_meant, field).await?;
                Ok("null".into())
            }
            Call::FindPage(query) => self.find_page(scope, collection, query).await,
            Call::Explain(query) => self.explain(scope, collection, query).await,
            Call::Find(query) | Call::FindSimilar(query) if query.vector.is_some() => {
                self.find_similar(scope, collection, query).await
            }
            _ => {
                let mode = if changes_something(call) { Mode::Write } else { Mode::Read };
                let run = self.transact(scope, mode, (collection, call), |work, (collection, call)| {
                    Box::pin(work.run(collection, call))
                });
                run.await
            }
        }
    }

    /// Opens a transaction for an app's code. It holds up all other changes of the app until it ends.
    pub async fn begin(&self, caller: &Caller) -> Result<DatabaseTransaction, DatabaseError> {
        let scope = self.admit(caller, Action::Write, "")?;
        let (database, tenant, app) = (self.clone(), scope.tenant().clone(), scope.app().clone());
        let beginning = async move {
            let transaction = database.begin_in_turn(&Scope::of_host(&tenant, &app), Mode::Interactive).await?;
            let open = Open::new(database.work(transaction, Mode::Interactive));
            let lease = Lease::new(&database.host.runtime, open, database.transaction_timeout);
            Ok(DatabaseTransaction::new(tenant, app, lease))
        };
        self.drive(beginning).await
    }

    /// Makes what a transaction changed durable. [`DatabaseError::TransactionConflict`] asks to try it all again.
    pub async fn commit_transaction(&self, transaction: DatabaseTransaction) -> Result<(), DatabaseError> {
        let database = self.clone();
        let commit = async move {
            let (tenant, app) = (transaction.tenant.clone(), transaction.app.clone());
            database.commit(&Scope::of_host(&tenant, &app), transaction.into_work().await?).await
        };
        self.drive(commit).await
    }

    /// Runs a call within a transaction.
    pub async fn call_in(
        &self,
        caller: &Caller,
        transaction: &mut DatabaseTransaction,
        method: &str,
        collection: &str,
        arguments: &str,
    ) -> Result<String, DatabaseError> {
        let call = Call::parse(method, collection, arguments_of(arguments)?)?;
        self.admit(caller, call.action(), collection)?;
        let (lent, collection, now) = (transaction.lent(), collection.to_owned(), self.clock.now());
        self.drive(async move { lent.run(&collection, &call, now).await }).await
    }

    /// Memory of the vector indexes that are in memory, in bytes.
    pub fn vector_bytes(&self) -> usize {
        self.vectors.bytes()
    }

    /// Whether other hosts use the same data.
    pub fn is_shared(&self) -> bool {
        self.store.shared()
    }

    /// Lets go of the store.
    pub async fn close(&self) -> Result<(), DatabaseError> {
        Ok(self.store.close().await?)
    }

    /// Drives work on a transaction that writes: where its statements wait for another process, as a task of the host.
    /// Elsewhere they run at once on the thread that asks, which then has nothing that others wait for when it stops.
    async fn drive<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, DatabaseError>> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        if self.store.is_remote() { on_host(&self.host.runtime, work).await } else { work.await }
    }

    fn admit<'c>(&self, caller: &'c Caller, action: Action, collection: &str) -> Result<Scope<'c>, DatabaseError> {
        let request = Request { service: Service::Database, action, resource: collection, record: "" };
        Ok(self.gate.admit(caller, &request)?)
    }

    async fn find_similar(
        &self,
        scope: &Scope<'_>,
        collection: &str,
        query: &query::Query,
    ) -> Result<String, DatabaseError> {
        let context = (self, scope, collection, query);
        let search = self.transact(scope, Mode::Read, context, |work, (database, scope, collection, query)| {
            Box::pin(async move {
                let clause = query.vector.clone().unwrap_or_default();
                Ok(database.search(scope, collection, query, &clause, work).await?.documents)
            })
        });
        Ok(Value::Array(search.await?.into_iter().map(Value::Object).collect()).to_json())
    }

    /// Commits, and lets everyone know who has to: the vectors in memory, and the event bus.
    async fn commit(&self, scope: &Scope<'_>, work: Work) -> Result<(), DatabaseError> {
        let Work { transaction, changes, now, .. } = work;
        if changes.is_empty() {
            return Ok(transaction.commit(Box::new(|| {})).await?);
        }
        let (tenant, app) = (scope.tenant().clone(), scope.app().clone());
        let events = self.events.clone();
        // Where others write too, what they have changed may lie between: a search takes in all of it, in order.
        let vectors = (!self.store.shared()).then(|| self.vectors.clone());
        let announce = move || {
            if let Some(vectors) = vectors {
                vectors.apply(&tenant, &app, &changes);
            }
            for change in changes {
                events.publish(event(&tenant, &app, change, now));
            }
        };
        Ok(transaction.commit(Box::new(announce)).await?)
    }

    fn expiries(&self) -> MutexGuard<'_, Vec<Expiry>> {
        self.expiries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn event(tenant: &Arc<str>, app: &Arc<str>, change: Change, at: UnixMillis) -> Event {
    let kind = match (&change.document.before, &change.document.after) {
        (None, _) => EventKind::DocumentCreated,
        (Some(_), Some(_)) => EventKind::DocumentUpdated,
        (Some(_), None) => EventKind::DocumentDeleted,
    };
    Event {
        kind,
        tenant: tenant.clone(),
        app: app.clone(),
        namespace: change.collection.name.clone(),
        key: change.id.into(),
        version: change.version,
        at,
        document: Some(change.document),
    }
}

fn arguments_of(json: &str) -> Result<Vec<Value>, DatabaseError> {
    match Value::parse(json)? {
        Value::Array(arguments) => Ok(arguments),
        other => {
            Err(DatabaseError::OptionsInvalid(format!("the arguments must be an array, not {}", other.type_name())))
        }
    }
}

fn changes_something(call: &Call) -> bool {
    match call {
        Call::InsertOne(_) | Call::InsertMany(_) | Call::Update(_) | Call::Delete(_) => true,
        _ => call.action() == Action::Manage,
    }
}
