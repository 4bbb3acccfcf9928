//! Isolates: one V8 isolate on one OS thread serves one app, several requests at a time. An isolate that was terminated
//! is dropped, and none is ever given to another app.
//!
//! [`supervisor`] has all of them and bounds them together; a [`pool`] has those of one deployment and says which takes a
//! request; [`handle`] is how the host holds one and [`load`] how busy it is; [`thread`] starts it and [`life`] is what it does then, [`boot`] makes
//! the JavaScript runtime; [`limits`], [`turns`] and [`watchdog`] keep it within its bounds, and `least_share` sees that it gets something all the same;
//! [`crash`] is what happens when the runtime itself fails in one.

pub mod boot;
pub mod crash;
pub mod dispatched;
mod engine;
pub mod handle;
mod least_share;
pub mod life;
pub mod limits;
pub mod load;
pub mod memory;
pub mod phases;
pub mod pool;
pub mod prewarmed;
mod spare_memory;
pub mod supervisor;
pub mod thread;
pub mod turns;
pub mod watchdog;
