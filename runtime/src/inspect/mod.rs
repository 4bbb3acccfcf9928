//! What a debugger sees of the host, for `runtime serve --inspect`: the Chrome DevTools protocol, one WebSocket for each
//! isolate. [`targets`] lists the isolates that can be debugged, [`server`] listens and says which there are, [`session`]
//! connects one debugger with one isolate; [`commands`]
//! is how its commands get there.
//!
//! It never runs JavaScript and never waits for an isolate: one that is paused stands still with its whole thread.

pub mod commands;
pub mod server;
pub mod session;
pub mod targets;
