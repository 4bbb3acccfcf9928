//! The tests of the whole product: each starts the real `runtime` binary and speaks HTTP to it.
//!
//! The binary is the one `ORILLA_RUNTIME` names, else the release build in Cargo's target directory, else the one in
//! `~/.cache/orilla/target`. No test asserts a time; deadlines only keep a hanging test from hanging the run.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod harness;

mod apps;
mod browser;
mod cases;
mod cli;
mod client_requests;
mod conformance;
mod database;
mod deployments;
mod docs;
mod durability;
mod examples;
mod inspect;
mod isolation;
mod kv;
mod limits;
mod listener;
mod own_origin;
mod platform_cli;
mod pool;
mod robustness;
mod snapshots;
mod static_files;
mod streaming;
mod tidy;
mod top;
mod versions;
mod websocket;
mod websocket_client;
