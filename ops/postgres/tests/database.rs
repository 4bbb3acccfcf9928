//! The document database on a real Postgres server.
#![allow(clippy::unwrap_used)]

mod throwaway;

use std::sync::Arc;

use orilla_postgres::{PostgresConfig, PostgresStore};
use orilla_services::database::conformance;
use orilla_services::database::store::DocumentStore;

use throwaway::server;

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
