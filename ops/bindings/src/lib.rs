//! The glue between an app's JavaScript and the host: ops, one file for each concern, that unwrap the caller and call a
//! service. Never decides anything a service or the gate should decide, and never reads the environment.

mod beside;
pub mod blobs;
pub mod caller;
mod ciphers;
mod client_request;
mod compression;
mod console;
mod database;
mod digests;
pub mod egress;
mod env;
mod error;
mod extensions;
mod hash;
mod http;
pub mod inbound_headers;
pub mod invocation;
mod key_derivation;
mod keys;
mod kv;
pub mod limits;
pub mod meter;
pub mod own_origin;
pub mod pending;
mod random;
mod response_body;
mod snapshot;
pub mod unsent;
pub mod websocket;
mod zlib;

pub use self::console::{ConsoleLevel, ConsoleSink};
pub use self::database::Transactions;
pub use self::env::{AppEnv, EnvReads};
pub use self::error::BindingError;
pub use self::extensions::{PLATFORM_EVENTS_MODULE, PLATFORM_MODULE, extensions};
pub use self::snapshot::{Hazard, Hazards, LateModules, entry_points, hide_core, reveal_core};
pub use self::websocket::give_up_websockets;
