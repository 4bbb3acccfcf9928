//! `runtime bench cold-start`: how long an app takes from nothing to the first byte of its answer. [`boots`] is the other
//! bench.

mod boots;

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use http::{HeaderMap, Method};
use orilla_bindings::egress::EgressRules;
use orilla_bindings::invocation::{FetchRequest, Reply, ReplyBody, RequestBody};
use orilla_services::caller::{Caller, Identity, Policy};
use serde::Serialize;
use tempfile::TempDir;
use tokio::sync::{oneshot, watch};

use super::{EnvironmentArgs, Failure};
use crate::apps::deployment::{Caches, Deployment};
use crate::config::Config;
use crate::isolate::handle::{Isolate, Shared, Start};
use crate::isolate::turns::Turns;
use crate::metrics::Metrics;
use crate::wire::{self, Services};

#[derive(Subcommand)]
pub enum Bench {
    /// Cold starts: an isolate each way the host has, and the whole process.
    ColdStart(ColdStartArgs),
    /// Boots isolates of several apps side by side, many times, and compares what they answer.
    Boots(boots::BootsArgs),
}

#[derive(Args)]
pub struct ColdStartArgs {
    /// The app's manifest.json, or the directory it is in.
    #[arg(value_name = "MANIFEST")]
    manifest: PathBuf,
    /// Cold starts of each kind.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
    #[command(flatten)]
    ask: AskArgs,
}

/// Memory for the snapshots of the apps.
const SNAPSHOT_BYTES: u64 = 64 << 20;
/// Memory of the services while a bench runs.
pub(super) const MEMORY: wire::Memory = wire::Memory { kv_mb: 16, vectors_mb: 16 };

/// What all benches take.
#[derive(Args)]
struct AskArgs {
    /// What is asked of the app, or of each.
    #[arg(long, default_value = "/")]
    path: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    environment: EnvironmentArgs,
}

/// Percentiles in milliseconds.
#[derive(Serialize)]
struct Percentiles {
    p50: f64,
    p95: f64,
}

/// All of it. A kind that this app has not, such as a snapshot that was declined, is null.
#[derive(Serialize)]
struct Figures {
    prewarmed_ms: Option<Percentiles>,
    snapshot_ms: Option<Percentiles>,
    code_cache_ms: Option<Percentiles>,
    plain_ms: Option<Percentiles>,
    process_ms: Option<Percentiles>,
    runs: u32,
}

pub fn run(bench: &Bench) -> Result<(), Failure> {
    crate::telemetry::log::start("error");
    super::init_v8();
    let data = data_directory()?;
    match bench {
        Bench::ColdStart(args) => cold_start(args, data.path()),
        Bench::Boots(args) => boots::run(args, data.path()),
    }
}

/// An empty data directory that nobody else can foresee, look into or have made. It goes when this is dropped.
fn data_directory() -> Result<TempDir, Failure> {
    let made = tempfile::Builder::new().prefix("orilla-").permissions(Permissions::from_mode(0o700)).tempdir();
    made.map_err(|error| Failure::coded("BENCH", error))
}

#[allow(clippy::print_stdout, reason = "the figures are what the command is for")]
fn cold_start(args: &ColdStartArgs, data: &Path) -> Result<(), Failure> {
    let deployment = load(&args.manifest, &args.ask.environment, data)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::coded("HOST_START", error))?;
    let mut figures = runtime.block_on(isolates(args, &deployment, data))?;
    drop(runtime);
    figures.process_ms = Some(processes(args)?);
    if args.ask.json {
        println!("{}", serde_json::to_string(&figures).map_err(|error| Failure::coded("BENCH", error))?);
    } else {
        print!("{}", table(&figures));
    }
    Ok(())
}

fn table(figures: &Figures) -> String {
    let row = |name: &str, value: &Option<Percentiles>| match value {
        Some(Percentiles { p50, p95 }) => format!("{name:<12}{p50:>10.2}{p95:>10.2}\n"),
        None => format!("{name:<12}{:>10}{:>10}\n", "-", "-"),
    };
    format!(
        "milliseconds       p50       p95   ({} runs each)\n{}{}{}{}{}",
        figures.runs,
        row("prewarmed", &figures.prewarmed_ms),
        row("snapshot", &figures.snapshot_ms),
        row("code cache", &figures.code_cache_ms),
        row("plain", &figures.plain_ms),
        row("process", &figures.process_ms),
    )
}

/// An app as `serve` would have it, with an empty data directory.
fn load(manifest: &Path, environment: &EnvironmentArgs, data: &Path) -> Result<Arc<Deployment>, Failure> {
    let options = crate::config::Options { data_dir: Some(data.to_owned()), ..environment.options() };
    let config = super::config(options)?;
    load_with(manifest, &config)
}

