//! `runtime serve`

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use orilla_bindings::egress::EgressRules;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use super::{Address, EnvironmentArgs, Failure, inspect, routes};
use crate::apps::deployment::{Caches, Deployment};
use crate::apps::deployments::Deployments;
use crate::apps::directory::AppsDirectory;
use crate::apps::manifest::LoadedManifest;
use crate::apps::registry::Apps;
use crate::apps::releases::Releases;
use crate::apps::snapshot_maker::SnapshotMaker;
use crate::apps::versions::store::Store;
use crate::config::{Config, DatabaseUrl, Options};
use crate::inspect::targets::Targets;
use crate::isolate::crash;
use crate::isolate::handle::Shared;
use crate::isolate::memory;
use crate::isolate::supervisor::{Settings, Supervisor};
use crate::isolate::turns::Turns;
use crate::metrics::Metrics;
use crate::open_files;
use crate::platform::Platform;
use crate::request::admin::{self, Admin};
use crate::request::admin_token::AdminToken;
use crate::request::deployments_api::DeploymentsApi;
use crate::request::handle::Host;
use crate::request::platform_api::PlatformApi;
use crate::request::server::{Server, tls_acceptor};
use crate::telemetry::{Telemetry, log};
use crate::wire::{self, Services, SystemClock};

/// Memory for the contents of small static files, for the whole process.
const STATIC_CACHE_BYTES: u64 = 64 << 20;

/// Memory for the snapshots that were used last, for the whole process, beside those that isolates run from.
const RECENT_SNAPSHOT_BYTES: u64 = 64 << 20;

/// Said to who gives nothing.
const NOTHING_TO_SERVE: &str = "error[NOTHING_TO_SERVE]: no app is named, and none was deployed\n\
     hint: name a manifest, or a directory of apps with --apps-dir, or set an admin token so that apps can be deployed";

/// How long after the start the first isolates are prewarmed.
const PREWARM_DELAY: Duration = Duration::from_millis(500);

/// How long an isolate without requests is kept for a debugger to come.
const INSPECTED_IDLE: Duration = Duration::from_hours(24);

#[derive(Args)]
pub struct ServeArgs {
    /// The manifest.json of each app, or the directory it is in. Beside them every app is served that was deployed into
    /// the data directory.
    #[arg(value_name = "MANIFEST")]
    manifests: Vec<PathBuf>,
    /// A directory of apps, each in a directory of its own; watched for changes.
    #[arg(long, value_name = "DIR")]
    apps_dir: Option<PathBuf>,
    /// The address to listen on [default: 127.0.0.1].
    #[arg(long)]
    host: Option<Address>,
    /// The port to listen on; 0 takes any free one [default: 3000].
    #[arg(long)]
    port: Option<u16>,
    /// The directory for data [default: .orilla].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// A postgres:// URL: keep the data of all apps there, shared with other hosts, instead of in the data directory.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// The port for health and metrics, on 127.0.0.1.
    #[arg(long, value_name = "PORT")]
    admin_port: Option<u16>,
    /// The certificate chain (PEM); with --tls-key the host speaks HTTPS.
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// The private key (PEM).
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Let debuggers connect, at this address: Chrome DevTools, VS Code and others. Takes the limits of time off
    /// [default: 127.0.0.1:9229].
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, require_equals = true,
          default_missing_value = inspect::DEFAULT_ADDRESS, value_parser = inspect::address)]
    inspect: Option<std::net::SocketAddr>,
    #[command(flatten)]
    environment: EnvironmentArgs,
}

impl ServeArgs {
    fn options(&self) -> Options {
        Options {
            host: self.host,
            port: self.port,
            admin_port: self.admin_port,
            data_dir: self.data_dir.clone(),
            database: self.database.clone().map(DatabaseUrl),
            tls_cert: self.tls_cert.clone(),
            tls_key: self.tls_key.clone(),
            inspect: self.inspect,
            ..self.environment.options()
        }
    }
}

