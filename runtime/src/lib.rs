//! The host. A request's way through it: [`request`] accepts it, finds the app and answers with a static file or
//! dispatches it into an [`isolate`]; [`wire`] decides which back ends the services run on.

pub mod apps;
pub mod cli;
pub mod config;
pub mod inspect;
pub mod isolate;
pub mod malloc;
pub mod metrics;
pub mod open_files;
pub mod platform;
pub mod request;
pub mod scheduling;
pub mod telemetry;
pub mod wire;