fn load_with(manifest: &Path, config: &Config) -> Result<Arc<Deployment>, Failure> {
    let deployment = Deployment::load(super::load(manifest)?, config, Caches::new(0, SNAPSHOT_BYTES));
    deployment.map(Arc::new).map_err(|error| Failure::Input(error.to_string()))
}

/// What isolates need of a host, for as long as the sender lives.
async fn host(data: &Path) -> Result<(Services, Shared, watch::Sender<Option<Services>>), Failure> {
    let services = wire::embedded(&data.join("isolates"), MEMORY).await;
    let services = services.map_err(|error| Failure::coded(error.code(), &error))?;
    let (sender, receiver) = watch::channel(Some(services.clone()));
    let egress = EgressRules::default().permissions();
    let shared =
        Shared { services: receiver, egress, metrics: Arc::new(Metrics::default()), turns: turns(), inspect: None };
    Ok((services, shared, sender))
}

fn turns() -> Arc<Turns> {
    Arc::new(Turns::of_cores(std::thread::available_parallelism().map_or(1, usize::from)))
}

/// An isolate that belongs to no pool.
fn start(deployment: &Arc<Deployment>, start: Start, shared: &Shared) -> std::io::Result<Arc<Isolate>> {
    Isolate::start(deployment.clone(), start, Arc::default(), shared.clone())
}

/// An isolate that waits for an app, and has booted long before it gets one.
async fn waiting(shared: &Shared) -> Result<Arc<Isolate>, Failure> {
    let isolate = Isolate::start_waiting(shared.clone()).map_err(|error| Failure::coded("BENCH", error))?;
    while !isolate.has_booted() && isolate.is_alive() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(isolate)
}

/// Milliseconds until an isolate takes requests: the medians of a waiting isolate that gets the app, and of a boot from
/// the app's snapshot in this file. Evaluates the app's module, with an empty data directory; asks nothing of it.
pub fn compare_starts(manifest: &Path, snapshot: &Path, config: &Config) -> Result<(f64, f64), Failure> {
    const ROUNDS: u32 = 7;
    super::init_v8();
    let data = data_directory()?;
    let measure = async |deployment: &Arc<Deployment>| {
        let (services, shared, _sender) = host(data.path()).await?;
        let failed = |error| Failure::coded("BENCH", error);
        // Makes the code cache.
        start(deployment, Start::CodeCache, &shared).map_err(failed)?.ready().await;
        let (mut prewarmed, mut snapshot) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let waiting = waiting(&shared).await?;
            let began = Instant::now();
            waiting.adopt(deployment.clone(), Arc::default());
            let ready = waiting.ready().await;
            prewarmed.push(began.elapsed().as_secs_f64() * 1000.0);
            let began = Instant::now();
            let booted = start(deployment, Start::Snapshot, &shared).map_err(failed)?;
            if !booted.ready().await || !ready {
                return Err(Failure::coded("BENCH", "an isolate did not start"));
            }
            snapshot.push(began.elapsed().as_secs_f64() * 1000.0);
        }
        services.close().await.map_err(|error| Failure::coded(error.code(), error))?;
        let median = |times| percentiles(times).map_or(f64::MAX, |percentiles| percentiles.p50);
        Ok((median(prewarmed), median(snapshot)))
    };
    let server = crate::config::Server { data_dir: data.path().to_owned(), ..config.server.clone() };
    let deployment = load_with(manifest, &Config { server, ..config.clone() })?;
    let found = deployment.find_snapshot(snapshot);
    found.map_err(|reason| Failure::coded(reason.code(), &reason))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::coded("HOST_START", error))?.block_on(measure(&deployment))
}

/// The kinds of isolate start, interleaved so that the machine's moods hit all of them.
async fn isolates(args: &ColdStartArgs, deployment: &Arc<Deployment>, data: &Path) -> Result<Figures, Failure> {
    let (services, shared, _sender) = host(data).await?;
    let start = |kind| move |shared: &Shared| start(deployment, kind, shared);
    let (runs, path) = (args.runs, args.ask.path.as_str());
    let (mut prewarmed, mut snapshot, mut code_cache, mut plain) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // The first start makes the code cache; it is not counted.
    first_byte(deployment, path, || start(Start::CodeCache)(&shared)).await?;
    for _ in 0..runs {
        let waiting = waiting(&shared).await?;
        let adopt = || {
            waiting.adopt(deployment.clone(), Arc::default());
            Ok(waiting)
        };
        prewarmed.push(first_byte(deployment, path, adopt).await?);
        if deployment.snapshot.get().is_some() {
            snapshot.push(first_byte(deployment, path, || start(Start::Snapshot)(&shared)).await?);
        }
        code_cache.push(first_byte(deployment, path, || start(Start::CodeCache)(&shared)).await?);
        plain.push(first_byte(deployment, path, || start(Start::Plain)(&shared)).await?);
    }
    services.close().await.map_err(|error| Failure::coded(error.code(), error))?;
    Ok(Figures {
        prewarmed_ms: percentiles(prewarmed),
        snapshot_ms: percentiles(snapshot),
        code_cache_ms: percentiles(code_cache),
        plain_ms: percentiles(plain),
        process_ms: None,
        runs,
    })
}

