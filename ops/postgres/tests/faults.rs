//! The document database on Postgres where connections, other hosts or servers fail, and where an app is stuck.
#![allow(clippy::unwrap_used)]

mod throwaway;

use std::mem::forget;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use orilla_postgres::{PostgresConfig, PostgresStore};
use orilla_services::database::DatabaseConfig;
use orilla_services::database::conformance::{Fixture, caller};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use throwaway::server;

/// What takes so long never happens.
const NEVER: Duration = Duration::from_secs(9);

/// Ends statements, and attempts to connect, soon.
fn impatient() -> PostgresConfig {
    let second = Duration::from_secs(1);
    PostgresConfig { statement_timeout: second, connect_timeout: second, ..PostgresConfig::default() }
}

async fn host(url: &str) -> Fixture {
    Fixture::new(Arc::new(PostgresStore::open(url, impatient()).await.unwrap().documents())).await
}

/// A read for which no snapshot could be opened takes nothing from the reads that come after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_fails_spoils_no_connection() {
    let database = server().database();
    let host = host(&database.url).await;
    host.ok("insertOne", "c", "{'_id':1}").await;
    let mut other = PgConnection::connect(&database.url).await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE orilla.apps IN ACCESS EXCLUSIVE MODE").execute(&mut other).await.unwrap();
    assert_eq!(host.code("countDocuments", "c", "").await, "DB_UNAVAILABLE");
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(host.ids("c", "").await, "1");
    assert_eq!(host.ok("countDocuments", "c", "").await, "1");
}

/// Reads that nobody goes on with, as those of an isolate that is stuck, give back what they have.
#[tokio::test(flavor = "multi_thread")]
async fn reads_that_are_stuck_hold_up_no_others() {
    let database = server().database();
    let [host, other] = apps(&database.url, impatient()).await;
    let begin = |method: &'static str, count: usize| {
        let mut reads: Vec<_> = (0..count).map(|_| Box::pin(host.call(method, "c", ""))).collect();
        // While this thread waits for a core, a task of the host may be done with one.
        reads.retain_mut(|read| read.now_or_never().is_none());
        assert!(reads.len() > count / 2, "{} of {count} are stuck", reads.len());
        reads
    };
    let in_time = async |host: &Fixture, method| timeout(NEVER, host.ok(method, "c", "")).await.unwrap();
    // Most reads are one statement, whose connection is back before anybody looks at the rows.
    let finds = begin("find", 20);
    assert_eq!(in_time(&host, "find").await, "[{'_id':1}]");
    // Those of several statements keep one for as long as it may take an isolate to get there, but only some of all.
    let counts = begin("countDocuments", 4);
    let mut flood = begin("countDocuments", 50);
    assert_eq!(in_time(&other, "countDocuments").await, "1");
    flood.clear();
    assert_eq!(in_time(&host, "countDocuments").await, "1");
    for read in finds {
        assert_eq!(read.await.unwrap(), "[{'_id':1}]");
    }
    for read in counts {
        assert_eq!(read.await.unwrap(), "1", "it begins anew");
    }
}

/// Changes that nobody goes on with are made all the same: they keep no connection and no app's turn from others, however
/// many there are.
#[tokio::test(flavor = "multi_thread")]
async fn writes_that_are_stuck_hold_up_no_others() {
    const DOCUMENTS: usize = 100;
    let database = server().database();
    let [other, stuck @ ..] = apps::<10>(&database.url, impatient()).await;
    let many: Vec<_> = (0..DOCUMENTS).map(|_| "{'stuck':true}").collect();
    let many = format!("[{}]", many.join(","));
    for app in &stuck {
        for _ in 0..3 {
            let mut write = Box::pin(app.call("insertMany", "c", &many));
            // Most are in the middle of it then, or wait for those who are.
            let _ = timeout(Duration::from_millis(20), write.as_mut()).await;
            forget(write);
        }
    }
    timeout(NEVER, other.ok("insertOne", "c", "{'_id':2}")).await.unwrap();
    for app in &stuck {
        timeout(NEVER, app.ok("insertOne", "c", "{'_id':2}")).await.unwrap();
        let made: usize = app.ok("countDocuments", "c", "{'stuck':true}").await.parse().unwrap();
        assert_eq!(made, 3 * DOCUMENTS);
        app.assert_sound().await;
    }
}

