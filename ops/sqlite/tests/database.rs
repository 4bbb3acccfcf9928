//! The document database on real SQLite files.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use orilla_services::database::conformance;
use orilla_services::database::store::DocumentStore;
use orilla_sqlite::{SqliteConfig, SqliteStore};
use tempfile::TempDir;

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
#[allow(clippy::disallowed_methods, reason = "more cases than usual are asked for by the environment")]
async fn the_engine_agrees_with_the_matcher() {
    let scenarios = std::env::var("ORILLA_PROPERTY_SCENARIOS").map_or(300, |count| count.parse().unwrap());
    let stores = Stores::new();
    conformance::property::run(stores.empty().await, scenarios).await;
}
