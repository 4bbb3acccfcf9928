//! The real binary as a child process, with everything it writes to standard error.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{App, Connection, DEADLINE, Reply, Request, wait_until};

/// A command that runs the binary with none of this process's environment but its path.
fn runtime() -> Command {
    let mut command = Command::new(binary());
    command.env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    command
}

#[allow(clippy::disallowed_methods, reason = "only the environment says which binary is tested")]
fn binary() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let in_target = |target: PathBuf| target.join("release/runtime");
    let built = variable("CARGO_TARGET_DIR").map(in_target).filter(|path| path.exists());
    let kept = || variable("HOME").map(|home| in_target(home.join(".cache/orilla/target")));
    let path = variable("ORILLA_RUNTIME").or(built).or_else(kept).unwrap();
    assert!(path.exists(), "no binary at {}: build it, or name one in ORILLA_RUNTIME", path.display());
    path
}

/// Runs a subcommand to its end.
pub fn run<S: AsRef<OsStr>>(arguments: &[S]) -> Output {
    runtime().args(arguments).output().unwrap()
}

/// Runs a subcommand, asserts that it succeeds, and returns what it printed.
#[track_caller]
pub fn succeeds<S: AsRef<OsStr>>(arguments: &[S]) -> String {
    let Output { status, stdout, stderr } = run(arguments);
    let text = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{status}\n{text}");
    text
}

/// Asserts the exit code, and that standard error names all of `parts`.
#[track_caller]
pub fn expect(output: &Output, exit: i32, parts: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(exit), "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "no {part:?} in\n{stderr}");
    }
    assert!(!stderr.contains("panicked"), "{stderr}");
}

/// Runs a line of shell in a directory, where the binary is `runtime`.
pub fn shell(directory: &Path, line: &str) -> Output {
    let path = format!("{}:/usr/bin:/bin", binary().parent().unwrap().display());
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(directory).env_clear().env("PATH", path).stdin(Stdio::null());
    command.output().unwrap()
}

/// `runtime serve`, about to be started.
pub struct Serve {
    command: Command,
    port: String,
    config: PathBuf,
    directory: Arc<TempDir>,
}

impl Serve {
    /// Serves an app on any free port, with a data directory beside it.
    pub fn new(app: &App) -> Self {
        Self::bare(app).args([app.manifest_path()])
    }

    /// Serves nothing yet, beside an app.
    pub fn bare(app: &App) -> Self {
        let mut command = runtime();
        command.arg("serve").arg("--data-dir").arg(app.beside("data"));
        command.current_dir(app.beside(""));
        Self { command, port: "0".to_owned(), config: app.beside("host.toml"), directory: app.directory() }
    }

    /// Sets a variable of the host's environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Listens on this port.
    pub fn port(mut self, port: &str) -> Self {
        port.clone_into(&mut self.port);
        self
    }

    /// Lets the process have so many files open, and no more than `most` if it asks for more.
    pub fn open_files(mut self, files: u64, most: u64) -> Self {
        let limit = libc::rlimit { rlim_cur: files, rlim_max: most };
        let set = move || {
            // SAFETY: the pointer is to a value of that type, for the time of the call.
            match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        };
        // SAFETY: all it does in the new process is one system call.
        unsafe { self.command.pre_exec(set) };
        self
    }

    /// Adds command-line arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Writes the host's configuration file and names it.
    pub fn config(mut self, toml: &str) -> Self {
        fs::write(&self.config, toml).unwrap();
        self.command.arg("--config").arg(&self.config);
        self
    }

