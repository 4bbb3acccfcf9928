//! What an app gets from its platform, in plain Rust: the rules, limits and errors of each service, and the traits its
//! back ends fulfil.
//!
//! Nothing here knows V8, a driver, the environment or the wall clock. Every call brings a [`caller::Caller`], passes
//! the [`gate::Gate`], and only then reaches a store.

pub mod caller;
pub mod clock;
mod cursor;
pub mod database;
pub mod event;
pub mod gate;
pub mod kv;
pub mod thread_starter;
pub mod transfer;
