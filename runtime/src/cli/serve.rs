//! `runtime serve`

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use clap::Args;
use orilla_bindings::egress::EgressRules;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{Address, EnvironmentArgs, Failure};
use crate::apps::deployment::Deployment;
use crate::config::{Config, Options};
use crate::isolate::handle::Shared;
use crate::isolate::pool::{Pool, Prewarmed};
use crate::metrics::Metrics;
use crate::request::admin;
use crate::request::handle::Host;
use crate::request::server::{Server, tls_acceptor};
use crate::request::static_files::ContentCache;
use crate::wire::{self, Services};

/// Memory for the contents of small static files, for the whole process.
const STATIC_CACHE_BYTES: u64 = 64 << 20;

/// How long after the start the first isolates are prewarmed.
const PREWARM_DELAY: Duration = Duration::from_millis(500);

#[derive(Args)]
pub struct ServeArgs {
    /// The app's manifest.json, or the directory it is in.
    #[arg(required = true, num_args = 1, value_name = "MANIFEST")]
    manifests: Vec<PathBuf>,
    /// The address to listen on [default: 127.0.0.1].
    #[arg(long)]
    host: Option<Address>,
    /// The port to listen on; 0 takes any free one [default: 3000].
    #[arg(long)]
    port: Option<u16>,
    /// The directory for data [default: .orilla].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The port for health and metrics, on 127.0.0.1.
    #[arg(long, value_name = "PORT")]
    admin_port: Option<u16>,
    /// The certificate chain (PEM); with --tls-key the host speaks HTTPS.
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// The private key (PEM).
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
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
            tls_cert: self.tls_cert.clone(),
            tls_key: self.tls_key.clone(),
            ..self.environment.options()
        }
    }
}

pub fn run(args: &ServeArgs) -> Result<(), Failure> {
    let config = super::config(args.options())?;
    super::init_log(&config.log.filter);
    for warning in &config.warnings.0 {
        tracing::warn!(code = warning.code, "{}", warning.message);
    }
    // Before there are other threads: they inherit it.
    crate::scheduling::batch();
    let manifest = super::load(&args.manifests[0])?;
    // The app's files are read on a thread of their own, which never touches V8, while V8 starts on this one.
    let (deployment, runtime) = std::thread::scope(|scope| {
        let cache = ContentCache::new(STATIC_CACHE_BYTES);
        let deployment = scope.spawn(|| Deployment::load(manifest, &config, cache));
        super::init_v8();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        (deployment.join(), runtime)
    });
    let runtime = runtime.map_err(|error| Failure::coded("HOST_START", error))?;
    let deployment = deployment.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let deployment = Arc::new(deployment.map_err(|error| Failure::Input(error.to_string()))?);
    runtime.block_on(serve(config, deployment))
}

async fn serve(config: Config, deployment: Arc<Deployment>) -> Result<(), Failure> {
    let tls = match (&config.server.tls_cert, &config.server.tls_key) {
        (Some(certificate), Some(key)) => Some(
            tls_acceptor(certificate, key)
                .map_err(|error| Failure::Input(format!("error[{}]: {error}", error.code())))?,
        ),
        _ => None,
    };
    let (services, receiver) = watch::channel(None);
    let metrics = Arc::new(Metrics::default());
    let shared = Shared { services: receiver, egress: egress(&config).permissions(), metrics: metrics.clone() };
    let prewarmed = Arc::new(Prewarmed::new(usize::try_from(config.isolates.prewarm).unwrap_or(0), shared.clone()));
    let pool = Pool::new(deployment.clone(), prewarmed.clone(), shared);
    // The isolate boots while the data directory is opened and the port is bound.
    pool.warm();
    let opened = wire::embedded(&config.server.data_dir, config.kv.cache_mb).await;
    let opened = opened.map_err(|error| Failure::coded(error.code(), format_args!("{error}")))?;
    services.send_replace(Some(opened.clone()));
    let listener = bind(&config).await?;
    let admin = bind_admin(&config, &metrics).await?;
    let address = listener.local_addr().map_err(|error| Failure::coded("HOST_START", error))?;
    let host = Arc::new(Host {
        pool,
        metrics,
        body_idle: Duration::from_millis(config.server.body_idle_timeout_ms),
        secure: tls.is_some(),
        instance: u64::from(std::process::id()).wrapping_mul(0x9e37_79b9) ^ u64::from(address.port()),
        requests: AtomicU64::new(0),
    });
    announce(if tls.is_some() { "https" } else { "http" }, address);
    warm_static_files(&deployment);
    tokio::spawn(async move {
        // The first requests come first.
        tokio::time::sleep(PREWARM_DELAY).await;
        prewarmed.refill();
    });
    let sweeping = opened.kv.clone();
    let sweeper = tokio::spawn(async move { sweeping.run_sweeper().await });
    Server { listener, tls, host, config: config.server }.serve(stop_signal()).await;
    sweeper.abort();
    if let Some(admin) = admin {
        admin.abort();
    }
    close(&opened).await
}

async fn close(services: &Services) -> Result<(), Failure> {
    services.kv.close().await.map_err(|error| Failure::coded(error.code(), error))?;
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
async fn bind_admin(config: &Config, metrics: &Arc<Metrics>) -> Result<Option<tokio::task::JoinHandle<()>>, Failure> {
    let Some(port) = config.server.admin_port else { return Ok(None) };
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener
        .map_err(|error| Failure::coded("LISTEN", format_args!("cannot listen on the admin port {port}: {error}")))?;
    if let Ok(address) = listener.local_addr() {
        eprintln!("admin listening on http://{address}");
    }
    Ok(Some(tokio::spawn(admin::serve(listener, metrics.clone()))))
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