pub fn run(args: &ServeArgs) -> Result<(), Failure> {
    crash::contain();
    // Before there are other threads: they inherit it.
    crate::scheduling::batch();
    let caches = Caches::new(STATIC_CACHE_BYTES, RECENT_SNAPSHOT_BYTES);
    // What is to be served is read on a thread of its own, which never touches V8, while V8 starts on this one.
    let (prepared, runtime) = std::thread::scope(|scope| {
        let prepared = scope.spawn(|| prepare(args, &caches));
        super::init_v8();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        (prepared.join(), runtime)
    });
    let (config, deployments) = prepared.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    let runtime = runtime.map_err(|error| Failure::coded("HOST_START", error))?;
    runtime.block_on(serve(config, deployments, args.apps_dir.clone(), caches))
}

/// Reads the configuration, then the apps of the command line.
fn prepare(args: &ServeArgs, caches: &Caches) -> Result<(Config, Vec<Arc<Deployment>>), Failure> {
    let config = super::config(args.options())?;
    log::start_queued(&config.log.filter).map_err(|error| Failure::coded("HOST_START", error))?;
    for warning in &config.warnings.0 {
        // The file of one is the variable's name.
        let (what, hint) = (warning.file.display(), warning.hint.as_deref());
        tracing::warn!(code = warning.code, hint, "{what}: {}", warning.message);
    }
    let deployments = load_all(manifests(args)?, &config, caches)?;
    Ok((config, deployments))
}

/// The manifests of the command line. Their names differ.
fn manifests(args: &ServeArgs) -> Result<Vec<LoadedManifest>, Failure> {
    let manifests: Vec<_> = args.manifests.iter().map(|path| super::load(path)).collect::<Result<_, _>>()?;
    let mut names = HashMap::new();
    for loaded in &manifests {
        if let Some(other) = names.insert(&loaded.manifest.name, &loaded.path) {
            return Err(Failure::Input(format!(
                "error[APP_NAME_TAKEN]: {} and {} both have the name `{}`\nhint: change `name` in one of the manifests; an app's \
                 name is also the owner of its data",
                other.display(),
                loaded.path.display(),
                loaded.manifest.name
            )));
        }
    }
    Ok(manifests)
}

fn load_all(manifests: Vec<LoadedManifest>, config: &Config, caches: &Caches) -> Result<Vec<Arc<Deployment>>, Failure> {
    let load = |manifest| Deployment::load(manifest, config, caches.clone()).map(Arc::new);
    manifests.into_iter().map(load).collect::<Result<_, _>>().map_err(|error| Failure::Input(error.to_string()))
}

