//! The document database on real SQLite files.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests are told by the environment what to do")]

#[path = "database/durability.rs"]
mod durability;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use orilla_services::database::conformance::{self, Fixture};
use orilla_services::database::store::{DocumentStore, Mode};
use orilla_services::gate::{Action, Gate, Request, Service};
use orilla_sqlite::{SqliteConfig, SqliteStore};
use tempfile::TempDir;

/// Scenarios of the property test, unless `ORILLA_PROPERTY_SCENARIOS` says otherwise.
const SCENARIOS: u32 = 300;

async fn open(directory: &Path) -> Arc<dyn DocumentStore> {
    Arc::new(SqliteStore::open(directory, SqliteConfig::default()).await.unwrap().documents().unwrap())
}

/// Stores in directories of their own.
struct Stores {
    directories: TempDir,
    count: AtomicUsize,
}

impl Stores {
    fn new() -> Self {
        Self { directories: TempDir::new().unwrap(), count: AtomicUsize::new(0) }
    }

    async fn empty(&self) -> Arc<dyn DocumentStore> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        open(&self.directories.path().join(number.to_string())).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_fulfils_its_contract() {
    let stores = Stores::new();
    conformance::run_store(async || stores.empty().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_fulfils_its_contract() {
    let stores = Stores::new();
    conformance::run_service(async || stores.empty().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oracle_holds_with_and_without_indexes() {
    conformance::oracle::run(Stores::new().empty().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_agrees_with_the_matcher() {
    let scenarios = std::env::var("ORILLA_PROPERTY_SCENARIOS").map_or(SCENARIOS, |count| count.parse().unwrap());
    let stores = Stores::new();
    conformance::property::run(stores.empty().await, scenarios).await;
}

/// Whoever still reads or writes when the host stops keeps it for a moment only.
#[tokio::test(flavor = "multi_thread")]
async fn closing_waits_a_bounded_time() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    let fixture = Fixture::new(store.clone()).await;
    fixture.ok("insertOne", "c", "{'_id':1}").await;
    let request = Request { service: Service::Database, action: Action::Read, resource: "c", record: "" };
    let scope = Gate::default().admit(&fixture.caller, &request).unwrap();
    let reading = store.begin(&scope, Mode::Read).await.unwrap();
    let writing = store.begin(&scope, Mode::Write).await.unwrap();
    tokio::time::timeout(Duration::from_secs(20), store.close()).await.unwrap().unwrap();
    drop((reading, writing));
    assert_eq!(fixture.code("find", "c", "").await, "DB_UNAVAILABLE");
}

/// Versions rise from one opening of the file to the next, and catalogs that have changed meanwhile are there.
#[tokio::test(flavor = "multi_thread")]
async fn versions_rise_whoever_opens_the_file() {
    let directory = TempDir::new().unwrap();
    let mut latest = 0;
    for opening in 0..4 {
        let fixture = Fixture::new(open(directory.path()).await).await;
        let mut events = fixture.bus.subscribe();
        fixture.ok("insertOne", "c", &format!("{{'_id':{opening}}}")).await;
        fixture.ok("createIndex", "c", &format!("{{'keys':{{'n{opening}':1}}}}")).await;
        fixture.ok("insertOne", "c", &format!("{{'_id':'{opening}'}}")).await;
        for _ in 0..2 {
            let version = events.recv().await.unwrap().version;
            assert!(version > latest, "{version} came after {latest}");
            latest = version;
        }
        let listed = fixture.ok("listIndexes", "c", "").await;
        assert_eq!(listed.matches("'kind'").count(), opening + 1, "{listed}");
        fixture.database.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checker_finds_what_is_damaged() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("databases/acme/shop.db");
    let fixture = Fixture::new(open(directory.path()).await).await;
    fixture.ok("insertMany", "c", "[{'_id':1,'n':[1,2],'v':[1,2]},{'_id':2,'n':2,'v':[3,4]}]").await;
    fixture.ok("createIndex", "c", "{'keys':{'n':1}}").await;
    fixture.ok("createVectorIndex", "c", "{'field':'v','dimensions':2}").await;
    fixture.assert_sound().await;
    fixture.database.close().await.unwrap();
    drop(fixture);
    let intact = std::fs::read(&file).unwrap();
    for (damage, index) in [
        ("DELETE FROM entries_1 WHERE row = 2", "c.c_n: "),
        ("UPDATE entries_1 SET row = 9 WHERE row = 2", "c.c_n: "),
        ("UPDATE entries_1 SET key = x'00' WHERE row = 2", "c.c_n: "),
        ("UPDATE indexes SET multikey = 0 WHERE id = 1", "c.c_n: "),
        ("UPDATE vectors_2 SET bytes = zeroblob(8) WHERE row = 1", "c.v_vector: "),
        ("DELETE FROM vectors_2 WHERE row = 1", "c.v_vector: "),
        ("UPDATE documents_1 SET id = x'00' WHERE row = 1", "c._id: "),
        ("UPDATE documents_1 SET body = jsonb('{\"_id\":2,\"n\":3,\"v\":[3,4]}') WHERE row = 2", "c.c_n: "),
    ] {
        std::fs::write(&file, &intact).unwrap();
        rusqlite::Connection::open(&file).unwrap().execute(damage, []).unwrap();
        let fixture = Fixture::new(open(directory.path()).await).await;
        let checked = fixture.database.check(&fixture.caller).await.unwrap();
        assert!(checked.problems.iter().any(|problem| problem.starts_with(index)), "{damage}: {checked:?}");
        assert!(checked.problems.iter().all(|problem| problem.starts_with(index)), "{damage}: {checked:?}");
        assert_eq!((checked.collections, checked.documents, checked.indexes), (1, 2, 2));
        fixture.database.close().await.unwrap();
    }
}
