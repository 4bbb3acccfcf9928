//! The embedded back end: every store trait of the services on one SQLite file in the data directory.
//!
//! One writer commits everybody's changes in groups, each group with one sync of the disk; a few read-only connections
//! serve reads beside it. This crate checks no limits, decides no access and reads no clock.

mod database;
mod directory;
mod error;
mod kv;
mod readers;
mod schema;
mod store;
mod writer;

pub use database::{DATABASES_DIRECTORY, SqliteDocuments};
pub use directory::{DATABASE_FILE, LOCK_FILE};
pub use error::OpenError;
pub use store::{SqliteConfig, SqliteStore};
