//! The back end of hosts that share their data: every store trait of the services on one Postgres database.
//!
//! Any number of hosts may open the same database. For keys each has one writer, which commits everybody's changes in
//! groups, and a few connections for reads beside it; for documents, a writer for each app that is being written to, and
//! again a few readers. This crate checks no limits, decides no access and reads no clock.

mod database;
mod error;
mod extension;
mod kv;
mod readers;
mod schema;
mod server;
mod store;
mod writer;

pub use database::PostgresDocuments;
pub use error::OpenError;
pub use schema::OLDEST_SERVER;
pub use store::{PostgresConfig, PostgresStore};