/// A change whose caller is gone is made or not, and leaves nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn writes_that_are_given_up_leave_nothing_behind() {
    let database = server().database();
    let hosts = apps::<2>(&database.url, impatient()).await;
    let many: Vec<_> = (0..20).map(|_| "{'given up':true}").collect();
    let many = format!("[{}]", many.join(","));
    for turn in 0..60 {
        let write = hosts[turn % 2].call("insertMany", "c", &many);
        let _given_up = timeout(Duration::from_millis(turn as u64), write).await;
    }
    for host in &hosts {
        timeout(NEVER, host.ok("insertOne", "c", "{'_id':2}")).await.unwrap();
        let made: usize = host.ok("countDocuments", "c", "{'given up':true}").await.parse().unwrap();
        assert_eq!(made % 20, 0, "{made}");
        host.assert_sound().await;
    }
    // Closing waits until every connection has come back.
    timeout(NEVER, hosts[0].database.close()).await.unwrap().unwrap();
}

/// Who waits for a connection for too long is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_turn_is_not_waited_for_without_end() {
    let database = server().database();
    let config = PostgresConfig { turn_timeout: Duration::from_millis(500), readers: 2, ..impatient() };
    let [other, others @ ..] = apps::<5>(&database.url, config).await;
    let mut open = Vec::new();
    for app in &others {
        open.push(app.database.begin(&app.caller).await.unwrap());
    }
    let refused = timeout(NEVER, other.database.begin(&other.caller)).await.unwrap();
    assert_eq!(refused.err().unwrap().code(), "DB_BUSY");
    other.ok("insertOne", "c", "{'_id':2}").await;
    assert_eq!(timeout(NEVER, others[0].code("insertOne", "c", "{'_id':2}")).await.unwrap(), "DB_BUSY");
    drop(open);
    // Two snapshots that are stuck have both connections.
    let _reads: Vec<_> = others[..2].iter().map(stuck_in_a_read).collect();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(timeout(NEVER, other.code("find", "c", "")).await.unwrap(), "DB_BUSY");
}

/// What the host computes for an app's change is limited, and changes nothing then.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_computes_for_too_long_is_undone() {
    let database = server().database();
    let store = PostgresStore::open(&database.url, impatient()).await.unwrap();
    let config = DatabaseConfig { max_computing: Duration::from_micros(1), ..DatabaseConfig::default() };
    let host = Fixture::with(Arc::new(store.documents()), config).await;
    let many: Vec<_> = (0..100).map(|number| format!("{{'_id':{number}}}")).collect();
    host.ok("insertMany", "c", &format!("[{}]", many.join(","))).await;
    for method in ["updateMany", "updateOne"] {
        let costly = "{'a':{'$not':{'$regex':'a.*b'}}},{'$set':{'changed':true}}";
        assert_eq!(host.code(method, "c", costly).await, "DB_CHANGE_TOO_COSTLY");
    }
    assert_eq!(host.ids("c", "{'changed':true}").await, "");
    host.ok("insertOne", "c", "{'_id':'next'}").await;
}

/// A read of several statements that has begun, and that nobody goes on with.
fn stuck_in_a_read(app: &Fixture) -> impl Future + use<'_> {
    loop {
        let mut read = Box::pin(app.call("countDocuments", "c", ""));
        // Unless this thread was held up, it has to wait.
        if read.as_mut().now_or_never().is_none() {
            return read;
        }
    }
}

/// Some apps of one host, each with a document.
async fn apps<const COUNT: usize>(url: &str, config: PostgresConfig) -> [Fixture; COUNT] {
    let documents = Arc::new(PostgresStore::open(url, config).await.unwrap().documents());
    let mut apps = Vec::new();
    for number in 0..COUNT {
        let mut app = Fixture::new(documents.clone()).await;
        app.caller = caller("acme", &format!("app {number}"));
        app.ok("insertOne", "c", "{'_id':1}").await;
        apps.push(app);
    }
    apps.try_into().ok().unwrap()
}

/// A sweep leaves what another host is busy with to that one, and begins anew after a failure: the tables of dropped
/// indexes go with the rest.
#[tokio::test(flavor = "multi_thread")]
async fn sweeps_leave_nothing() {
    let database = server().database();
    let store = PostgresStore::open(&database.url, impatient()).await.unwrap();
    for index in 1..=2 {
        let made =
            format!("INSERT INTO orilla.dropped_indexes VALUES ({index}); CREATE TABLE orilla.nearest_{index} ()");
        database.sql(&made);
    }
    const LEFT: &str = "SELECT (SELECT count(*) FROM orilla.dropped_indexes), \
        (SELECT count(*) FROM pg_tables WHERE schemaname = 'orilla' AND tablename ~ '^nearest_')";
    let left = async |wanted: &str| {
        let reached = async {
            while database.sql(LEFT) != wanted {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(20), reached).await.unwrap();
    };
    let mut other = PgConnection::connect(&database.url).await.unwrap();
    let busy = "BEGIN; SELECT FROM orilla.dropped_indexes WHERE id = 1 FOR UPDATE";
    sqlx::raw_sql(busy).execute(&mut other).await.unwrap();
    let _leaves_them = store.documents();
    left("2|1").await;
    sleep(Duration::from_millis(200)).await;
    assert_eq!(database.sql(LEFT), "2|1");

    let reads = "ROLLBACK; BEGIN; LOCK TABLE orilla.nearest_2 IN ACCESS SHARE MODE";
    sqlx::raw_sql(reads).execute(&mut other).await.unwrap();
    let _begins_anew = store.documents();
    left("1|1").await;
    sleep(Duration::from_millis(1500)).await;
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    left("0|0").await;
}

/// A commit whose answer is lost is found out about, though the server can be reached again only after seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_not_reported_as_failed_by_an_outage() {
    let database = server().database();
    let (url, passage) = way_to(&database.url).await;
    let host = Arc::new(host(&url).await);
    host.ok("insertOne", "c", "{'_id':1}").await;
    passage.send_replace(Passage::UntilCommit);
    let writing = tokio::spawn({
        let host = host.clone();
        async move { host.call("insertOne", "c", "{'_id':2}").await }
    });
    sleep(Duration::from_secs(12)).await;
    assert!(!writing.is_finished());
    assert_eq!(database.sql("SELECT count(*) FROM orilla.documents"), "2");
    passage.send_replace(Passage::Open);
    assert_eq!(writing.await.unwrap().unwrap(), "'2'");
    assert_eq!(host.ids("c", "").await, "1 2");
}

