//! The `runtime` binary. See `runtime --help`.

// V8 and many short-lived isolates on many threads: an allocator that gives memory back and does not contend.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    orilla_runtime::malloc::bound_arenas();
    orilla_runtime::cli::run()
}
