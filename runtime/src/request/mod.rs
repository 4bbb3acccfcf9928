//! A request's way: [`server`] accepts the connection, [`handle`] routes it to a static file or into an isolate,
//! [`respond`] and [`websocket`] bring the answer back. [`admin`] is a listener of its own.

pub mod admin;
pub mod admin_token;
mod authority;
pub mod body;
mod coalesced;
pub mod deployments_api;
pub mod handle;
mod own_origin;
mod patience;
mod places;
pub mod platform_api;
pub mod respond;
pub mod server;
pub mod static_files;
mod stay;
mod taken;
pub mod websocket;
