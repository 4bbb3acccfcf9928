//! The command line: one file for each subcommand. Exits with 0, with 2 for bad input, with 1 for a failure.

mod admin;
mod bench;
mod check;
mod deploy;
mod deployments;
mod inspect;
mod migrate;
mod platform;
mod rollback;
mod routes;
mod serve;
mod snapshot;
mod terminal;
mod top;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::apps::manifest::problem::Problems;
use crate::apps::manifest::{LoadedManifest, Manifest};
use crate::config::{Config, Options};
use crate::telemetry::log;

/// An edge runtime for full-stack JavaScript apps: serves a built app, given by its manifest.
#[derive(Parser)]
#[command(
    name = "runtime",
    version = VERSION,
    after_help = "Examples:\n  runtime serve examples/todo-kv/manifest.json\n  runtime check build/\n  \
                  runtime snapshot build/manifest.json\n\nEvery option of `serve` can also be set in orilla.toml or by an ORILLA_ \
                  variable; see docs/config.md."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const VERSION: &str = env!("ORILLA_VERSION");

#[derive(Subcommand)]
enum Command {
    /// Serve an app until it is told to stop (ctrl-C or SIGTERM).
    Serve(serve::ServeArgs),
    /// Make a V8 snapshot of an app, which makes its cold starts several times faster.
    Snapshot(snapshot::SnapshotArgs),
    /// Check a build: its manifest, its module and its files, every problem at once.
    Check(check::CheckArgs),
    /// Deploy a build to a running host: a new version that is checked, started and given traffic.
    Deploy(deploy::DeployArgs),
    /// List what is deployed on a running host.
    Deployments(deployments::DeploymentsArgs),
    /// Give the traffic back to an earlier version.
    Rollback(rollback::RollbackArgs),
    /// Watch the isolates of a running host: CPU, memory, requests.
    Top(top::TopArgs),
    /// Read and change apps' keys, documents and vectors.
    Platform(platform::PlatformArgs),
    /// Copy apps' keys and documents from one place to another.
    Migrate(migrate::MigrateArgs),
    /// Measure.
    Bench {
        #[command(subcommand)]
        bench: bench::Bench,
    },
    /// Used by `snapshot`: freezes the app in this process and prints what came of it as JSON.
    #[command(hide = true)]
    Freeze(snapshot::FreezeArgs),
}

/// Options that say where the environment of apps comes from.
#[derive(Args, Clone, Debug)]
struct EnvironmentArgs {
    /// A file of NAME=value lines for the app's environment; can be given several times.
    #[arg(long = "env-file", value_name = "FILE")]
    env_files: Vec<PathBuf>,
    /// The configuration file, instead of orilla.toml in the working directory.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl EnvironmentArgs {
    fn options(&self) -> Options {
        Options { config: self.config.clone(), env_files: self.env_files.clone(), ..Options::default() }
    }
}

/// What a subcommand ends with, other than success.
enum Failure {
    /// What was given is wrong: exit code 2.
    Input(String),
    /// What was asked could not be done: exit code 1.
    Failed(String),
}

impl Failure {
    fn coded(code: &str, message: impl std::fmt::Display) -> Self {
        Self::Failed(format!("error[{code}]: {message}"))
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Input(format!("{problems:#}"))
    }
}

/// Runs the subcommand the command line names.
#[allow(clippy::print_stderr, reason = "errors of the command line go to standard error")]
pub fn run() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Snapshot(args) => snapshot::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Deploy(args) => deploy::run(&args),
        Command::Deployments(args) => deployments::run(&args),
        Command::Rollback(args) => rollback::run(&args),
        Command::Top(args) => top::run(&args),
        Command::Platform(args) => platform::run(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Bench { bench } => bench::run(&bench),
        Command::Freeze(args) => snapshot::freeze(&args),
    };
    log::finish();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Input(message)) => {
            eprintln!("{}", message.trim_end());
            ExitCode::from(2)
        }
        Err(Failure::Failed(message)) => {
            eprintln!("{}", message.trim_end());
            ExitCode::from(1)
        }
    }
}

fn load(manifest: &Path) -> Result<LoadedManifest, Failure> {
    Ok(Manifest::load(manifest)?)
}

fn config(options: Options) -> Result<Config, Failure> {
    Ok(Config::of_process(options)?)
}

/// Sets V8 up on the main thread, before any other thread uses it.
fn init_v8() {
    orilla_snapshot::set_v8_flags();
    deno_core::JsRuntime::init_platform(None);
}

/// An address option.
type Address = IpAddr;
