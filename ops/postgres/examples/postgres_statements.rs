//! What `findOne` and `insertOne` cost beside the bare prepared statements that they come down to, on an empty database or
//! a throwaway server: one after the other, and many inserts at once.
//!
//! usage: postgres_statements [OPERATIONS [URL]]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a bench that cannot go on panics")]

#[path = "../tests/throwaway/mod.rs"]
mod throwaway;

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use orilla_postgres::{PostgresConfig, PostgresStore};
use orilla_services::caller::{Caller, Identity, Policy};
use orilla_services::clock::ManualClock;
use orilla_services::database::value::Value;
use orilla_services::database::{Database, DatabaseConfig, key};
use orilla_services::event::LocalBus;
use orilla_services::gate::Gate;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row as _};

/// Documents that are searched.
const DOCUMENTS: u32 = 20_000;
/// Inserts that are under way at once.
const CONCURRENCY: u32 = 64;

const FIND: &str = "SELECT d.row, d.version, d.body FROM orilla.entries e \
    JOIN orilla.documents d ON d.collection = $1 AND d.row = e.row \
    WHERE e.index = $2 AND e.key >= $3 AND e.key < $4 ORDER BY e.key, e.row LIMIT 1";
const INSERT: &str = "INSERT INTO orilla.documents (collection, id, version, body, doc) \
    VALUES ($1, $2, 0, $3, convert_from($3, 'UTF8')::jsonb)";

fn main() {
    let operations: u32 = std::env::args().nth(1).map_or(5000, |count| count.parse().expect("a number of operations"));
    let host = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let url = std::env::args().nth(2).unwrap_or_else(|| throwaway::server().database().url);
    let store = host.block_on(PostgresStore::open(&url, PostgresConfig::default())).expect("a store");
    let bench = {
        let _runtime = host.enter();
        host.block_on(Bench::open(&store))
    };
    // As an isolate does: from a thread of its own.
    let isolate = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    isolate.block_on(bench.fill());
    let mut connection = host.block_on(PgConnection::connect(&url)).expect("a connection");
    for round in 0..3 {
        let bare_find = host.block_on(bare_finds(&mut connection, operations));
        let find = isolate.block_on(bench.finds(operations));
        let bare_insert = host.block_on(bare_inserts(&mut connection, operations / 10, round));
        let insert = isolate.block_on(bench.inserts("single", operations / 10));
        let indexed = isolate.block_on(bench.inserts("items", operations / 10));
        let together = isolate.block_on(bench.inserts_together(operations));
        println!(
            "findOne by an index {find:.0}/s, bare {bare_find:.0}/s, ratio {:.2}; insertOne {insert:.0}/s, with an index \
             {indexed:.0}/s, bare {bare_insert:.0}/s, ratio {:.2}; {CONCURRENCY} inserts at once {together:.0}/s",
            find / bare_find,
            insert / bare_insert
        );
    }
}

struct Bench {
    database: Database,
    caller: Caller,
}

impl Bench {
    async fn open(store: &PostgresStore) -> Self {
        let (clock, bus) = (Arc::new(ManualClock::at(1_700_000_000_000)), Arc::new(LocalBus::new()));
        let documents = Arc::new(store.documents());
        let database = Database::open(documents, Gate::default(), clock, bus, DatabaseConfig::default());
        let caller = Caller {
            app: "bench".into(),
            tenant: "bench".into(),
            identity: Identity::Anonymous,
            policy: Policy::Enforced,
            trace: "bench".into(),
        };
        Self { database: database.await.expect("a database"), caller }
    }

    async fn call(&self, method: &str, collection: &str, arguments: &str) -> String {
        self.database.call(&self.caller, method, collection, arguments).await.expect(method)
    }

    async fn fill(&self) {
        self.call("createIndex", "items", r#"[{"keys":{"key":1}}]"#).await;
        for first in (0..DOCUMENTS).step_by(1000) {
            let documents: Vec<_> = (first..first + 1000).map(document).collect();
            self.call("insertMany", "items", &format!("[[{}]]", documents.join(","))).await;
        }
    }

    async fn finds(&self, operations: u32) -> f64 {
        let started = Instant::now();
        for number in 0..operations {
            let found = self.call("findOne", "items", &format!(r#"[{{"key":"key:{}"}}]"#, spread(number))).await;
            assert!(found.len() > 100, "{found}");
        }
        f64::from(operations) / started.elapsed().as_secs_f64()
    }

    async fn inserts(&self, collection: &str, operations: u32) -> f64 {
        let started = Instant::now();
        for number in 0..operations {
            self.call("insertOne", collection, &format!("[{}]", document(DOCUMENTS + number))).await;
        }
        f64::from(operations) / started.elapsed().as_secs_f64()
    }

    async fn inserts_together(&self, operations: u32) -> f64 {
        let started = Instant::now();
        let work = (0..CONCURRENCY).map(|_| self.inserts("together", operations / CONCURRENCY));
        join_all(work).await;
        f64::from(operations) / started.elapsed().as_secs_f64()
    }
}

async fn bare_finds(connection: &mut PgConnection, operations: u32) -> f64 {
    let ids = sqlx::query("SELECT i.collection, i.id FROM orilla.indexes i").fetch_one(&mut *connection).await.unwrap();
    let (collection, index): (i64, i64) = (ids.get(0), ids.get(1));
    let started = Instant::now();
    for number in 0..operations {
        let from = key::encode(&Value::String(format!("key:{}", spread(number))));
        let until = key::after_prefix(&from).expect("a key after it");
        let query = sqlx::query(FIND).bind(collection).bind(index).bind(from).bind(until);
        let json: Vec<u8> = query.fetch_one(&mut *connection).await.expect("a document").get(2);
        assert!(json.len() > 100);
    }
    f64::from(operations) / started.elapsed().as_secs_f64()
}

async fn bare_inserts(connection: &mut PgConnection, operations: u32, round: u32) -> f64 {
    let started = Instant::now();
    for number in 0..operations {
        let id = key::encode(&Value::String(format!("bare {round} {number}")));
        let query = sqlx::query(INSERT).bind(0i64).bind(id).bind(document(number).into_bytes());
        query.execute(&mut *connection).await.expect("an insert");
    }
    f64::from(operations) / started.elapsed().as_secs_f64()
}

fn spread(number: u32) -> u32 {
    (u64::from(number) * 2_654_435_761 % u64::from(DOCUMENTS)) as u32
}

fn document(number: u32) -> String {
    format!(r#"{{"key":"key:{number}","group":{},"text":"{}"}}"#, number % 100, "t".repeat(80))
}
