//! `runtime snapshot`: makes `server.snapshot` beside the entrypoint, in a child process.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use libc::{SIGABRT, SIGBUS, SIGILL, SIGSEGV, SIGTRAP};
use orilla_bindings::Hazard;
use orilla_snapshot::file::{self, Faster};
use orilla_snapshot::freeze::Declined;
use serde::{Deserialize, Serialize};

use super::{EnvironmentArgs, Failure};
use crate::apps::check::entrypoint_source;
use crate::apps::deployment::Deployment;
use crate::apps::entrypoint;
use crate::apps::manifest::problem::Problems;
use crate::apps::snapshot_maker::reason_in;
use crate::config::Config;
use crate::config::environment::Environment;
use crate::isolate::boot::{MemoryLimits, boot};
use crate::isolate::crash;
use crate::isolate::limits::HeapLimits;
use crate::isolate::turns::Turns;
use crate::isolate::watchdog::Watched;
use crate::scheduling::{self, ThreadId};

/// V8 can have no snapshot of the module, however often one is made.
const IMPOSSIBLE: &str = "SNAPSHOT_IMPOSSIBLE";

/// What an isolate may have that is to show whether V8 can load a snapshot: more than one that serves.
const PROOF_BYTES: usize = 4 << 30;

/// Longest that a module may take to be evaluated and frozen.
const PATIENCE: Duration = Duration::from_mins(2);

#[derive(Args)]
pub struct SnapshotArgs {
    /// The app's manifest.json, or the directory it is in.
    #[arg(value_name = "MANIFEST")]
    manifest: PathBuf,
    /// Used by `serve`: writes this file, at the lowest priority, with the app's environment from standard input, and ends
    /// when that is closed.
    #[arg(long, value_name = "FILE", hide = true)]
    for_host: Option<PathBuf>,
    /// Used by itself: boots from this snapshot of the app, and notes in it how fast that is.
    #[arg(long, value_name = "FILE", hide = true)]
    prove: Option<PathBuf>,
    #[command(flatten)]
    environment: EnvironmentArgs,
}

#[derive(Args)]
pub struct FreezeArgs {
    /// The module.
    entrypoint: PathBuf,
    /// Where the snapshot goes.
    output: PathBuf,
    /// It is made beside a host, and stays out of its way.
    #[arg(long)]
    for_host: bool,
}

/// What the child prints.
#[derive(Serialize, Deserialize)]
enum Outcome {
    /// The snapshot is written.
    Frozen { bytes: u64 },
    /// There is none, because of these.
    Hazards(Vec<Hazard>),
    /// The app cannot start: the rendered problem.
    App(String),
    /// V8 refused.
    Engine(String),
}

#[allow(clippy::print_stderr, reason = "progress of a command")]
pub fn run(args: &SnapshotArgs) -> Result<(), Failure> {
    let manifest = super::load(&args.manifest)?;
    let (config, output) = match &args.for_host {
        Some(output) => (beside_host()?, output.clone()),
        None => (super::config(args.environment.options())?, Deployment::snapshot_path(&manifest)),
    };
    if !manifest.manifest.features.snapshot {
        let message = "error[SNAPSHOT_OFF]: the manifest says `features.snapshot: false`; remove that to make one";
        return Err(Failure::Input(message.to_owned()));
    }
    let source = entrypoint_source(&manifest)?;
    let env = config.environment.for_app(&manifest.manifest.env);
    if let Some(snapshot) = &args.prove {
        boot_from(snapshot, &source, &env)?;
        return choose_start(&args.manifest, snapshot, &config);
    }
    eprintln!("freezing {} ({})", manifest.entrypoint().display(), size(source.len() as u64));
    let began = Instant::now();
    // Nobody may find it before an isolate has booted from it.
    let unproven = output.with_extension("unproven");
    match in_child(&manifest.entrypoint(), &unproven, &env, args.for_host.is_some())? {
        Outcome::Frozen { bytes } => {
            let said = prove(&unproven, &config, args.for_host.is_some()).inspect_err(|_| {
                let _ = std::fs::remove_file(&unproven);
            })?;
            std::fs::rename(&unproven, &output).map_err(|error| Failure::coded("SNAPSHOT_FAILED", error))?;
            eprintln!("wrote {} ({}) in {:.1} s", output.display(), size(bytes), began.elapsed().as_secs_f64());
            eprint!("{said}");
            Ok(())
        }
        Outcome::Hazards(hazards) => Err(declined(&manifest.entrypoint(), &hazards)),
        Outcome::App(problem) => {
            Err(Failure::Input(with_place(&manifest.entrypoint(), &source, env).unwrap_or(problem)))
        }
        Outcome::Engine(message) => Err(Failure::coded("SNAPSHOT_FAILED", message)),
    }
}

