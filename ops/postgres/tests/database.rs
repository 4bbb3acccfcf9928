//! The document database on a real Postgres server.
#![allow(clippy::unwrap_used)]

mod throwaway;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use orilla_postgres::{PostgresConfig, PostgresStore};
use orilla_services::database::conformance::{self, Fixture};
use orilla_services::database::store::DocumentStore;
use orilla_services::event::Event;
use tokio::sync::broadcast::Receiver;
use tokio::task::JoinSet;

use throwaway::{Database, Server, server};

async fn open(url: &str) -> Arc<dyn DocumentStore> {
    Arc::new(PostgresStore::open(url, PostgresConfig::default()).await.unwrap().documents())
}

async fn empty() -> Arc<dyn DocumentStore> {
    open(&server().database().url).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_fulfils_its_contract() {
    conformance::run_store(empty).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_fulfils_its_contract() {
    conformance::run_service(empty).await;
}

/// As on a server without pgvector.
async fn empty_without_pgvector() -> Arc<dyn DocumentStore> {
    let config = PostgresConfig { pgvector: false, ..PostgresConfig::default() };
    Arc::new(PostgresStore::open(&server().database().url, config).await.unwrap().documents())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_fulfils_its_contract_without_pgvector() {
    conformance::run_service(empty_without_pgvector).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oracle_holds_with_and_without_indexes() {
    conformance::oracle::run(empty().await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::disallowed_methods, reason = "more cases than usual are asked for by the environment")]
async fn the_engine_agrees_with_the_matcher() {
    let scenarios = std::env::var("ORILLA_PROPERTY_SCENARIOS").map_or(300, |count| count.parse().unwrap());
    conformance::property::run(empty().await, scenarios).await;
}

/// A host of its own on a database.
async fn host(database: &Database) -> Arc<Fixture> {
    Arc::new(Fixture::new(open(&database.url).await).await)
}

/// The events that a host has told so far.
fn told(events: &mut Receiver<Event>) -> Vec<Event> {
    std::iter::from_fn(|| events.try_recv().ok()).collect()
}

/// Two hosts contend for unique keys, for the same documents, and in transactions of an app's own code.
#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_write_at_once_agree() {
    const TURNS: usize = 40;
    let database = server().database();
    let hosts = [host(&database).await, host(&database).await];
    hosts[0].ok("createIndex", "users", "{'keys':{'name':1},'unique':true}").await;
    hosts[1].ok("insertOne", "users", "{'_id':'counter','plain':0,'read':0}").await;
    let mut buses = hosts.each_ref().map(|host| host.bus.subscribe());
    let mut tasks = JoinSet::new();
    for (number, host) in hosts.iter().flat_map(|host| [host, host]).cloned().enumerate() {
        tasks.spawn(async move {
            let mut won = 0;
            for turn in 0..TURNS {
                let document = format!("{{'name':'{turn}','by':{number}}}");
                match host.call("insertOne", "users", &document).await {
                    Ok(_) => won += 1,
                    Err(error) => assert_eq!(error.code(), "DB_DUPLICATE_KEY"),
                }
                host.ok("updateOne", "users", "{'_id':'counter'},{'$inc':{'plain':1}}").await;
                if turn % 4 == 0 {
                    read_and_increment(&host).await;
                }
            }
            won
        });
    }
    assert_eq!(tasks.join_all().await.iter().sum::<usize>(), TURNS, "each name is taken once");
    let counts = format!("{{'_id':'counter','plain':{},'read':{}}}", 4 * TURNS, TURNS);
    for host in &hosts {
        assert_eq!(host.ok("findOne", "users", "{'_id':'counter'}").await, counts);
        assert_eq!(host.ok("countDocuments", "users", "").await, (TURNS + 1).to_string());
        host.assert_sound().await;
    }
    // Each host tells of its own changes in the order of commits; together they are all there are, each with a version of
    // its own, and what one change left is what the next one found.
    let told = buses.each_mut().map(told);
    assert!(told.iter().all(|events| events.is_sorted_by(|earlier, later| earlier.version < later.version)));
    let mut events = told.concat();
    events.sort_by_key(|event| event.version);
    assert!(events.is_sorted_by(|earlier, later| earlier.version < later.version));
    assert_eq!(events.len(), TURNS + 4 * TURNS + TURNS);
    let mut latest = None;
    for event in events.iter().filter(|event| &*event.key == "counter") {
        let change = event.document.clone().unwrap();
        assert!(latest.is_none() || latest == change.before);
        latest = change.after;
    }
    assert_eq!(latest.unwrap().replace('"', "'"), counts);
}

/// Reads a number and writes the next one, as an app's own code does in a transaction.
async fn read_and_increment(host: &Fixture) {
    loop {
        let mut transaction = host.database.begin(&host.caller).await.unwrap();
        let found = host.call_in(&mut transaction, "findOne", "users", "{'_id':'counter'}").await.unwrap();
        let number: usize = found.rsplit(':').next().unwrap().trim_end_matches('}').parse().unwrap();
        tokio::task::yield_now().await;
        let set = format!("{{'_id':'counter'}},{{'$set':{{'read':{}}}}}", number + 1);
        let written = host.call_in(&mut transaction, "updateOne", "users", &set).await;
        match written.map(|_| transaction) {
            Ok(transaction) => match host.database.commit_transaction(transaction).await {
                Ok(()) => return,
                Err(error) => assert_eq!(error.code(), "DB_TRANSACTION_CONFLICT"),
            },
            Err(error) => assert_eq!(error.code(), "DB_TRANSACTION_CONFLICT"),
        }
    }
}

/// What one host makes, drops or learns of an index holds for the other at once.
#[tokio::test(flavor = "multi_thread")]
async fn hosts_see_each_others_catalogs() {
    let database = server().database();
    let [one, other] = [host(&database).await, host(&database).await];
    assert_eq!(other.ok("find", "c", "").await, "[]");
    one.ok("insertOne", "c", "{'_id':1,'n':1}").await;
    assert_eq!(other.ids("c", "").await, "1");
    one.ok("createIndex", "c", "{'keys':{'n':1}}").await;
    assert!(other.ok("explain", "c", "{'n':1}").await.contains("'index':'c_n'"));
    assert!(other.ok("listIndexes", "c", "").await.contains("'name':'c_n'"));
    // An array makes the index one that lists a document several times.
    one.ok("insertOne", "c", "{'_id':2,'n':[1,2]}").await;
    assert_eq!(other.ids("c", "{'n':{'$gte':1}},{'sort':{'n':1}}").await, "1 2");
    assert_eq!(
        other.ok("findPage", "c", "{'n':{'$gte':1}},{'sort':{'n':-1},'limit':9}").await.matches("_id").count(),
        2
    );
    // A field `id` of its own changes what `id` means in a filter.
    one.ok("insertOne", "c", "{'_id':3,'id':7}").await;
    assert_eq!(other.ids("c", "{'id':7}").await, "3");
    one.ok("dropIndex", "c", "'c_n'").await;
    assert_eq!(other.ids("c", "{'n':1}").await, "1 2");
    assert_eq!(other.ok("listIndexes", "c", "").await, "[]");
    other.ok("insertOne", "c", "{'_id':4,'n':1}").await;
    one.ok("createIndex", "c", "{'keys':{'n':1},'unique':true,'partial':{'_id':{'$gt':3}}}").await;
    assert_eq!(other.code("insertOne", "c", "{'_id':5,'n':1}").await, "DB_DUPLICATE_KEY");
    other.assert_sound().await;
    // Nothing is left of what was dropped; it takes a moment.
    while database.sql("SELECT count(*) FROM orilla.dropped_indexes") != "0" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(database.sql("SELECT count(*) FROM orilla.entries"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_what_other_hosts_have_written() {
    for pgvector in [true, false] {
        let database = server().database();
        let open = async || {
            let config = PostgresConfig { pgvector, ..PostgresConfig::default() };
            let store = PostgresStore::open(&database.url, config).await.unwrap();
            Fixture::new(Arc::new(store.documents())).await
        };
        find_what_the_other_has_written([open().await, open().await]).await;
    }
}

async fn find_what_the_other_has_written(hosts: [Fixture; 2]) {
    hosts[0].ok("createVectorIndex", "c", "{'field':'v','dimensions':2}").await;
    const NEAREST: &str = "{},{'vector':{'field':'v','value':[1,0],'k':100}}";
    for turn in 0..12 {
        let (writer, other) = (&hosts[turn % 2], &hosts[(turn + 1) % 2]);
        writer.ok("insertOne", "c", &format!("{{'_id':{turn},'v':[1,{}]}}", turn + 1)).await;
        // The other one writes too, before it has seen that.
        other.ok("insertOne", "c", &format!("{{'_id':{},'v':[1,{}]}}", turn + 100, turn + 100)).await;
        if turn % 3 == 2 {
            writer.ok("deleteOne", "c", &format!("{{'_id':{}}}", turn - 2)).await;
            other.ok("updateOne", "c", &format!("{{'_id':{}}},{{'$set':{{'v':[1,0]}}}}", turn - 1)).await;
        }
        let found = other.ids("c", NEAREST).await;
        assert_eq!(found, writer.ids("c", NEAREST).await);
        assert_eq!(found.split(' ').count().to_string(), other.ok("countDocuments", "c", "").await);
    }
    hosts[1].assert_sound().await;
}

/// pgvector answers as the host's own indexes do: with and without a filter, for each metric, whatever is written. And
/// nothing is left of an index that was dropped.
#[tokio::test(flavor = "multi_thread")]
async fn pgvector_finds_what_the_host_would() {
    if !server().has_vector() {
        println!("\n!!! NOT TESTED: vectors in Postgres. This server has no pgvector; `./dev test` says why !!!\n");
        return;
    }
    let database = server().database();
    let server_side = host(&database).await;
    let in_memory = Fixture::new(empty_without_pgvector().await).await;
    let hosts = [&*server_side, &in_memory];
    for (field, options) in [
        ("cosine", "'dimensions':16"),
        ("l2", "'dimensions':16,'metric':'l2','storage':'int8'"),
        ("bits", "'dimensions':16,'metric':'hamming','storage':'bit'"),
        ("parts", "'dimensions':16,'multiVector':true"),
        ("long", "'dimensions':2001"),
    ] {
        for host in hosts {
            host.ok("createVectorIndex", "c", &format!("{{'field':'{field}',{options}}}")).await;
        }
    }
    let mut noise = Noise(11);
    for batch in 0..6 {
        let documents: Vec<_> = (0..250)
            .map(|n| {
                let [cosine, l2, bits, part, other] = std::array::from_fn(|_| noise.vector(16));
                let nothing = vec![0.0; 16];
                let cosine = if n == 0 { &nothing } else { &cosine };
                format!(
                    "{{'_id':{},'n':{n},'cosine':{cosine:?},'l2':{l2:?},'bits':{bits:?},'parts':[{part:?},{other:?}]}}",
                    batch * 250 + n,
                )
            })
            .collect();
        for host in hosts {
            host.ok("insertMany", "c", &format!("[{}]", documents.join(","))).await;
            host.ok("deleteMany", "c", &format!("{{'_id':{{'$lt':{}}}}}", batch * 40)).await;
            let moved = format!("{{'_id':{}}},{{'$set':{{'l2':{:?}}}}}", batch * 250 + 200, [0.5; 16]);
            host.ok("updateOne", "c", &moved).await;
        }
    }
    for field in ["cosine", "l2", "bits", "parts"] {
        for (round, filter) in ["{}", "{'n':{'$lt':20}}", "{'_id':{'$gt':1000}}", "{'n':0}"].iter().enumerate() {
            let clause =
                format!("{{'field':'{field}','value':{:?},'k':{}}}", noise.vector(16), [10, 10, 100, 10][round]);
            let arguments = format!("{filter},{{'limit':100,'vector':{clause},'projection':{{'_id':1}}}}");
            let [found, expected] =
                [hosts[0].ok("find", "c", &arguments).await, hosts[1].ok("find", "c", &arguments).await];
            assert_eq!(found, expected, "{field} {filter}");
            let explained = hosts[0].ok("explain", "c", &arguments).await;
            assert!(explained.contains("'regime':'store'"), "{explained}");
        }
    }
    // What pgvector cannot do is done in memory.
    for clause in [
        format!("{{'field':'cosine','value':{:?},'k':5,'metric':'l2'}}", noise.vector(16)),
        format!("{{'field':'parts','value':{:?},'k':5,'aggregation':'sum'}}", noise.vector(16)),
        format!("{{'field':'long','value':{:?},'k':5}}", noise.vector(2001)),
    ] {
        let arguments = format!("{{}},{{'vector':{clause},'projection':{{'_id':1}}}}");
        assert_eq!(hosts[0].ok("find", "c", &arguments).await, hosts[1].ok("find", "c", &arguments).await);
        assert!(!hosts[0].ok("explain", "c", &arguments).await.contains("'regime':'store'"));
    }
    server_side.assert_sound().await;

    const TABLES: &str = "SELECT count(*) FROM pg_tables WHERE schemaname = 'orilla' AND tablename LIKE 'nearest%'";
    assert_eq!(database.sql(TABLES), "4", "none for vectors that are too long");
    let damaged = "SELECT 'DELETE FROM orilla.' || tablename || ' WHERE row % 100 = 0' FROM pg_tables \
        WHERE schemaname = 'orilla' AND tablename LIKE 'nearest%' ORDER BY tablename LIMIT 1";
    database.sql(&database.sql(damaged));
    let problems = server_side.database.check(&server_side.caller).await.unwrap().problems;
    assert!(matches!(&*problems, [problem] if problem.contains("not both kept and searched")), "{problems:?}");
    server_side.ok("dropVectorIndex", "c", "'l2'").await;
    while database.sql(TABLES) != "3" {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Numbers from -1 to 1 that look random and are the same each time.
struct Noise(u64);

impl Noise {
    fn vector(&mut self, dimensions: usize) -> Vec<f64> {
        let mut number = || {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((self.0 >> 33) % 2001) as f64 / 1000.0 - 1.0
        };
        (0..dimensions).map(|_| number()).collect()
    }
}

/// What was acknowledged is there, and told of once; what failed is either there and told of, or neither.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_the_server_loses_nothing() {
    let server = Server::start();
    let database = server.database();
    let host = host(&database).await;
    host.ok("createIndex", "c", "{'keys':{'n':1},'unique':true}").await;
    let mut events = host.bus.subscribe();
    let is_over = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for number in 0..8 {
        let (host, is_over) = (host.clone(), is_over.clone());
        tasks.spawn(async move {
            let mut acknowledged = Vec::new();
            for turn in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let id = turn * 8 + number;
                match host.call("insertOne", "c", &format!("{{'_id':{id},'n':{id}}}")).await {
                    Ok(_) => acknowledged.push(id),
                    Err(error) => assert_eq!(error.code(), "DB_UNAVAILABLE"),
                }
            }
            acknowledged
        });
    }
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        tokio::task::block_in_place(|| server.crash_and_restart());
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    is_over.store(true, Ordering::Relaxed);
    let acknowledged: Vec<usize> = tasks.join_all().await.concat();
    assert!(acknowledged.len() > 100);
    let stored = database.sql("SELECT convert_from(body, 'UTF8')::jsonb ->> '_id' FROM orilla.documents ORDER BY row");
    let stored: Vec<usize> = stored.lines().map(|id| id.parse().unwrap()).collect();
    let told: Vec<usize> = told(&mut events).iter().map(|event| event.key.parse().unwrap()).collect();
    assert_eq!(told, stored, "one event for each, in order");
    let stored: HashSet<_> = stored.into_iter().collect();
    assert!(acknowledged.iter().all(|id| stored.contains(id)));
    host.assert_sound().await;
    host.database.close().await.unwrap();
}
