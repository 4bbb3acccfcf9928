//! Snapshots: V8 heaps frozen after the web platform, or also an app, was evaluated in them; and the way an app's module
//! is loaded and evaluated, which is the same with a snapshot and without. Never decides when a snapshot is made.

pub mod app;
mod call_sites;
pub mod file;
pub mod freeze;
pub mod loader;
mod make;

pub use make::init_v8 as init_v8_for_snapshots;

/// The snapshot that every isolate without an app snapshot starts from.
pub static BASE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/base.snapshot"));

/// The sources of the extensions, by specifier.
pub static SOURCES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// Names this build: the hash of the base snapshot. A snapshot of an app fits the build that made it and no other.
pub static BUILD: &str = include_str!(concat!(env!("OUT_DIR"), "/build_id"));

/// V8 flags of a process that only loads snapshots. Must be set before anything else of V8.
///
/// - Snapshots carry a hash of our own that is checked once when the file is read, so V8 need not sum them up again at
///   every boot.
/// - Bytecode keeps its source positions, as in [snapshots](init_v8_for_snapshots).
/// - V8 150.4 may not see a termination in a loop it has unrolled a part of: where an inner loop has few iterations and no
///   interrupt check (an inlined `fill()`), `LoopStackCheckElisionReducer` takes that of the outer loop away instead.
/// - V8's own threads would collect the garbage of an app at full priority after the app itself was demoted, and take the cores
///   from its neighbours. So each isolate collects on its own thread (all that `--single-threaded-gc` sets, but for parallel marking:
///   what is not marked in parallel is marked under a lock of the whole process, which other isolates then wait for).
pub fn set_v8_flags() {
    deno_core::v8::V8::set_flags_from_string(
        "--no-verify-snapshot-checksum --no-enable-lazy-source-positions --no-turboshaft-loop-unrolling \
         --no-concurrent-marking --no-concurrent-sweeping --no-concurrent-array-buffer-sweeping \
         --no-cppheap-concurrent-marking --no-parallel-compaction --no-parallel-pointer-update --no-parallel-gc-clearing \
         --no-parallel-scavenge",
    );
}