/// The problem as `check` shows it. While a snapshot is made V8 takes no stack down, so the module is evaluated once more, without.
fn with_place(entrypoint: &Path, source: &str, env: BTreeMap<String, String>) -> Option<String> {
    crash::contain();
    super::init_v8();
    let problems = entrypoint::check(entrypoint, source, env);
    (!problems.is_empty()).then(|| format!("{:#}", Problems(problems)))
}

/// Takes the app's environment from the host that wants the snapshot, and stays out of the way of all it does.
fn beside_host() -> Result<Config, Failure> {
    let failed = |error: std::io::Error| Failure::coded("SNAPSHOT_FAILED", error);
    scheduling::go_last_but_come_to_an_end();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(failed)?;
    let files = serde_json::from_str(&line).map_err(|error| failed(error.into()))?;
    std::thread::spawn(|| {
        // It comes to its end when the host does.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(1);
    });
    Ok(Config { environment: Environment { files, ..Environment::default() }, ..Config::default() })
}

/// Boots isolates from a new snapshot, in a process of their own: where an app has changed what V8 itself changes when it loads
/// one, V8 ends the process. Returns what is to be said of it.
fn prove(snapshot: &Path, config: &Config, for_host: bool) -> Result<String, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::coded("SNAPSHOT_FAILED", error);
    let program = std::env::current_exe().map_err(|error| failed(&error))?;
    let mut child = Command::new(program)
        .args(std::env::args_os().skip(1))
        .arg("--prove")
        .arg(snapshot)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&error))?;
    // Beside a host it ends when this is closed.
    let mut stdin = child.stdin.take();
    if let Some(stdin) = stdin.as_mut().filter(|_| for_host) {
        let mut line = serde_json::to_vec(&config.environment.files).map_err(|error| failed(&error))?;
        line.push(b'\n');
        stdin.write_all(&line).map_err(|error| failed(&error))?;
    }
    let result = child.wait_with_output().map_err(|error| failed(&error))?;
    drop(stdin);
    if result.status.success() {
        return Ok(String::from_utf8_lossy(&result.stderr).into_owned());
    }
    if crashed(result.status) {
        return Err(Failure::coded(
            IMPOSSIBLE,
            "no isolate boots from it. V8 cannot load it where something at module scope freezes one of V8's own objects, or \
             adds what V8 adds itself, as packages do that bring what a JavaScript engine may lack",
        ));
    }
    Err(match reason_in(&String::from_utf8_lossy(&result.stderr)) {
        Some(reason) => Failure::Failed(reason.to_owned()),
        None => failed(&format_args!("the process that boots from it ended early ({})", result.status)),
    })
}

/// Boots a runtime from a snapshot. Neither the rest of the app nor what the host lets it have can stand against that.
fn boot_from(snapshot: &Path, source: &str, env: &BTreeMap<String, String>) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::coded("SNAPSHOT_FAILED", error);
    super::init_v8();
    let snapshot = file::read(snapshot, source, env).map_err(|error| failed(&error))?;
    let limits = MemoryLimits { heap: HeapLimits::of(PROOF_BYTES), array_buffers: PROOF_BYTES };
    let watched = Watched::start(Arc::new(Turns::of_cores(1))).map_err(|error| failed(&error))?;
    boot(snapshot.map(Arc::new), limits, watched).map(drop).map_err(|error| failed(&error))
}

/// Measures which start is faster and notes it in the file.
#[allow(clippy::print_stderr, reason = "progress of a command")]
fn choose_start(manifest: &Path, output: &Path, config: &Config) -> Result<(), Failure> {
    let (prewarmed, snapshot) = match super::bench::compare_starts(manifest, output, config) {
        Ok(times) => times,
        // A variable may be missing here that is there where the app is served. The file is good without, and V8 can load it.
        Err(Failure::Input(reason) | Failure::Failed(reason)) => {
            eprintln!("the app starts from the snapshot; whether that is faster could not be measured: {reason}");
            return Ok(());
        }
    };
    let faster = if prewarmed < snapshot { Faster::Prewarmed } else { Faster::Snapshot };
    file::note_faster(output, faster).map_err(|error| Failure::coded("SNAPSHOT_FAILED", error))?;
    let choice = match faster {
        Faster::Prewarmed => "where an isolate waits, the app starts in that; else from the snapshot",
        Faster::Snapshot => "the app starts from the snapshot",
    };
    eprintln!("ready in {prewarmed:.1} ms in a waiting isolate, in {snapshot:.1} ms from the snapshot: {choice}");
    Ok(())
}