    /// Starts it and waits until it listens.
    #[track_caller]
    pub fn start(mut self) -> Server {
        let mut child =
            self.command.args(["--port", &self.port]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (log, unread) = <(Arc<Mutex<String>>, Arc<AtomicBool>)>::default();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (written, paused) = (log.clone(), unread.clone());
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                *written.lock().unwrap() += &(line + "\n");
                while paused.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        });
        let address = ([127, 0, 0, 1], 0).into();
        let mut server = Server { child, log, unread, address, _directory: self.directory };
        server.address = server.listens_at("listening on ");
        server
    }

    /// Starts it and waits until it gives up.
    #[track_caller]
    pub fn fails(mut self) -> Output {
        let mut child =
            self.command.args(["--port", &self.port]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let start = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if start.elapsed() > DEADLINE {
                child.kill().unwrap();
                panic!("the server started although it must not");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        child.wait_with_output().unwrap()
    }
}

/// A serving process; it is killed when this goes out of scope.
pub struct Server {
    child: Child,
    log: Arc<Mutex<String>>,
    unread: Arc<AtomicBool>,
    address: SocketAddr,
    _directory: Arc<TempDir>,
}

impl Server {
    /// Serves an app with the defaults.
    #[track_caller]
    pub fn of(app: &App) -> Self {
        Serve::new(app).start()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address after `announcement` in a line of its own.
    #[track_caller]
    pub fn listens_at(&mut self, announcement: &str) -> SocketAddr {
        let mut address = None;
        wait_until(announcement, || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the server ended with {status}\n{}", self.log());
            }
            let log = self.log();
            let line = log.lines().find_map(|line| line.strip_prefix(announcement)).map(str::to_owned);
            address = line.and_then(|url| url.trim().split_once("://")?.1.trim_end_matches('/').parse().ok());
            address.is_some()
        });
        address.unwrap()
    }

    /// Opens a connection.
    pub fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    /// Sends a request on a connection of its own.
    #[track_caller]
    pub fn send(&self, request: &Request) -> Reply {
        match self.connect().request(request) {
            Ok(reply) => reply,
            Err(error) => panic!("no reply: {error}\n{}", self.log()),
        }
    }

    /// A GET.
    #[track_caller]
    pub fn get(&self, target: &str) -> Reply {
        self.send(&Request::get(target))
    }

    /// Everything written to standard error so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Nobody reads the log until this is taken back.
    pub fn leave_log_unread(&self, unread: bool) {
        self.unread.store(unread, Ordering::Relaxed);
    }

    /// Waits until the log contains `text`.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) {
        let start = Instant::now();
        while !self.log().contains(text) {
            assert!(start.elapsed() < DEADLINE, "the log does not contain {text:?}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The names of its threads that the kernel runs only when no other wants to, as now (policy 5 in proc(5)).
    pub fn threads_that_go_last(&self) -> Vec<String> {
        self.threads(38).into_iter().filter(|(_, policy)| policy == "5").map(|(name, _)| name).collect()
    }

    /// How many pieces of memory the kernel has found for the threads with a name so far.
    pub fn page_faults(&self, name: &str) -> Vec<u64> {
        self.threads(7)
            .into_iter()
            .filter(|thread| thread.0 == name)
            .map(|(_, faults)| faults.parse().unwrap())
            .collect()
    }

    /// Its threads: their names, and one of the fields after those (proc_pid_stat(5)).
    fn threads(&self, field: usize) -> Vec<(String, String)> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        // A thread may be gone by now.
        let stats = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("stat")).ok());
        let named = stats.filter_map(|stat| {
            let (name, fields) = stat.split_once(" (")?.1.rsplit_once(") ")?;
            Some((name.to_owned(), fields.split(' ').nth(field)?.to_owned()))
        });
        named.collect()
    }

    /// The names of its threads that have a timer to interrupt them (proc_pid_timers(5)).
    pub fn threads_with_timers(&self) -> Vec<String> {
        let process = PathBuf::from(format!("/proc/{}", self.child.id()));
        let timers = fs::read_to_string(process.join("timers")).unwrap();
        let threads = timers.lines().filter_map(|line| line.strip_prefix("notify: signal/tid."));
        threads.filter_map(|thread| fs::read_to_string(process.join("task").join(thread).join("comm")).ok()).collect()
    }

    /// The most memory that it has had so far.
    pub fn peak_resident_mb(&self) -> u64 {
        self.memory_mb("VmHWM:")
    }

    /// The memory that it has now.
    pub fn resident_mb(&self) -> u64 {
        self.memory_mb("VmRSS:")
    }

    /// A line of proc_pid_status(5).
    fn memory_mb(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let kibibytes = status.lines().find_map(|line| line.strip_prefix(name)?.strip_suffix("kB")).unwrap();
        kibibytes.trim().parse::<u64>().unwrap() / 1024
    }

    /// Sends a signal.
    pub fn signal(&self, signal: i32) {
        let id = i32::try_from(self.child.id()).unwrap();
        // SAFETY: the child has not been waited for, so the id is still its own.
        assert_eq!(unsafe { libc::kill(id, signal) }, 0);
    }

    /// Waits for the process to end by itself.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the server ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// Ends the process with no chance to tidy up.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", self.log());
        }
    }
}
