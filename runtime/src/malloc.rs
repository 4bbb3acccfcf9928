//! glibc's malloc, which V8, SQLite and all else that is C or C++ have; Rust's memory is mimalloc's. This decides how much of
//! what they have freed stays with the process. It never allocates.

/// Bounds the arenas: one for each core. Called while the process has one thread.
///
/// glibc has up to eight for each core, and a thread that ends leaves what it freed in its own. Isolates come and go on
/// threads of their own, so that would grow with their number: ten thousand of them left 11 % more behind than the first thousand,
/// and with one arena for each core 2 to 5 % (`./dev bench capacity`).
pub fn bound_arenas() {
    #[cfg(target_env = "gnu")]
    {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        // SAFETY: no other thread has been started, as mallopt asks for; it takes two numbers and refuses what it does not know.
        unsafe { libc::mallopt(libc::M_ARENA_MAX, i32::try_from(cores).unwrap_or(i32::MAX)) };
    }
}

/// Gives the kernel back what was freed. By itself glibc does that with the end of each arena only, and what one isolate still has
/// holds all that others have freed before it (malloc_trim(3)).
///
/// Takes 0.5 ms where there is nothing to give, and some 10 ms for 100 MB, in which a thread that wants memory of the same arena waits.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes a number, and any thread may call it at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}