fn declined(entrypoint: &Path, hazards: &[Hazard]) -> Failure {
    let mut text = String::from(
        "error[SNAPSHOT_DECLINED]: no snapshot was made: the module does what must be fresh in every isolate while it is \
         evaluated",
    );
    for Hazard { what, place, .. } in hazards {
        let place = place.map_or(String::new(), |(line, column)| format!(":{line}:{column}"));
        text.push_str(&format!("\n  {}{place}: {what}", entrypoint.display()));
    }
    text.push_str(
        "\nhint: move it into the fetch handler. Without a snapshot the app runs as well, from V8's code cache.",
    );
    Failure::Failed(text)
}

fn in_child(
    entrypoint: &Path,
    output: &Path,
    env: &BTreeMap<String, String>,
    for_host: bool,
) -> Result<Outcome, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::coded("SNAPSHOT_FAILED", error);
    let program = std::env::current_exe().map_err(|error| failed(&error))?;
    let mut child = Command::new(program)
        .arg("freeze")
        .args([entrypoint, output])
        .args(for_host.then_some("--for-host"))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&error))?;
    if let Some(mut stdin) = child.stdin.take() {
        let env = serde_json::to_vec(env).map_err(|error| failed(&error))?;
        stdin.write_all(&env).map_err(|error| failed(&error))?;
    }
    let result = child.wait_with_output().map_err(|error| failed(&error))?;
    if crashed(result.status) {
        return Err(Failure::coded(
            IMPOSSIBLE,
            "something at module scope cannot be frozen by V8, such as a WebAssembly module or an object that lives outside \
             the JavaScript heap",
        ));
    }
    serde_json::from_slice(&result.stdout)
        .map_err(|_| failed(&format_args!("the process that made it ended early ({})", result.status)))
}

/// Whether V8 ended a process, by one of the signals of a failed check. The kernel, where memory is short, sends another.
fn crashed(status: ExitStatus) -> bool {
    matches!(status.signal(), Some(SIGTRAP | SIGILL | SIGABRT | SIGSEGV | SIGBUS))
}

/// Ends the process when the thread that freezes takes too long. That others have the cores is no reason.
#[allow(clippy::print_stdout, reason = "the parent reads this")]
fn give_up_in_time(freezing: ThreadId) {
    let began = Instant::now();
    while began.elapsed().saturating_sub(scheduling::waited(freezing)) < PATIENCE {
        std::thread::sleep(Duration::from_secs(1));
    }
    let outcome = Outcome::Engine(format!("it took more than {} s", PATIENCE.as_secs()));
    println!("{}", serde_json::to_string(&outcome).unwrap_or_default());
    std::process::exit(1);
}

/// The child's side.
#[allow(clippy::print_stdout, reason = "the parent reads this")]
pub fn freeze(args: &FreezeArgs) -> Result<(), Failure> {
    if args.for_host {
        scheduling::go_last_but_come_to_an_end();
    }
    orilla_snapshot::init_v8_for_snapshots();
    let main = scheduling::this_thread();
    std::thread::spawn(move || give_up_in_time(main));
    let env = serde_json::from_reader(std::io::stdin()).map_err(|error| Failure::coded("SNAPSHOT_FAILED", error))?;
    let source = std::fs::read_to_string(&args.entrypoint).map_err(|error| Failure::coded("SNAPSHOT_FAILED", error))?;
    let outcome = match orilla_snapshot::freeze::freeze(&source, env) {
        Ok(frozen) => match file::write(&args.output, &frozen.header, &frozen.blob) {
            Ok(()) => Outcome::Frozen { bytes: std::fs::metadata(&args.output).map_or(0, |metadata| metadata.len()) },
            Err(error) => Outcome::Engine(format!("{} cannot be written: {error}", args.output.display())),
        },
        Err(Declined::Hazards(hazards)) => Outcome::Hazards(hazards),
        Err(Declined::App(error)) => {
            Outcome::App(format!("{:#}", Problems(vec![entrypoint::problem(&args.entrypoint, &source, &error)])))
        }
        Err(Declined::Engine(message)) => Outcome::Engine(message),
    };
    let outcome = serde_json::to_string(&outcome).map_err(|error| Failure::coded("SNAPSHOT_FAILED", error))?;
    println!("{outcome}");
    Ok(())
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
