//! A Postgres server for tests: a new cluster in a directory of its own, on a port of 127.0.0.1, with fsync on and TLS
//! offered. It is gone, and the directory with it, when the process that asked for it is, however that ends: a shell
//! starts the server, waits at a pipe whose other end is here, and clears up when the pipe breaks.
//!
//! Needs Debian's package `postgresql`, or an installation below /usr/lib/postgresql and `openssl`; `./dev test` sees to
//! that. Knows no driver, so that every test package can include it.
#![allow(dead_code, reason = "each test package uses its own part of this")]

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Debian's directory, with one for each major version.
const INSTALLATIONS: &str = "/usr/lib/postgresql";

/// Run by the shell with the programs' directory, the cluster's directory and the port as its arguments.
const GUARD: &str = r#"
    set -eu
    bin=$1 home=$2 port=$3
    trap '"$bin/pg_ctl" --pgdata "$home/data" --mode immediate stop >"$home/stop" 2>&1 || :; rm -rf "$home"' EXIT
    cd "$home"
    "$bin/initdb" --pgdata data --username postgres --pwfile password --auth scram-sha-256 --encoding UTF8 \
        --locale C --no-sync >log 2>&1 || { cat log; exit 1; }
    printf '%s\n' '[req]' 'distinguished_name = name' 'x509_extensions = server' '[name]' '[server]' \
        'subjectAltName = IP:127.0.0.1' 'basicConstraints = CA:FALSE' >tls
    openssl req -new -x509 -days 2 -nodes -newkey rsa:2048 -config tls -subj /CN=throwaway \
        -keyout data/server.key -out data/server.crt >log 2>&1 || { cat log; exit 1; }
    cp data/server.crt authority.crt
    printf '%s\n' 'hostssl all only_tls 127.0.0.1/32 scram-sha-256' \
        'hostnossl all only_tls 127.0.0.1/32 reject' 'host all all 127.0.0.1/32 scram-sha-256' >data/pg_hba.conf
    printf '%s\n' "listen_addresses = '127.0.0.1'" "port = $port" "unix_socket_directories = ''" 'ssl = on' \
        'max_connections = 200' 'shared_buffers = 64MB' "lc_messages = 'C'" >>data/postgresql.conf
    "$bin/pg_ctl" --pgdata "$home/data" --log log --wait start >start 2>&1 || { cat start log; exit 1; }
    echo ready
    cat >discarded
"#;

/// A running server.
pub struct Server {
    programs: PathBuf,
    home: PathBuf,
    port: u16,
    password: String,
    databases: AtomicU32,
    /// Holds the pipe open.
    guard: Child,
}

/// A database of its own.
#[derive(Clone)]
pub struct Database {
    /// Its address, for a superuser.
    pub url: String,
    /// Its name.
    pub name: String,
    programs: PathBuf,
}

/// The server that the tests of this process share.
pub fn server() -> &'static Server {
    static SERVER: LazyLock<Server> = LazyLock::new(Server::start);
    &SERVER
}

impl Server {
    /// Starts a server that nobody else uses, and that stops when it is dropped.
    pub fn start() -> Self {
        let programs = programs();
        let owner = server_user();
        let port = free_port();
        let password = format!("{:016x}{:016x}", random(), random());
        let home = PathBuf::from(format!("/tmp/orilla-postgres-{:016x}", random()));
        fs::create_dir(&home).unwrap();
        fs::write(home.join("password"), &password).unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", GUARD, "guard"]).arg(&programs).arg(&home).arg(port.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        // Signals from the terminal are for the tests; the guard has to outlive them for a moment.
        command.process_group(0);
        if let Some((user, group)) = owner {
            chown(&home, Some(user), Some(group)).unwrap();
            chown(home.join("password"), Some(user), Some(group)).unwrap();
            command.uid(user).gid(group);
        }
        let mut guard = command.spawn().unwrap();
        let mut output = BufReader::new(guard.stdout.take().unwrap());
        let mut first = String::new();
        output.read_line(&mut first).unwrap();
        if first != "ready\n" {
            output.read_to_string(&mut first).unwrap();
            panic!("no Postgres server could be started:\n{first}");
        }
        Self { programs, home, port, password, databases: AtomicU32::new(0), guard }
    }

    /// Creates a database.
    pub fn database(&self) -> Database {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        run_sql(&self.programs, &self.url("postgres"), &format!("CREATE DATABASE {name}"));
        Database { url: self.url(&name), name, programs: self.programs.clone() }
    }

    /// The address of a database, for a superuser.
    pub fn url(&self, database: &str) -> String {
        self.url_for("postgres", &self.password, database)
    }

    /// The address of a database, for anyone. Who is called `only_tls` has to come by TLS.
    pub fn url_for(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// The certificate of the server, which has signed itself.
    pub fn authority(&self) -> PathBuf {
        self.home.join("authority.crt")
    }

    /// Kills all of the server's processes at once, as a crash would, and starts it again.
    pub fn crash_and_restart(&self) {
        let mut command = Command::new(self.programs.join("pg_ctl"));
        command.args(["restart", "--wait", "--mode", "immediate", "--silent", "--pgdata"]).arg(self.home.join("data"));
        command.arg("--log").arg(self.home.join("log")).current_dir("/");
        if let Some((user, group)) = server_user() {
            command.uid(user).gid(group);
        }
        assert!(command.status().unwrap().success(), "the server did not come back");
    }

    /// Whether databases here can `CREATE EXTENSION vector`.
    pub fn has_vector(&self) -> bool {
        let query = "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'";
        run_sql(&self.programs, &self.url("postgres"), query) == "1"
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

impl Database {
    /// Runs statements, and returns what they return: rows as lines, columns with `|` between them.
    pub fn sql(&self, statements: &str) -> String {
        run_sql(&self.programs, &self.url, statements)
    }
}

fn run_sql(programs: &Path, url: &str, statements: &str) -> String {
    let mut command = Command::new(programs.join("psql"));
    command.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set", "ON_ERROR_STOP=1"]);
    let output = command.args(["--dbname", url, "--command", statements]).current_dir("/").output().unwrap();
    assert!(output.status.success(), "{statements}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// The programs of the newest version that is installed.
fn programs() -> PathBuf {
    let versions = fs::read_dir(INSTALLATIONS).into_iter().flatten().flatten();
    let major = |path: &PathBuf| path.parent().and_then(|path| path.file_name()?.to_str()?.parse::<u32>().ok());
    let installed = versions.map(|version| version.path().join("bin")).filter(|path| path.join("initdb").exists());
    installed
        .max_by_key(major)
        .unwrap_or_else(|| panic!("Postgres is not installed: ./dev test does that, or apt-get install postgresql"))
}

/// Postgres does not run as root: there it gets the user that Debian's package made for it.
fn server_user() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let line = line.unwrap_or_else(|| panic!("root cannot run Postgres, and there is no user postgres to run it as"));
    let mut ids = line.split(':').skip(2).map(|id| id.parse().unwrap());
    Some((ids.next().unwrap(), ids.next().unwrap()))
}

/// A port that nobody listens on, below those that the kernel gives to outgoing connections.
fn free_port() -> u16 {
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::repeat_with(|| 20_000 + (random() % 12_000) as u16).find(free).unwrap()
}

fn random() -> u64 {
    RandomState::new().hash_one(())
}
