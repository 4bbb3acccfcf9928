//! Makes the snapshots of deployed versions that come without one that fits: one after the other, each in a process of its
//! own that runs only when no other wants to. The version serves meanwhile, and isolates that it boots later start from the
//! snapshot. It never makes one for an app that is served from a directory of somebody else's.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock, Weak};

use orilla_bindings::EnvReads;
use orilla_snapshot::file;

use super::deployment::Deployment;

/// Versions that wait for their snapshots; further ones go without until the host starts again.
const MAX_WAITING: usize = 10_000;

/// Bytes of what the process says that are looked at. The app's module may be among those that speak.
const MAX_SAID_BYTES: u64 = 256 << 10;

/// How the reason begins where the module itself stands against a snapshot.
const FINAL: [&str; 2] = ["error[SNAPSHOT_DECLINED]", "error[SNAPSHOT_IMPOSSIBLE]"];

/// The file with that reason has the name of the snapshot, with this extension.
const NOTE_EXTENSION: &str = "declined";

/// What the process reads as its configuration: the app alone counts.
const NO_CONFIG: &str = "/dev/null";

/// Makes snapshots in the background. Has its thread, and a queue of 270 kB, from the first one on.
#[derive(Default)]
pub struct SnapshotMaker {
    jobs: OnceLock<Option<SyncSender<Job>>>,
}

struct Job {
    /// A version that nobody serves any more needs none.
    deployment: Weak<Deployment>,
    output: PathBuf,
}

impl SnapshotMaker {
    /// Makes the snapshot of a version, into this file, when its turn comes.
    pub fn make(&self, deployment: &Arc<Deployment>, output: PathBuf) {
        let Some(jobs) = self.jobs.get_or_init(begin) else { return };
        if jobs.try_send(Job { deployment: Arc::downgrade(deployment), output }).is_err() {
            tracing::warn!(app = %deployment.name, "no snapshot is made: {MAX_WAITING} versions wait for theirs");
        }
    }
}

fn begin() -> Option<SyncSender<Job>> {
    let (jobs, waiting) = sync_channel(MAX_WAITING);
    let thread = std::thread::Builder::new().name("snapshots".into()).spawn(move || work(&waiting));
    thread.inspect_err(|error| tracing::warn!(%error, "no snapshots are made: their thread cannot be started")).ok()?;
    Some(jobs)
}

fn work(jobs: &Receiver<Job>) {
    while let Ok(Job { deployment, output }) = jobs.recv() {
        let Some(deployment) = deployment.upgrade() else { continue };
        let (app, version) = (&deployment.name, &deployment.version);
        let note = match Note::of(&deployment, &output) {
            Ok(note) => note,
            Err(error) => {
                tracing::info!(%app, %version, "the app goes without a snapshot: {error}");
                continue;
            }
        };
        if let Some(reason) = note.read() {
            tracing::info!(%app, %version, "the app goes without a snapshot, as before: {reason}");
            continue;
        }
        let made = make(&deployment, &output).map_err(|error| error.to_string());
        match made.and_then(|()| deployment.find_snapshot(&output).map_err(|reason| reason.to_string())) {
            Ok(()) => tracing::info!(%app, %version, "the snapshot is made"),
            Err(reason) => {
                tracing::info!(%app, %version, "the app goes without a snapshot: {reason}");
                if FINAL.iter().any(|code| reason.starts_with(code)) {
                    note.write(&reason);
                }
            }
        }
    }
}

/// Why there can be no snapshot, kept beside its place: it would be the same again.
struct Note {
    path: PathBuf,
    /// What would have to be different: the build, the module or its environment.
    circumstances: String,
}

impl Note {
    fn of(deployment: &Deployment, output: &Path) -> io::Result<Self> {
        let reads = EnvReads { listed: true, ..EnvReads::default() };
        let header = file::header(&deployment.source.text()?, &reads, &deployment.env);
        Ok(Self { path: output.with_extension(NOTE_EXTENSION), circumstances: serde_json::to_string(&header)? })
    }

    /// The reason, if the circumstances are the same.
    fn read(&self) -> Option<String> {
        let text = std::fs::read_to_string(&self.path).ok()?;
        let reason = text.strip_prefix(self.circumstances.as_str())?.strip_prefix('\n')?;
        Some(reason.to_owned())
    }

    fn write(&self, reason: &str) {
        // Without the note it is tried again at the next start.
        if let Err(error) = std::fs::write(&self.path, format!("{}\n{reason}", self.circumstances)) {
            tracing::debug!(file = %self.path.display(), %error, "the reason cannot be noted");
        }
    }
}

/// Runs `runtime snapshot`, which bounds its own time.
fn make(deployment: &Deployment, output: &Path) -> io::Result<()> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("snapshot")
        .arg(&deployment.manifest.path)
        .args(["--config", NO_CONFIG, "--for-host"])
        .arg(output)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    // It ends when this is closed: a host that is gone wants no snapshot.
    let mut stdin = child.stdin.take();
    if let Some(stdin) = &mut stdin {
        serde_json::to_writer(&mut *stdin, &*deployment.env)?;
        stdin.write_all(b"\n")?;
    }
    let mut said = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        stderr.take(MAX_SAID_BYTES).read_to_end(&mut said)?;
    }
    let status = child.wait()?;
    drop(stdin);
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&said);
    Err(io::Error::other(reason_in(&said).unwrap_or(said.trim()).to_owned()))
}

/// Why a command failed, of all that it said: progress, and what the app logs, comes before.
pub fn reason_in(said: &str) -> Option<&str> {
    said.rfind("error[").map(|at| said[at..].trim())
}
