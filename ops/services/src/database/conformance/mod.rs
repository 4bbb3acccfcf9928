//! What every back end of the database must do. A back end's tests call [`run_store`] and [`run_service`] with a way to
//! make an empty store; [`oracle::run`] and [`property::run`] hold it against MongoDB's cases and against the matcher.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on panics")]

mod calls;
mod concurrency;
mod events;
mod indexes;
mod input;
mod maintenance;
pub mod oracle;
mod pages;
pub mod property;
mod scans;
mod searches;
mod store;
mod transactions;
mod vectors;
mod watched;

use std::sync::Arc;

use tokio::sync::broadcast::Receiver;

use super::store::DocumentStore;
use super::{Database, DatabaseConfig, DatabaseError, DatabaseTransaction};
use crate::caller::{Caller, Identity, Policy};
use crate::clock::ManualClock;
use crate::event::{Event, LocalBus};
use crate::gate::Gate;

/// Noon of a day in 2026, in milliseconds: not on a full second.
const NOON: u64 = 1_772_366_400_250;

/// Runs every case about the store alone, each on a store of its own.
pub async fn run_store(empty_store: impl AsyncFn() -> Arc<dyn DocumentStore>) {
    store::run(&empty_store).await;
    scans::run(&empty_store).await;
}

/// Runs every case about the service on a store, each on a store of its own. Needs a multi-threaded runtime.
pub async fn run_service(empty_store: impl AsyncFn() -> Arc<dyn DocumentStore>) {
    calls::run(&empty_store).await;
    input::run(&empty_store).await;
    indexes::run(&empty_store).await;
    pages::run(&empty_store).await;
    transactions::run(&empty_store).await;
    events::run(&empty_store).await;
    vectors::run(&empty_store).await;
    searches::run(&empty_store).await;
    maintenance::run(&empty_store).await;
    concurrency::run(&empty_store).await;
}

/// A service on a store, with a clock that stands still at noon.
///
/// Arguments and results are JSON with `'` in place of `"`, and arguments without the array around them.
pub struct Fixture {
    /// The service.
    pub database: Database,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    /// Its event bus.
    pub bus: LocalBus,
    /// A caller of app `shop`, tenant `acme`.
    pub caller: Caller,
}

impl Fixture {
    /// A service on a store.
    pub async fn new(store: Arc<dyn DocumentStore>) -> Self {
        Self::with(store, DatabaseConfig::default()).await
    }

    /// A service on a store, with settings of its own.
    pub async fn with(store: Arc<dyn DocumentStore>, config: DatabaseConfig) -> Self {
        let (clock, bus) = (Arc::new(ManualClock::at(NOON)), LocalBus::new());
        let events = Arc::new(bus.clone());
        let database = Database::open(store, Gate::default(), clock.clone(), events, config).await.unwrap();
        Self { database, clock, bus, caller: caller("acme", "shop") }
    }

    /// Makes a call that may fail.
    pub async fn call(&self, method: &str, collection: &str, arguments: &str) -> Result<String, DatabaseError> {
        let result = self.database.call(&self.caller, method, collection, &to_json(arguments)).await;
        result.map(|json| from_json(&json))
    }

    /// Makes a call that succeeds.
    pub async fn ok(&self, method: &str, collection: &str, arguments: &str) -> String {
        let result = self.call(method, collection, arguments).await;
        result.unwrap_or_else(|error| panic!("{method} {collection} {arguments}: {error}"))
    }

    /// Makes a call that fails, and says its code.
    pub async fn code(&self, method: &str, collection: &str, arguments: &str) -> &'static str {
        match self.call(method, collection, arguments).await {
            Ok(result) => panic!("{method} {collection} {arguments} should fail, but gives {result}"),
            Err(error) => error.code(),
        }
    }

    /// Makes a call within a transaction.
    pub async fn call_in(
        &self,
        transaction: &mut DatabaseTransaction,
        method: &str,
        collection: &str,
        arguments: &str,
    ) -> Result<String, DatabaseError> {
        let json = to_json(arguments);
        let result = self.database.call_in(&self.caller, transaction, method, collection, &json).await;
        result.map(|json| from_json(&json))
    }

    /// The `_id`s that `find` gives, joined by blanks.
    pub async fn ids(&self, collection: &str, arguments: &str) -> String {
        let found = self.ok("find", collection, arguments).await;
        ids_in(&found).join(" ")
    }

    /// Makes sure that all indexes agree with the documents.
    pub async fn assert_sound(&self) {
        let checked = self.database.check(&self.caller).await.unwrap();
        assert_eq!(checked.problems, [""; 0]);
    }
}

/// An anonymous caller.
pub fn caller(tenant: &str, app: &str) -> Caller {
    Caller {
        app: app.into(),
        tenant: tenant.into(),
        identity: Identity::Anonymous,
        policy: Policy::Enforced,
        trace: "test".into(),
    }
}

fn to_json(arguments: &str) -> String {
    format!("[{}]", arguments.replace('\'', "\""))
}

fn from_json(json: &str) -> String {
    json.replace('"', "'")
}

/// The `_id`s of the documents in a result, as JSON.
fn ids_in(result: &str) -> Vec<String> {
    use super::value::Value;
    let Value::Array(documents) = Value::parse(&result.replace('\'', "\"")).unwrap() else { panic!("{result}") };
    let id = |document: &Value| match document {
        Value::Object(document) => from_json(&document.get("_id").unwrap().to_json()),
        other => panic!("{other} is no document"),
    };
    documents.iter().map(id).collect()
}

/// The events so far, checked for rising versions.
fn drain(events: &mut Receiver<Event>) -> Vec<Event> {
    let mut drained: Vec<Event> = Vec::new();
    while let Ok(event) = events.try_recv() {
        assert!(drained.last().is_none_or(|last| last.version < event.version), "{event:?} after {drained:?}");
        drained.push(event);
    }
    drained
}
