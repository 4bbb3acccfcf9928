//! What the tests stand on: an app on disk, the real binary serving it, a plain HTTP client and a browser.

mod app;
mod browser;
mod case;
mod client;
mod cores;
mod server;
#[path = "../../ops/postgres/tests/throwaway/mod.rs"]
pub mod throwaway;

pub use app::App;
pub use browser::Page;
pub use case::{case_directories, run_case};
pub use client::{Connection, Reply, Request};
pub use cores::{CORES, beside_busy_cores, may_raise_threads};
pub use server::{Serve, Server, expect, run, shell, succeeds};

use std::time::{Duration, Instant};

/// How long anything may take before a test gives up on it. Far beyond what is normal, also on a loaded machine, where what the host
/// does only when nobody else wants the processor takes longest.
pub const DEADLINE: Duration = Duration::from_mins(3);

/// Waits until `condition` holds.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "gave up waiting: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Says, where nobody overlooks it, that something is not tested. The test runner keeps back what a passing test prints
/// with the macros, so this goes around them.
pub fn skipped(what: &str) {
    use std::io::Write as _;
    // Where standard error is closed nobody is looking.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}");
}
