//! The `runtime` binary. See `runtime --help`.

// V8 and many short-lived isolates on many threads: an allocator that gives memory back and does not contend.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    bound_malloc_arenas();
    orilla_runtime::cli::run()
}

/// Bounds what V8 keeps, which is C++ and has glibc's malloc.
///
/// glibc has up to eight arenas for each core, and a thread that ends leaves what it freed in its own. Isolates come and go on
/// threads of their own, so that would grow with their number: ten thousand of them left 11 % more behind than the first thousand,
/// and with one arena for each core 2 to 5 % (`./dev bench capacity`).
fn bound_malloc_arenas() {
    #[cfg(target_env = "gnu")]
    {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        // SAFETY: no other thread has been started, as mallopt asks for; it takes two numbers and refuses what it does not know.
        unsafe { libc::mallopt(libc::M_ARENA_MAX, i32::try_from(cores).unwrap_or(i32::MAX)) };
    }
}