async fn serve(
    config: Config,
    deployments: Vec<Arc<Deployment>>,
    apps_dir: Option<PathBuf>,
    caches: Caches,
) -> Result<(), Failure> {
    let tls = match (&config.server.tls_cert, &config.server.tls_key) {
        (Some(certificate), Some(key)) => Some(
            tls_acceptor(certificate, key)
                .map_err(|error| Failure::Input(format!("error[{}]: {error}", error.code())))?,
        ),
        _ => None,
    };
    let (services, receiver) = watch::channel(None);
    let metrics = Arc::new(Metrics::default());
    let telemetry = Telemetry::start(config.log.access, &config.telemetry, metrics.measures.clone())
        .map_err(|error| Failure::Input(format!("error[{}]: {error}", error.code())))?;
    let targets = config.inspect.map(|_| Arc::<Targets>::default());
    let settings = settings(&config);
    let shared = Shared {
        services: receiver,
        egress: egress(&config).permissions(),
        metrics: metrics.clone(),
        turns: Arc::new(Turns::of_cores(settings.cores)),
        inspect: targets.clone(),
    };
    let supervisor = Supervisor::new(settings, shared);
    let apps = Arc::new(Apps::new(routes::routing(&config)));
    let config = Arc::new(config);
    let snapshots = config.isolates.make_snapshots.then(SnapshotMaker::default);
    let releases =
        Releases { apps: apps.clone(), supervisor: supervisor.clone(), config: config.clone(), caches, snapshots };
    let releases = Arc::new(releases);
    for deployment in &deployments {
        releases.add(deployment.clone());
    }
    if deployments.len() == 1 || targets.is_some() {
        // The isolate boots while the data directory is opened and the port is bound.
        deployments.iter().for_each(|deployment| warm(&apps, &deployment.name));
    }
    let opened = wire::open(&config).await;
    let opened = opened.map_err(|error| Failure::coded(error.code(), format_args!("{error}")))?;
    services.send_replace(Some(opened.clone()));
    let listener = bind(&config).await?;
    let address = listener.local_addr().map_err(|error| Failure::coded("HOST_START", error))?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let deployed = restore(releases.clone(), (scheme, address)).await?;
    if deployments.is_empty() && apps_dir.is_none() && deployed.1 == 0 && config.admin.token.is_none() {
        return Err(Failure::Input(NOTHING_TO_SERVE.to_owned()));
    }
    let deployed = deployed.0;
    let watcher = match apps_dir {
        Some(directory) => Some(watch_directory(directory, releases.clone()).await?),
        None => None,
    };
    routes::warn_of_missing_apps(&config, &apps);
    let token = AdminToken::new(config.admin.token.as_ref().map(|token| token.0.as_str()));
    let api = DeploymentsApi::new(deployed.store.clone(), Arc::new(deployed.clone()), token);
    let served = apps.clone();
    let platform = Platform::new(opened.clone(), move || served.all().iter().map(|app| app.name.clone()).collect());
    let platform = PlatformApi::new(platform, token);
    let database = opened.database.clone();
    let admin =
        Admin { metrics: metrics.clone(), database, supervisor: supervisor.clone(), deployments: api, platform };
    let admin = bind_admin(&config, admin).await?;
    let inspector = inspect::listen(&config, targets).await?;
    let host = Arc::new(Host {
        apps: apps.clone(),
        deployments: deployed,
        metrics,
        body_idle: Duration::from_millis(config.server.body_idle_timeout_ms),
        secure: tls.is_some(),
        telemetry: telemetry.clone(),
        workers: tokio::runtime::Handle::current(),
    });
    announce(scheme, address);
    for deployment in &deployments {
        warm_static_files(deployment);
    }
    routes::tell_addresses(&config, &apps, scheme, address);
    let watch = tokio::spawn(supervisor.clone().watch());
    tokio::spawn(async move {
        // The first requests come first.
        tokio::time::sleep(PREWARM_DELAY).await;
        supervisor.prewarmed.refill();
    });
    let maintenance = tokio::spawn(opened.clone().maintain());
    let stop = async move {
        stop_signal().await;
        // What stands at a breakpoint goes on, and can finish.
        drop(inspector);
    };
    let max_connections = max_connections(&config);
    Server { listener, tls, host, config: config.server.clone(), max_connections }.serve(stop).await;
    for task in [Some(maintenance), Some(watch), watcher, admin].into_iter().flatten() {
        task.abort();
    }
    telemetry.close().await;
    close(&opened).await
}

/// Serves what was deployed. Also says how many apps that is.
async fn restore(
    releases: Arc<Releases>,
    (scheme, address): (&str, std::net::SocketAddr),
) -> Result<(Arc<Deployments>, usize), Failure> {
    let store = Store::open(&releases.config.server.data_dir, Arc::new(SystemClock));
    let store = store.map_err(|error| Failure::coded(error.code(), &error))?;
    let place = (scheme.to_owned(), format!(":{}", address.port()));
    let deployments = Arc::new(Deployments::new(releases, Arc::new(store), place));
    let this = deployments.clone();
    let restored = tokio::task::spawn_blocking(move || this.restore()).await;
    Ok((deployments, restored.map_err(|error| Failure::coded("HOST_START", error))?))
}

fn settings(config: &Config) -> Settings {
    let isolates = &config.isolates;
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let memory = match isolates.memory_mb {
        0 => memory::available_bytes().map_or(u64::MAX, |bytes| bytes / 4 * 3),
        mebibytes => mebibytes << 20,
    };
    let inspected = config.inspect.is_some();
    Settings {
        // One for each app, so that every request comes by its breakpoints.
        prewarm: if inspected { 0 } else { count(isolates.prewarm) },
        max: count(isolates.max),
        max_per_app: if inspected { 1 } else { count(isolates.max_per_app) },
        target_requests: u32::try_from(isolates.target_requests).unwrap_or(u32::MAX),
        idle: if inspected { INSPECTED_IDLE } else { Duration::from_millis(isolates.idle_ms) },
        memory,
        grace: Duration::from_millis(config.server.drain_timeout_ms),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
    }
}

