//! The cases that a stale cache would fail: many tasks read keys by every way there is, while others write them. Reads
//! are held up between the store's answer and its use, which is where staleness comes from.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;

use super::Fixture;
use crate::clock::UnixMillis;
use crate::gate::Scope;
use crate::kv::store::*;
use crate::kv::{KvConfig, PutOptions};

const KEYS: usize = 4;
const READERS: usize = 16;
const STEPS: u64 = 250;
/// Every so many steps the key is deleted rather than put.
const DELETE_EVERY: u64 = 5;

/// A real store whose answers to reads arrive late.
struct LateAnswers(Arc<dyn KvStore>);

#[async_trait]
impl KvStore for LateAnswers {
    async fn get(&self, scope: &Scope<'_>, namespace: &str, key: &str) -> Result<Option<Record>, StoreError> {
        let answer = self.0.get(scope, namespace, key).await;
        let length = answer.as_ref().map_or(0, |record| record.as_ref().map_or(0, |record| record.value.len()));
        tokio::time::sleep(Duration::from_millis(length as u64 % 4)).await;
        answer
    }

    async fn write(&self, write: Write) -> Result<(), StoreError> {
        self.0.write(write).await
    }

    async fn list(
        &self,
        scope: &Scope<'_>,
        namespace: &str,
        range: &KeyRange,
        limit: u32,
        now: UnixMillis,
    ) -> Result<Vec<StoredKey>, StoreError> {
        self.0.list(scope, namespace, range, limit, now).await
    }

    async fn next_namespace(&self, after: &NamespaceName) -> Result<Option<NamespaceName>, StoreError> {
        self.0.next_namespace(after).await
    }

    async fn sweep(&self, sweep: Sweep) -> Result<usize, StoreError> {
        self.0.sweep(sweep).await
    }

    fn shared(&self) -> bool {
        self.0.shared()
    }

    async fn cursor_secret(&self) -> Result<[u8; 32], StoreError> {
        self.0.cursor_secret().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.0.close().await
    }
}

/// How far a key has come. Step `n` puts the value `n`, or deletes the key.
#[derive(Default)]
struct Progress {
    /// The latest step that was begun.
    begun: AtomicU64,
    /// The latest step that was acknowledged, or seen by anyone.
    known: AtomicU64,
}

impl Progress {
    /// Checks what was read against what was known before the read began.
    fn check(&self, known: u64, value: Option<&str>) {
        let step = match value {
            Some(value) => value.trim_end_matches('.').parse().unwrap(),
            // Any deletion since, or none at all before the first step.
            None => known.next_multiple_of(DELETE_EVERY),
        };
        assert!(step >= known, "read {value:?} after step {known} was known to have happened");
        assert!(step <= self.begun.load(SeqCst), "read {value:?} when no such step had begun");
        self.known.fetch_max(step, SeqCst);
    }
}

/// Once a write is acknowledged, or anyone has seen it, nobody sees an older state.
pub(super) async fn reads_follow_writes(store: Arc<dyn KvStore>) {
    // Room for two of the four keys, so that they also push each other out.
    let config = KvConfig { cache_bytes: 700 };
    let fixture = Arc::new(Fixture::with_config(Arc::new(LateAnswers(store)), config).await);
    let progress: Arc<[Progress; KEYS]> = Arc::default();
    let finished = Arc::new(AtomicBool::new(false));

    let mut readers = Vec::new();
    for reader in 0..READERS {
        let (fixture, progress, finished) = (fixture.clone(), progress.clone(), finished.clone());
        readers.push(tokio::spawn(async move {
            for turn in reader.. {
                if finished.load(SeqCst) {
                    return;
                }
                let (key, progress) = (format!("key:{}", turn % KEYS), &progress[turn % KEYS]);
                let known = progress.known.load(SeqCst);
                if let Some(value) = fixture.kv.get_cached(&fixture.caller, "demo", &key) {
                    progress.check(known, value.as_deref());
                }
                let known = progress.known.load(SeqCst);
                let value = fixture.kv.get(&fixture.caller, "demo", &key).await.unwrap();
                progress.check(known, value.as_deref());
                tokio::task::yield_now().await;
            }
        }));
    }
    let mut writers = Vec::new();
    for key in 0..KEYS {
        let (fixture, progress) = (fixture.clone(), progress.clone());
        writers.push(tokio::spawn(async move {
            let (key, progress) = (format!("key:{key}"), &progress[key]);
            for step in 1..=STEPS {
                progress.begun.store(step, SeqCst);
                if step % DELETE_EVERY == 0 {
                    fixture.kv.delete(&fixture.caller, "demo", &key).await.unwrap();
                } else {
                    // Values of several lengths are late by several times.
                    let value = format!("{step}{}", ".".repeat(step as usize % 4));
                    fixture.put(&key, &value).await.unwrap();
                }
                progress.known.fetch_max(step, SeqCst);
                // Leaves the key alone for a while, so that it is cached and then written again.
                tokio::time::sleep(Duration::from_millis(step % 3)).await;
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    finished.store(true, SeqCst);
    for reader in readers {
        reader.await.unwrap();
    }
}

/// Whatever the order in which competing writes end, what is cached afterwards is what is stored.
pub(super) async fn competing_writers_leave_the_truth(store: Arc<dyn KvStore>) {
    let fixture = Arc::new(Fixture::new(store.clone()).await);
    for round in 0..40 {
        let compete = |writer: usize| {
            let fixture = fixture.clone();
            tokio::spawn(async move {
                fixture.get("contested").await;
                let value = format!("{round}:{writer}").into();
                fixture.kv.put(&fixture.caller, "demo", "contested", value, PutOptions::default()).await.unwrap();
            })
        };
        for writer in (0..8).map(compete).collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        let cached = fixture.get("contested").await;
        let stored = Fixture::new(store.clone()).await.get("contested").await;
        assert_eq!(cached, stored);
    }
}
