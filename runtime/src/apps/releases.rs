//! Puts versions of apps into service: a new one takes over only when an isolate of it is ready, and the old one finishes
//! what it has. A version that cannot start changes nothing.

use std::path::Path;
use std::sync::Arc;

use super::check;
use super::deployment::{Caches, DeployError, Deployment, Name};
use super::entrypoint;
use super::manifest::LoadedManifest;
use super::manifest::problem::Problems;
use super::registry::{App, Apps, Share};
use super::snapshot_maker::SnapshotMaker;
use super::snapshots::Owner;
use crate::config::Config;
use crate::isolate::pool::Pool;
use crate::isolate::supervisor::Supervisor;

/// Why a version is not in service.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// Something is wrong with its files.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// `APP_NAME_TAKEN`
    #[error("there is an app `{0}` already; change `name` in the manifest")]
    NameTaken(Arc<str>),
    /// `RELEASE_BOOT`: no isolate of it can be started.
    #[error("version {version} of `{app}` cannot be started; the log says why")]
    Boot {
        /// The app.
        app: Arc<str>,
        /// The version.
        version: Arc<str>,
    },
}

impl ReleaseError {
    /// The stable code of this error; of several problems that of the first.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Deploy(DeployError::Problems(problems)) => {
                problems.0.first().map_or("RELEASE_BOOT", |first| first.code)
            }
            Self::Deploy(DeployError::Static(error)) => error.code(),
            Self::NameTaken(_) => "APP_NAME_TAKEN",
            Self::Boot { .. } => "RELEASE_BOOT",
        }
    }
}

impl From<Problems> for ReleaseError {
    fn from(problems: Problems) -> Self {
        Self::Deploy(problems.into())
    }
}

/// What releases need of the host.
pub struct Releases {
    /// The apps in service.
    pub apps: Arc<Apps>,
    /// Starts their isolates.
    pub supervisor: Arc<Supervisor>,
    /// The host's configuration.
    pub config: Arc<Config>,
    /// What versions keep in memory.
    pub caches: Caches,
    /// Makes the snapshots they come without, if it may.
    pub snapshots: Option<SnapshotMaker>,
}

impl Releases {
    /// Puts a version into service without starting it: the first request does.
    pub fn add(&self, deployment: Arc<Deployment>) {
        self.apps.put(self.supervisor.pool(deployment));
    }

    /// Reads a version. Takes as long as its files take to read.
    pub fn load(&self, manifest: LoadedManifest) -> Result<Arc<Deployment>, DeployError> {
        Deployment::load(manifest, &self.config, self.caches.clone()).map(Arc::new)
    }

    /// Reads a version from the host's own store.
    pub fn load_as(&self, manifest: LoadedManifest, name: Name) -> Result<Arc<Deployment>, DeployError> {
        let source = check::entrypoint_source(&manifest)?.into();
        let contents = self.caches.contents.clone();
        Deployment::load_as(name, manifest, source, &self.config, contents, Owner::Host).map(Arc::new)
    }

    /// Checks a build as `runtime check` does. Runs its module, for at most half a minute.
    pub fn check(&self, path: &Path) -> Result<(), Problems> {
        let report = entrypoint::check_build(path, &self.config.environment);
        if report.is_ok() { Ok(()) } else { Err(report.problems) }
    }

    /// A version with an isolate that is ready.
    pub async fn start(&self, deployment: Arc<Deployment>) -> Result<Arc<Pool>, ReleaseError> {
        let pool = self.supervisor.pool(deployment);
        if pool.warm().await {
            return Ok(pool);
        }
        let (app, version) = (pool.deployment.name.clone(), pool.deployment.version.clone());
        Err(ReleaseError::Boot { app, version })
    }

    /// Divides the traffic of an app among versions that are ready; those that had it finish what they have.
    pub fn share(&self, name: &Arc<str>, shares: Vec<Share>) {
        let kept: Vec<_> = shares.iter().map(|share| share.pool.clone()).collect();
        for gone in self.apps.share(name, shares).iter() {
            if !kept.iter().any(|pool| Arc::ptr_eq(pool, &gone.pool)) {
                gone.pool.stop();
            }
        }
    }

    /// Gives all traffic of an app to a version, once that is ready.
    pub async fn release(&self, deployment: Arc<Deployment>) -> Result<(), ReleaseError> {
        let pool = self.start(deployment).await?;
        let (app, version) = (pool.deployment.name.clone(), pool.deployment.version.clone());
        self.share(&app, vec![Share { pool, percent: 100 }]);
        tracing::info!(%app, %version, "released");
        Ok(())
    }

    /// Takes an app out of service; it finishes what it has.
    pub fn remove(&self, name: &str) {
        let Some(app) = self.apps.remove(name) else { return };
        retire(&app);
        tracing::info!(app = name, "removed");
    }
}

fn retire(app: &App) {
    for share in app.shares().iter() {
        share.pool.stop();
    }
}
