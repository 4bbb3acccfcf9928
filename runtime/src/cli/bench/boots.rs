//! `runtime bench boots`: boots isolates of several apps side by side, many times, and compares what they answer. Shows
//! whether snapshots of different apps live together in one process, and what the process keeps of isolates that are gone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use orilla_bindings::invocation::ReplyBody;
use serde::Serialize;

use super::{AskArgs, Failure, first_answer, host, load, start};
use crate::apps::deployment::Deployment;
use crate::isolate::handle::{Shared, Start};

#[derive(Args)]
pub struct BootsArgs {
    /// The apps' manifests. All answer on the path, and the same each time.
    #[arg(value_name = "MANIFEST", required = true)]
    manifests: Vec<PathBuf>,
    /// Isolates to boot, over all apps.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    boots: u32,
    /// Isolates that boot or answer at the same time.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=256))]
    at_once: u32,
    #[command(flatten)]
    ask: AskArgs,
}

/// What came of it.
#[derive(Serialize)]
struct Figures {
    boots: u32,
    /// How many of the apps have a snapshot that fits.
    snapshots: usize,
    seconds: f64,
    /// Resident memory after each tenth of the boots.
    resident_mb: Vec<f64>,
}

/// An app, and what it answered the first time.
struct App {
    deployment: Arc<Deployment>,
    answer: Vec<u8>,
}

#[allow(clippy::print_stdout, reason = "the figures are what the command is for")]
pub fn run(args: &BootsArgs, data: &Path) -> Result<(), Failure> {
    let deployments = args.manifests.iter().map(|manifest| load(manifest, &args.ask.environment, data));
    let deployments = deployments.collect::<Result<Vec<_>, _>>()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::coded("HOST_START", error))?;
    let figures = runtime.block_on(boot_all(args, deployments, data))?;
    if args.ask.json {
        println!("{}", serde_json::to_string(&figures).map_err(|error| Failure::coded("BENCH", error))?);
    } else {
        println!(
            "{} boots of {} apps ({} from a snapshot) in {:.1} s; resident MB after each tenth: {}",
            figures.boots,
            args.manifests.len(),
            figures.snapshots,
            figures.seconds,
            figures.resident_mb.iter().map(|mb| format!("{mb:.0}")).collect::<Vec<_>>().join(" "),
        );
    }
    Ok(())
}

async fn boot_all(args: &BootsArgs, deployments: Vec<Arc<Deployment>>, data: &Path) -> Result<Figures, Failure> {
    let (services, shared, _sender) = host(data).await?;
    let mut apps = Vec::new();
    for deployment in deployments {
        let answer = boot(&deployment, &shared, &args.ask.path).await?;
        apps.push(App { deployment, answer });
    }
    let snapshots = apps.iter().filter(|app| app.deployment.snapshot.get().is_some()).count();
    let apps = Arc::new(apps);
    let began = Instant::now();
    let mut resident = Vec::new();
    for tenth in 0..10 {
        let boots = |tenths: u32| (u64::from(args.boots) * u64::from(tenths) / 10) as u32;
        boot_all_between(boots(tenth), boots(tenth + 1), args, &apps, &shared).await?;
        // Each has answered, and its thread takes it apart.
        while shared.metrics.isolates.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        resident.push(resident_mb());
    }
    let seconds = began.elapsed().as_secs_f64();
    services.close().await.map_err(|error| Failure::coded(error.code(), error))?;
    Ok(Figures { boots: args.boots, snapshots, seconds, resident_mb: resident })
}

/// Boots one isolate after the other on each of several tasks, from number `begin` to before number `end`.
async fn boot_all_between(
    begin: u32,
    end: u32,
    args: &BootsArgs,
    apps: &Arc<Vec<App>>,
    shared: &Shared,
) -> Result<(), Failure> {
    let next = Arc::new(AtomicU32::new(begin));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..args.at_once {
        let (apps, shared, next, path) = (apps.clone(), shared.clone(), next.clone(), args.ask.path.clone());
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    return Ok(());
                }
                let app = &apps[number as usize % apps.len()];
                if boot(&app.deployment, &shared, &path).await? != app.answer {
                    let name = &app.deployment.name;
                    return Err(Failure::coded("BENCH", format_args!("{name} answered otherwise than the first time")));
                }
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.map_err(|error| Failure::coded("BENCH", error))??;
    }
    Ok(())
}

/// Boots an isolate and returns the body of its answer.
async fn boot(deployment: &Arc<Deployment>, shared: &Shared, path: &str) -> Result<Vec<u8>, Failure> {
    let kind = if deployment.snapshot.get().is_some() { Start::Snapshot } else { Start::CodeCache };
    let (_, response) = first_answer(deployment, path, || start(deployment, kind, shared)).await?;
    match response.into_body() {
        ReplyBody::Empty => Ok(Vec::new()),
        ReplyBody::Full(bytes) => Ok(bytes.to_vec()),
        _ => Err(Failure::coded("BENCH", "the answer is not one whole body")),
    }
}

/// Resident memory of this process, in MB.
fn resident_mb() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    pages * 4096.0 / 1e6
}
