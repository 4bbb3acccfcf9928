//! The processor as others leave it: kept busy while something is to go on all the same.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::skipped;

/// Held by tests that keep all cores busy: each expects that nobody else does.
pub static CORES: Mutex<()> = Mutex::new(());

/// Ends the threads also where the test fails: it would wait for them for ever.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does something while so many threads want each core.
pub fn beside_busy_cores<T>(threads: usize, act: impl FnOnce() -> T) -> T {
    let _cores = CORES.lock();
    let is_over = AtomicBool::new(false);
    let spin = || {
        while !is_over.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    };
    thread::scope(|scope| {
        let _over = Over(&is_over);
        for _ in 0..threads * thread::available_parallelism().unwrap().get() {
            scope.spawn(spin);
        }
        act()
    })
}

/// Whether processes here may raise a thread's priority: they have `CAP_SYS_NICE`. Says so if not.
pub fn may_raise_threads() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let capabilities = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap().trim();
    let may = u64::from_str_radix(capabilities, 16).unwrap() >> 23 & 1 == 1;
    if !may {
        skipped("what threads get that go last: without CAP_SYS_NICE they cannot be raised again");
    }
    may
}