/// Connections open at the same time: as many as configured, but no more than half of the files that the process may have open.
/// The others are for isolates, for data and for where apps connect to, none of which clients may take away.
fn max_connections(config: &Config) -> usize {
    let (wanted, files) = (config.server.max_connections, open_files::raise_limit());
    let most = wanted.min(files / 2).max(1);
    if most < wanted {
        tracing::warn!(
            code = "OPEN_FILES_FEW",
            "at most {most} connections at a time instead of {wanted}: the process may have {files} files open. Raise that \
             (`ulimit -n`, or `LimitNOFILE` of systemd) to at least {}, or lower `server.max_connections`",
            wanted.saturating_mul(2)
        );
    }
    usize::try_from(most).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)
}

fn warm(apps: &Apps, name: &str) {
    let Some(share) = apps.get(name).and_then(|app| app.shares().first().cloned()) else { return };
    // Where it cannot be started the first request says so.
    let _ = share.pool.boot(0);
}

/// Serves the apps of a directory, now and whenever one of them changes.
async fn watch_directory(path: PathBuf, releases: Arc<Releases>) -> Result<tokio::task::JoinHandle<()>, Failure> {
    let mut directory = AppsDirectory::open(&path)
        .map_err(|error| Failure::Input(format!("error[APPS_DIR]: {} cannot be read: {error}", path.display())))?;
    directory.look(&releases).await;
    Ok(tokio::spawn(async move { directory.watch(&releases).await }))
}

async fn close(services: &Services) -> Result<(), Failure> {
    services.close().await.map_err(|error| Failure::coded(error.code(), error))?;
    tracing::info!("stopped");
    Ok(())
}

fn egress(config: &Config) -> EgressRules {
    EgressRules {
        allow_private: config.egress.allow_private,
        allow: config.egress.allow.iter().map(|range| range.0).collect(),
    }
}

#[allow(clippy::print_stderr, reason = "this line is part of the command's contract, whatever the log's format")]
fn announce(scheme: &str, address: std::net::SocketAddr) {
    eprintln!("listening on {scheme}://{address}");
}

async fn bind(config: &Config) -> Result<TcpListener, Failure> {
    let address = (config.server.host, config.server.port);
    TcpListener::bind(address).await.map_err(|error| {
        let advice = if error.kind() == std::io::ErrorKind::AddrInUse {
            "; something listens there already: choose another --port, or 0 for any free one"
        } else {
            ""
        };
        Failure::coded("LISTEN", format_args!("cannot listen on {}:{}: {error}{advice}", address.0, address.1))
    })
}

#[allow(clippy::print_stderr, reason = "this line is part of the command's contract, whatever the log's format")]
async fn bind_admin(config: &Config, admin: Admin) -> Result<Option<tokio::task::JoinHandle<()>>, Failure> {
    let Some(port) = config.server.admin_port else { return Ok(None) };
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener
        .map_err(|error| Failure::coded("LISTEN", format_args!("cannot listen on the admin port {port}: {error}")))?;
    if let Ok(address) = listener.local_addr() {
        eprintln!("admin listening on http://{address}");
    }
    Ok(Some(tokio::spawn(admin::serve(listener, Arc::new(admin)))))
}

fn warm_static_files(deployment: &Arc<Deployment>) {
    let deployment = deployment.clone();
    tokio::spawn(async move {
        let Some(files) = &deployment.static_files else { return };
        match files.warm().await {
            Ok([]) => {}
            Ok(skipped) => tracing::warn!(files = skipped.len(), "some files of the static directory are not served"),
            Err(error) => tracing::error!(code = error.code(), %error, "the static directory cannot be served"),
        }
    });
}

/// Resolves at the first ctrl-C or SIGTERM. A second one ends the process at once.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        tracing::warn!("signals cannot be handled; the process ends at once when it is told to stop");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping: requests in flight are finished first; a second signal ends the process at once");
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        std::process::exit(130);
    });
}
