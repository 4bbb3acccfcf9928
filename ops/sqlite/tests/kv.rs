//! KV on a real SQLite file.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use orilla_services::kv::conformance::{self, Fixture};
use orilla_services::kv::store::KvStore;
use orilla_services::kv::write_queue::MAX_BATCH_WRITES;
use orilla_sqlite::{DATABASE_FILE, OpenError, SqliteConfig, SqliteStore};
use tempfile::TempDir;
use tokio::task::JoinSet;

async fn open(directory: &Path) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::open(directory, SqliteConfig::default()).await.unwrap())
}

async fn open_error(directory: &Path) -> OpenError {
    SqliteStore::open(directory, SqliteConfig::default()).await.err().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn fulfils_the_contract() {
    let directories = TempDir::new().unwrap();
    let count = std::sync::atomic::AtomicUsize::new(0);
    conformance::run(async || {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        open(&directories.path().join(number.to_string())).await as Arc<dyn KvStore>
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_commits_in_order_and_survives_reopening() {
    let directory = TempDir::new().unwrap();
    let fixture = Arc::new(Fixture::new(open(directory.path()).await).await);
    let mut events = fixture.bus.subscribe();
    // More than a batch, and of every kind of statement: puts, deletes and puts of one key interleaved.
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
        });
    }
    tasks.join_all().await;
    let mut versions = Vec::new();
    while let Ok(event) = events.try_recv() {
        versions.push(event.version);
    }
    assert!(versions.is_sorted_by(|earlier, later| earlier < later));
    assert_eq!(versions.len(), 1124 + 375 + 188);
    fixture.kv.close().await.unwrap();
    assert_eq!(fixture.put("late", "").await.unwrap_err().code(), "KV_UNAVAILABLE");

    let reopened = Fixture::new(open(directory.path()).await).await;
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
async fn a_full_disk_refuses_what_does_not_fit_and_nothing_else() {
    let directory = TempDir::new().unwrap();
    let config = SqliteConfig { max_bytes: Some(1 << 20), ..SqliteConfig::default() };
    let store = Arc::new(SqliteStore::open(directory.path(), config).await.unwrap());
    let fixture = Arc::new(Fixture::new(store).await);
    fixture.put("kept", "old").await.unwrap();
    fixture.put("room", &"r".repeat(300_000)).await.unwrap();

    // Some that cannot fit, together with many that can: each gets its own answer.
    let too_much: Arc<str> = "x".repeat(2 << 20).into();
    let mut tasks = JoinSet::new();
    for index in 0..100 {
        let (fixture, too_much) = (fixture.clone(), too_much.clone());
        tasks.spawn(async move {
            if index % 25 == 7 {
                let refused = fixture.put("kept", &too_much).await.unwrap_err();
                assert_eq!(refused.code(), "KV_STORAGE_FULL");
            } else {
                fixture.put(&format!("small:{index}"), "s").await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(fixture.get("kept").await.as_deref(), Some("old"));
    assert_eq!(fixture.names("small:").await.len(), 96);
    for index in 0..100 {
        let value = fixture.get(&format!("small:{index}")).await;
        assert_eq!(value.is_some(), index % 25 != 7);
    }

    // Full to the brim, then space comes back.
    let mut brim = 0;
    while fixture.put(&format!("brim:{brim}"), &"b".repeat(20_000)).await.is_ok() {
        brim += 1;
    }
    let large = "l".repeat(200_000);
    assert_eq!(fixture.put("large", &large).await.unwrap_err().code(), "KV_STORAGE_FULL");
    fixture.kv.delete(&fixture.caller, "demo", "room").await.unwrap();
    fixture.put("large", &large).await.unwrap();
    assert_eq!(fixture.names("brim:").await.len(), brim);
    assert_eq!(fixture.get("large").await.as_deref(), Some(&*large));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_cannot_be_opened_says_why() {
    let parent = TempDir::new().unwrap();
    let directory = parent.path().join("data");
    let store = open(&directory).await;
    assert_eq!(open_error(&directory).await.code(), "DATA_DIR_IN_USE");
    store.close().await.unwrap();
    open(&directory).await.close().await.unwrap();

    let file = directory.join(DATABASE_FILE);
    assert_eq!(open_error(&file).await.code(), "DATA_DIR_NOT_WRITABLE");

    let intact = std::fs::read(&file).unwrap();
    let mut newer = intact.clone();
    newer[63] = 99;
    for (bytes, code) in [
        (&b"no database at all, but a text of more than a hundred bytes: ".repeat(9)[..], "DATABASE_CORRUPT"),
        (&intact[..intact.len() / 2], "DATABASE_CORRUPT"),
        (&newer, "DATABASE_TOO_NEW"),
    ] {
        std::fs::write(&file, bytes).unwrap();
        let error = open_error(&directory).await;
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), bytes, "a file that is refused is left as it was");
    }
    std::fs::write(&file, intact).unwrap();
    open(&directory).await.close().await.unwrap();
}
