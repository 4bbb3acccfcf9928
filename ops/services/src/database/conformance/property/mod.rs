//! Random documents, indexes, changes and queries: whatever the planner and the engine do, the outcome is what the
//! matcher and a sort in memory say.

mod changes;
mod generate;
mod model;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use self::generate::Scenario;
use self::model::Model;
use super::caller;
use crate::clock::ManualClock;
use crate::database::limits::MAX_COLLECTIONS;
use crate::database::store::DocumentStore;
use crate::database::{Database, DatabaseConfig};
use crate::event::LocalBus;
use crate::gate::Gate;

/// Runs scenarios on a store, each in a collection of its own. One that fails is reduced to its essence. Needs a
/// multi-threaded runtime.
pub async fn run(store: Arc<dyn DocumentStore>, scenarios: u32) {
    let (clock, events) = (Arc::new(ManualClock::at(0)), Arc::new(LocalBus::new()));
    let database = Database::open(store, Gate::default(), clock, events, DatabaseConfig::default()).await.unwrap();
    let runtime = tokio::runtime::Handle::current();
    let count = AtomicUsize::new(0);
    let play = |scenario: Scenario| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        let caller = caller("property", &(number / MAX_COLLECTIONS).to_string());
        let name = format!("c{number}");
        runtime.block_on(async {
            let mut model = Model::new(&database, caller.clone(), name);
            scenario.play(&mut model).await.map_err(TestCaseError::fail)
        })
    };
    let config = Config { cases: scenarios, failure_persistence: None, max_shrink_iters: 5000, ..Config::default() };
    let outcome = tokio::task::block_in_place(|| TestRunner::new(config).run(&generate::scenarios(), play));
    if let Err(TestError::Fail(reason, scenario)) = &outcome {
        panic!("{reason}\n{scenario:?}");
    }
    outcome.unwrap();
    for number in 0..=count.into_inner() / MAX_COLLECTIONS {
        let caller = caller("property", &number.to_string());
        assert_eq!(database.check(&caller).await.unwrap().problems, [""; 0]);
    }
}
