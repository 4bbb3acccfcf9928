//! Isolates: one V8 isolate on one OS thread serves one app, several requests at a time. An isolate that was terminated
//! is dropped, and none is ever given to another app.
//!
//! [`pool`] says which isolate takes a request, [`handle`] is how the host holds one, [`thread`] is the isolate's life, [`boot`] makes the JavaScript runtime,
//! [`limits`] and [`watchdog`] keep it within its bounds.

pub mod boot;
pub mod cpu_clock;
pub mod handle;
pub mod limits;
pub mod pool;
pub mod thread;
pub mod watchdog;
