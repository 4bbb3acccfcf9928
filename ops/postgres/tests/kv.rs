//! KV on a real Postgres server.
#![allow(clippy::unwrap_used)]

mod throwaway;

use std::collections::{BTreeMap, HashSet};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use orilla_postgres::{OpenError, PostgresConfig, PostgresStore};
use orilla_services::event::EventKind;
use orilla_services::kv::ListOptions;
use orilla_services::kv::conformance::{self, Fixture};
use orilla_services::kv::store::KvStore;
use orilla_services::kv::write_queue::MAX_BATCH_WRITES;
use tokio::task::JoinSet;

use throwaway::{Database, Server, server};

async fn open(url: &str) -> Arc<PostgresStore> {
    Arc::new(PostgresStore::open(url, PostgresConfig::default()).await.unwrap())
}

async fn host(database: &Database) -> Arc<Fixture> {
    Arc::new(Fixture::new(open(&database.url).await).await)
}

async fn open_error(url: &str) -> OpenError {
    PostgresStore::open(url, PostgresConfig::default()).await.err().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn fulfils_the_contract() {
    conformance::run(async || open(&server().database().url).await as Arc<dyn KvStore>).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_commits_in_order_and_survives_reopening() {
    let database = server().database();
    let fixture = host(&database).await;
    let mut events = fixture.bus.subscribe();
    // More than a batch, of puts and deletes, and some keys contested: one statement meets them more than once.
    let mut tasks = JoinSet::new();
    for index in 0..MAX_BATCH_WRITES + 100 {
        let fixture = fixture.clone();
        tasks.spawn(async move {
            let key = format!("key:{index:05}");
            fixture.put(&key, "first").await.unwrap();
            if index % 3 == 0 {
                fixture.kv.delete(&fixture.caller, "demo", &key).await.unwrap();
            }
            if index % 6 == 0 {
                fixture.put(&key, "again").await.unwrap();
            }
            fixture.put(&format!("contested:{}", index % 5), &key).await.unwrap();
        });
    }
    tasks.join_all().await;
    let mut versions = Vec::new();
    while let Ok(event) = events.try_recv() {
        versions.push(event.version);
    }
    assert!(versions.is_sorted_by(|earlier, later| earlier < later));
    assert_eq!(versions.len(), 2 * 1124 + 375 + 188);
    fixture.kv.close().await.unwrap();
    assert_eq!(fixture.put("late", "").await.unwrap_err().code(), "KV_UNAVAILABLE");

    let reopened = host(&database).await;
    for index in 0..MAX_BATCH_WRITES + 100 {
        let expected = match index {
            _ if index % 6 == 0 => Some("again"),
            _ if index % 3 == 0 => None,
            _ => Some("first"),
        };
        assert_eq!(reopened.get(&format!("key:{index:05}")).await.as_deref(), expected);
    }
    let mut events = reopened.bus.subscribe();
    reopened.put("key", "").await.unwrap();
    assert!(events.recv().await.unwrap().version > versions[versions.len() - 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_share_a_database_agree() {
    let database = server().database();
    // All at once, on a database that is empty so far.
    let mut hosts = JoinSet::new();
    for _ in 0..8 {
        let url = database.url.clone();
        hosts.spawn(async move { Arc::new(Fixture::new(open(&url).await).await) });
    }
    let hosts = hosts.join_all().await;
    let [one, other] = [&hosts[0], &hosts[1]];

    // What one acknowledges the other sees at once, also what it has read before.
    for round in 0..50 {
        let value = round.to_string();
        one.put("shared", &value).await.unwrap();
        assert_eq!(other.get("shared").await.as_deref(), Some(&*value));
        other.kv.delete(&other.caller, "demo", "shared").await.unwrap();
        assert_eq!(one.get("shared").await, None);
    }

    // Whatever the order in which they write, the latest version is what is stored, however long either takes.
    database.sql(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(random() / 200); RETURN new; END $$;
        CREATE TRIGGER dawdle BEFORE INSERT ON orilla.kv FOR EACH ROW EXECUTE FUNCTION dawdle()",
    );
    let mut events = [one.bus.subscribe(), other.bus.subscribe()];
    let mut tasks = JoinSet::new();
    for (name, host) in [("one", one), ("other", other)] {
        for key in 0..50 {
            let host = host.clone();
            tasks.spawn(async move {
                let key = format!("contested:{key}");
                host.put(&key, name).await.unwrap();
                host.kv.delete(&host.caller, "demo", &key).await.unwrap();
                host.put(&key, name).await.unwrap();
                if name == "one" {
                    host.kv.delete(&host.caller, "demo", &key).await.unwrap();
                }
            });
        }
    }
    tasks.join_all().await;
    let mut latest = BTreeMap::new();
    let mut versions = HashSet::new();
    for (name, events) in ["one", "other"].into_iter().zip(&mut events) {
        while let Ok(event) = events.try_recv() {
            assert!(versions.insert(event.version), "version {} was given out twice", event.version);
            let value = (event.kind == EventKind::KvPut).then_some(name);
            let winner = latest.entry(event.key).or_insert((0, None));
            *winner = (*winner).max((event.version, value));
        }
    }
    assert_eq!(latest.len(), 50);
    for (key, (_, value)) in &latest {
        assert_eq!(other.get(key).await.as_deref(), *value, "{key}");
    }

    database.sql("DROP TRIGGER dawdle ON orilla.kv");

    // Cursors of one are good for the other.
    one.put("page:1", "").await.unwrap();
    one.put("page:2", "").await.unwrap();
    let options = ListOptions { prefix: "page:", limit: Some(1.0), cursor: None };
    let page = one.kv.list(&one.caller, "demo", options).await.unwrap();
    let options = ListOptions { cursor: page.cursor.as_deref(), ..options };
    assert_eq!(other.kv.list(&other.caller, "demo", options).await.unwrap().keys[0].name, "page:2");

    // An expired key is removed once, and told of once, whoever sweeps.
    for key in 0..1000 {
        one.put_for(&format!("expiring:{key}"), "", 1.0).await.unwrap();
    }
    let mut events: Vec<_> = hosts.iter().map(|host| host.bus.subscribe()).collect();
    let mut sweeps = JoinSet::new();
    for host in &hosts {
        host.clock.advance(Duration::from_secs(1));
        let host = host.clone();
        sweeps.spawn(async move { host.kv.sweep().await.unwrap() });
    }
    assert_eq!(sweeps.join_all().await.iter().sum::<usize>(), 1000);
    let mut expired = HashSet::new();
    for events in &mut events {
        while let Ok(event) = events.try_recv() {
            assert!(expired.insert(event.key));
        }
    }
    assert_eq!(expired.len(), 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_the_server_loses_no_acknowledged_put() {
    let server = Arc::new(Server::start());
    let fixture = host(&server.database()).await;
    let finished = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for writer in 0..16 {
        let (fixture, finished) = (fixture.clone(), finished.clone());
        writers.spawn(async move {
            let mut acknowledged = Vec::new();
            for step in 1.. {
                if finished.load(Ordering::Relaxed) {
                    break;
                }
                let key = format!("key:{writer}:{step:08}");
                match fixture.put(&key, &key).await {
                    Ok(()) => acknowledged.push(key),
                    Err(error) => assert_eq!(error.code(), "KV_UNAVAILABLE"),
                }
                let Some(key) = acknowledged.last() else { continue };
                if let Ok(value) = fixture.kv.get(&fixture.caller, "demo", key).await {
                    assert_eq!(value.as_deref(), Some(&**key));
                }
            }
            acknowledged
        });
    }
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let server = server.clone();
        tokio::task::spawn_blocking(move || server.crash_and_restart()).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    finished.store(true, Ordering::Relaxed);
    // The host has found its way back by itself.
    fixture.put("after", "the crash").await.unwrap();
    for acknowledged in writers.join_all().await {
        assert!(!acknowledged.is_empty());
        for key in acknowledged {
            assert_eq!(fixture.get(&key).await.as_deref(), Some(&*key), "an acknowledged put is gone");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_acknowledged_that_postgres_does_not_commit() {
    let database = server().database();
    let fixture = host(&database).await;
    let mut events = fixture.bus.subscribe();
    // A constraint that fails only when the transaction commits, after the statement has answered.
    database.sql(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE 'no' USING ERRCODE = 'check_violation'; END $$;
        CREATE CONSTRAINT TRIGGER late AFTER INSERT ON orilla.kv DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW WHEN (new.key = 'refused') EXECUTE FUNCTION fail()",
    );
    let mut tasks = JoinSet::new();
    for index in 0..50 {
        let fixture = fixture.clone();
        tasks.spawn(async move {
            if index % 10 == 0 {
                assert_eq!(fixture.put("refused", "value").await.unwrap_err().code(), "KV_UNAVAILABLE");
            } else {
                fixture.put(&format!("key:{index}"), "value").await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(fixture.get("refused").await, None);
    assert_eq!(fixture.names("").await.len(), 45);
    let told = std::iter::from_fn(|| events.try_recv().ok()).collect::<Vec<_>>();
    assert_eq!(told.len(), 45);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_what_does_not_fit_and_nothing_else() {
    let database = server().database();
    let fixture = host(&database).await;
    fixture.put("kept", "old").await.unwrap();
    // What Postgres says when the disk is full, without filling one.
    database.sql(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON orilla.kv
            FOR EACH ROW WHEN (length(new.value) > 1000) EXECUTE FUNCTION full_disk()",
    );
    let too_much: Arc<str> = "x".repeat(2000).into();
    let mut tasks = JoinSet::new();
    for index in 0..100 {
        let (fixture, too_much) = (fixture.clone(), too_much.clone());
        tasks.spawn(async move {
            if index % 25 == 7 {
                assert_eq!(fixture.put("kept", &too_much).await.unwrap_err().code(), "KV_STORAGE_FULL");
            } else {
                fixture.put(&format!("small:{index}"), "s").await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(fixture.get("kept").await.as_deref(), Some("old"));
    assert_eq!(fixture.names("small:").await.len(), 96);
    database.sql("DROP TRIGGER full_disk ON orilla.kv");
    fixture.put("kept", &too_much).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_failed_does_not_come_to_life_later() {
    let database = server().database();
    let config = PostgresConfig { statement_timeout: Duration::from_millis(500), ..PostgresConfig::default() };
    let store = Arc::new(PostgresStore::open(&database.url, config).await.unwrap());
    let fixture = Arc::new(Fixture::new(store).await);
    fixture.put("key", "before").await.unwrap();

    // Another session holds the table, and Postgres gives up on the write.
    let holds = "BEGIN; LOCK TABLE orilla.kv IN SHARE MODE; SELECT pg_sleep(2); COMMIT";
    let holder = std::thread::spawn({
        let database = database.clone();
        move || database.sql(holds)
    });
    let locked = "SELECT count(*) FROM pg_locks WHERE relation = 'orilla.kv'::regclass AND mode = 'ShareLock'";
    while database.sql(locked) != "1" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(fixture.put("key", "too late").await.unwrap_err().code(), "KV_UNAVAILABLE");
    assert_eq!(fixture.get("key").await.as_deref(), Some("before"), "readers do not wait for writers");
    holder.join().unwrap();

    // The process behind the writer stops in its tracks, and the host gives up on it.
    fixture.put("key", "before").await.unwrap();
    let process = database.sql(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%INSERT INTO orilla.kv%' \
         AND pid <> pg_backend_pid()",
    );
    signal("-STOP", &process);
    assert_eq!(fixture.put("key", "too late").await.unwrap_err().code(), "KV_UNAVAILABLE");
    let next = tokio::spawn({
        let fixture = fixture.clone();
        async move { while fixture.put("key", "after").await.is_err() {} }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    signal("-CONT", &process);
    next.await.unwrap();
    while database.sql(&format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {process}")) != "0" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(fixture.get("key").await.as_deref(), Some("after"));
}

fn signal(signal: &str, process: &str) {
    assert!(Command::new("kill").args([signal, process]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_opened_says_why() {
    let server = server();
    let database = server.database();
    let name = &*database.name;
    database.sql("CREATE ROLE guest LOGIN PASSWORD 'guest'; CREATE ROLE only_tls LOGIN PASSWORD 'tls' SUPERUSER");
    let replica = server.database();
    replica.sql(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", replica.name));
    let newer = server.database();
    open(&newer.url).await.close().await.unwrap();
    newer.sql("UPDATE orilla.store SET schema_version = 99");
    let secure = server.url_for("only_tls", "tls", name);
    let authority = server.authority();

    for (url, code) in [
        ("mysql://127.0.0.1/app", "DATABASE_URL_INVALID"),
        ("postgres://127.0.0.1:port/app", "DATABASE_URL_INVALID"),
        ("postgres://127.0.0.1/app?sslmode=perhaps", "DATABASE_URL_INVALID"),
        ("postgres://app:secret@127.0.0.1:1/app", "DATABASE_UNREACHABLE"),
        ("postgres://app:secret@no-such-host.invalid/app", "DATABASE_UNREACHABLE"),
        (&server.url_for("postgres", "wrong", name), "DATABASE_AUTHENTICATION_FAILED"),
        (&server.url_for("nobody", "secret", name), "DATABASE_AUTHENTICATION_FAILED"),
        (&server.url("absent"), "DATABASE_NOT_FOUND"),
        (&server.url_for("guest", "guest", name), "DATABASE_PERMISSION_DENIED"),
        (&replica.url, "DATABASE_READ_ONLY"),
        (&newer.url, "DATABASE_TOO_NEW"),
        (&format!("{secure}?sslmode=disable"), "DATABASE_TLS_FAILED"),
        (&format!("{secure}?sslmode=verify-full"), "DATABASE_TLS_FAILED"),
    ] {
        let error = open_error(url).await;
        println!("{}: {error}", error.code());
        assert_eq!(error.code(), code, "{url}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    assert_eq!(newer.sql("SELECT schema_version FROM orilla.store"), "99");
    assert_eq!(database.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'orilla'"), "0");

    open(&secure).await.close().await.unwrap();
    let verified = format!("{secure}?sslmode=verify-full&sslrootcert={}", authority.display());
    open(&verified).await.close().await.unwrap();
    // Who has no right to create anything can use what is there.
    database.sql(
        "GRANT USAGE ON SCHEMA orilla TO guest; GRANT ALL ON ALL TABLES IN SCHEMA orilla TO guest; \
        GRANT ALL ON ALL SEQUENCES IN SCHEMA orilla TO guest",
    );
    let guest = Fixture::new(open(&server.url_for("guest", "guest", name)).await).await;
    guest.put("key", "value").await.unwrap();
}