#[derive(Clone, Copy, PartialEq)]
enum Passage {
    Open,
    /// Closed for all connections once a commit has gone through: it arrives, and no answer does.
    UntilCommit,
    Closed,
}

/// A way to a server that can be closed.
async fn way_to(url: &str) -> (String, Arc<watch::Sender<Passage>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = url.split(['@', '/']).find(|part| part.starts_with("127.0.0.1:")).unwrap().to_owned();
    let by_the_way = url.replace(&place, &listener.local_addr().unwrap().to_string());
    let passage = Arc::new(watch::Sender::new(Passage::Open));
    let opened = passage.clone();
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            if *passage.borrow() != Passage::Closed {
                let server = TcpStream::connect(&place).await.unwrap();
                tokio::spawn(carry(client, server, passage.clone()));
            }
        }
    });
    (format!("{by_the_way}?sslmode=disable"), opened)
}

async fn carry(mut client: TcpStream, mut server: TcpStream, passage: Arc<watch::Sender<Passage>>) {
    let ((mut asked, mut told), (mut answered, mut asks)) = (client.split(), server.split());
    let questions = async {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = asked.read(&mut buffer).await {
            asks.write_all(&buffer[..length]).await.unwrap();
            if *passage.borrow() == Passage::UntilCommit && buffer[..length].ends_with(b"; COMMIT\0") {
                passage.send_replace(Passage::Closed);
            }
        }
    };
    let mut seen = passage.subscribe();
    tokio::select! {
        biased;
        _ = seen.wait_for(|passage| *passage == Passage::Closed) => {}
        () = questions => {}
        _ = copy(&mut answered, &mut told) => {}
    }
}

/// A server that has no place for a connection is asked again for a moment.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowded_server_is_waited_for() {
    let database = server().database();
    database.sql(&format!("CREATE ROLE few LOGIN PASSWORD 'few'; GRANT CREATE ON DATABASE {} TO few", database.name));
    let url = server().url_for("few", "few", &database.name);
    let store = PostgresStore::open(&url, PostgresConfig::default()).await.unwrap();
    let host = Arc::new(Fixture::new(Arc::new(store.documents())).await);
    host.ok("insertOne", "c", "{'_id':1}").await;
    database.sql("ALTER ROLE few CONNECTION LIMIT 0");
    database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'few'");
    let reading = tokio::spawn(async move { host.call("find", "c", "").await });
    sleep(Duration::from_millis(500)).await;
    database.sql("ALTER ROLE few CONNECTION LIMIT -1");
    assert_eq!(reading.await.unwrap().unwrap(), "[{'_id':1}]");
}

/// A server that takes over without the latest commits may give the keys of one app to another.
#[tokio::test(flavor = "multi_thread")]
async fn a_failover_that_loses_commits_mixes_up_no_apps() {
    let database = server().database();
    let [reader, writer, mut other] = [host(&database.url).await, host(&database.url).await, host(&database.url).await];
    writer.ok("insertOne", "c", "{'_id':1}").await;
    assert_eq!(reader.ids("c", "").await, "1");
    database.sql("TRUNCATE orilla.apps, orilla.collections, orilla.indexes, orilla.documents RESTART IDENTITY");
    other.caller = caller("acme", "other");
    other.ok("insertOne", "c", "{'_id':2}").await;
    assert_eq!(reader.ids("c", "").await, "");
    writer.ok("insertOne", "c", "{'_id':3}").await;
    assert_eq!(other.ids("c", "").await, "2");
    assert_eq!(reader.ids("c", "").await, "3");
}