/// Milliseconds from the decision to start an isolate to its first answer.
async fn first_byte(
    deployment: &Deployment,
    path: &str,
    start: impl FnOnce() -> std::io::Result<Arc<Isolate>>,
) -> Result<f64, Failure> {
    let (time, _) = first_answer(deployment, path, start).await?;
    Ok(time.as_secs_f64() * 1000.0)
}

/// The time from the decision to start an isolate to its first answer, and the answer.
async fn first_answer(
    deployment: &Deployment,
    path: &str,
    start: impl FnOnce() -> std::io::Result<Arc<Isolate>>,
) -> Result<(Duration, http::Response<ReplyBody>), Failure> {
    let caller = Arc::new(Caller {
        app: deployment.name.clone(),
        tenant: deployment.name.clone(),
        identity: Identity::Anonymous,
        policy: Policy::Enforced,
        trace: "bench".into(),
    });
    let request = Box::new(FetchRequest {
        method: Method::GET,
        url: format!("http://localhost{path}"),
        headers: HeaderMap::new().into(),
        body: RequestBody::Empty,
        upgradable: false,
        attempt: 0,
        meter: Arc::new(()),
        own: None,
    });
    let (sender, receiver) = oneshot::channel();
    let began = Instant::now();
    let isolate = start().map_err(|error| Failure::coded("BENCH", error))?;
    isolate.load.begin();
    if isolate.fetch(caller, request, began, sender).is_err() {
        return Err(Failure::coded("BENCH", "the isolate did not take the request"));
    }
    let reply = receiver.await;
    let elapsed = began.elapsed();
    match reply {
        Ok(Reply::Response(response)) => Ok((elapsed, response)),
        Ok(Reply::Failed(reason)) => Err(Failure::coded("BENCH", format_args!("the app failed: {}", reason.as_str()))),
        Ok(Reply::Unanswered(_)) | Err(_) => Err(Failure::coded("BENCH", "the isolate ended before it answered")),
    }
}

/// Whole processes, from exec to the first byte.
fn processes(args: &ColdStartArgs) -> Result<Percentiles, Failure> {
    let mut times = Vec::new();
    for _ in 0..args.runs {
        let data = data_directory()?;
        times.push(process(args, data.path()).map_err(|error| Failure::coded("BENCH", error))?);
    }
    percentiles(times).ok_or_else(|| Failure::coded("BENCH", "no runs"))
}

fn process(args: &ColdStartArgs, data: &Path) -> std::io::Result<f64> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("serve").arg(&args.manifest).args(["--port", "0", "--data-dir"]).arg(data);
    for file in &args.ask.environment.env_files {
        command.arg("--env-file").arg(file);
    }
    let began = Instant::now();
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    let time = ask(&mut child, &args.ask.path, began);
    child.kill()?;
    child.wait()?;
    time
}

fn ask(child: &mut std::process::Child, path: &str, began: Instant) -> std::io::Result<f64> {
    let stderr = child.stderr.take().ok_or(std::io::ErrorKind::BrokenPipe)?;
    let mut lines = BufReader::new(stderr).lines();
    let address = loop {
        let Some(line) = lines.next() else { return Err(std::io::Error::other("the host ended before it listened")) };
        if let Some(address) = line?.strip_prefix("listening on http://") {
            break address.to_owned();
        }
    };
    let mut stream = TcpStream::connect(&address)?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").as_bytes())?;
    let mut first = [0];
    stream.read_exact(&mut first)?;
    Ok(began.elapsed().as_secs_f64() * 1000.0)
}

fn percentiles(mut times: Vec<f64>) -> Option<Percentiles> {
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times.get(((times.len() as f64 * share) as usize).min(times.len().checked_sub(1)?)).copied();
    let round = |value: f64| (value * 1000.0).round() / 1000.0;
    Some(Percentiles { p50: round(at(0.5)?), p95: round(at(0.95)?) })
}
