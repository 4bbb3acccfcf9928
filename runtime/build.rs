//! Tells the binary its version: the package's, the commit it was built from and V8's.

fn main() {
    println!("cargo:rerun-if-changed=../.git/HEAD");
    println!("cargo:rerun-if-changed=../.git/logs/HEAD");
    let commit = std::process::Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    let commit = commit.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    let commit = commit.and_then(|commit| String::from_utf8(commit).ok()).unwrap_or_default();
    let commit = match commit.trim() {
        "" => "unknown commit",
        commit => commit,
    };
    let version = env!("CARGO_PKG_VERSION");
    println!("cargo:rustc-env=ORILLA_VERSION={version} ({commit}, V8 {})", deno_core::v8::VERSION_STRING);
}
