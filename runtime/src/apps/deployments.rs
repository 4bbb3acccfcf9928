//! Runs what is in the version store: brings it back when the host starts, checks and starts what is deployed, and loads a
//! version without traffic when somebody looks at its preview. What is on the disk is [`super::versions`]' affair.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use orilla_snapshot::file::Faster;

use super::deployment::{DeployError, Deployment, Name};
use super::manifest::Manifest;
use super::manifest::problem::{Problem, Problems};
use super::queues::Queues;
use super::registry::{App, Apps, PREVIEW_SEPARATOR, Share};
use super::releases::{ReleaseError, Releases};
use super::versions::error::VersionError;
use super::versions::store::Store;
use super::versions::traffic::Traffic;
use super::versions::{AppName, VersionId};
use crate::isolate::handle::Isolate;
use crate::isolate::pool::Pool;
use crate::request::deployments_api::deployer::{Deployer, VersionState};

/// The versions of the store, as this process runs them.
pub struct Deployments {
    /// Puts versions into service.
    pub releases: Arc<Releases>,
    /// Where they are kept.
    pub store: Arc<Store>,
    /// The addresses of previews: the scheme and `:` with the port.
    pub address: (String, String),
    /// The apps that come from the store; the others are served from directories.
    own: Mutex<HashSet<AppName>>,
    /// Versions of the store whose files were found to be intact since this process began: nobody changes them.
    verified: Mutex<HashSet<(AppName, VersionId)>>,
    /// Versions that are being loaded because somebody looks at them.
    loading: Queues<(AppName, VersionId)>,
    /// Isolates that finish what they have, of versions that lost their traffic.
    draining: Mutex<Vec<(AppName, VersionId, Weak<Isolate>)>>,
}

impl Deployments {
    /// Runs nothing yet.
    pub fn new(releases: Arc<Releases>, store: Arc<Store>, address: (String, String)) -> Self {
        Self {
            releases,
            store,
            address,
            own: Mutex::default(),
            verified: Mutex::default(),
            loading: Queues::default(),
            draining: Mutex::default(),
        }
    }

    fn apps(&self) -> &Apps {
        &self.releases.apps
    }

    /// Serves every app of the store with the traffic it had. Versions that are damaged are left out, with a line in the
    /// log. Takes as long as it takes to read all files of those with traffic. Returns how many apps there are.
    pub fn restore(&self) -> usize {
        let apps = self.store.apps().unwrap_or_else(|error| {
            tracing::error!(code = error.code(), "{error}");
            Vec::new()
        });
        for app in &apps {
            if self.apps().get(app.as_str()).is_some() {
                tracing::error!(code = "APP_NAME_TAKEN", %app, "the deployed app is not served: an app of a directory has its name");
                continue;
            }
            self.own.lock().unwrap_or_else(PoisonError::into_inner).insert(app.clone());
            let shares = self.store.traffic(app).unwrap_or_else(|error| {
                tracing::error!(%app, code = error.code(), "{error}");
                None
            });
            let shares = shares.iter().flat_map(Traffic::shares).filter_map(|share| {
                let pool = self.restore_version(app, &share.version)?;
                self.make_snapshot(&pool.deployment, app, &share.version);
                Some(Share { pool, percent: share.percent })
            });
            let shares = shares.collect();
            self.apps().share(&app.as_str().into(), shares);
        }
        apps.len()
    }

    fn restore_version(&self, app: &AppName, version: &VersionId) -> Option<Arc<Pool>> {
        if let Err(error) = self.verify(app, version) {
            tracing::error!(%app, %version, code = error.code(), "the version is not served: {error}");
            return None;
        }
        self.load(app, version, &self.store.directory(app, version))
            .inspect_err(
                |error| tracing::error!(%app, %version, code = error.code(), "the version is not served: {error}"),
            )
            .ok()
            .map(|deployment| self.releases.supervisor.pool(deployment))
    }

    /// Reads and hashes the files of a version, once.
    fn verify(&self, app: &AppName, version: &VersionId) -> Result<(), VersionError> {
        let key = (app.clone(), version.clone());
        let verified = || self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if !verified().contains(&key) {
            self.store.verify(app, version)?;
            verified().insert(key);
        }
        Ok(())
    }

    fn load(&self, app: &AppName, version: &VersionId, directory: &Path) -> Result<Arc<Deployment>, ReleaseError> {
        let name = Name { app: app.as_str().into(), version: version.as_str().into() };
        let deployment = self.releases.load_as(Manifest::load(directory)?, name)?;
        let made = self.store.snapshot(app, version);
        if let Err(reason) = deployment.find_snapshot(&made) {
            tracing::info!(%app, %version, code = reason.code(), "the snapshot that was made is not used: {reason}");
        }
        if deployment.snapshot.get().is_some_and(|snapshot| snapshot.faster() == Faster::Snapshot) {
            deployment.source.leave_on_disk();
        }
        Ok(deployment)
    }

    /// Has a snapshot made for a version that has none.
    fn make_snapshot(&self, deployment: &Arc<Deployment>, app: &AppName, version: &VersionId) {
        let Some(maker) = &self.releases.snapshots else { return };
        if deployment.wants_snapshot && deployment.snapshot.get().is_none() {
            maker.make(deployment, self.store.snapshot(app, version));
        }
    }

    /// A version that has no traffic and is in the store, loaded once for all who look at it.
    pub async fn preview(self: &Arc<Self>, app: &Arc<App>, version: &str) -> Option<Arc<Pool>> {
        let name = AppName::try_from(app.name.to_string()).ok()?;
        let version = VersionId::try_from(version.to_owned()).ok()?;
        let turn = self.loading.turn((name.clone(), version.clone())).await;
        let (this, app) = (self.clone(), app.clone());
        let loaded = tokio::task::spawn_blocking(move || {
            // The turn lasts until it is loaded, also where the client that wanted it goes away.
            let _turn = turn;
            app.version(version.as_str()).or_else(|| this.load_preview(&app, &name, &version))
        });
        loaded.await.ok()?
    }

    fn load_preview(&self, app: &App, name: &AppName, version: &VersionId) -> Option<Arc<Pool>> {
        let directory = self.store.directory(name, version);
        let pool = if directory.is_dir() { self.restore_version(name, version)? } else { return None };
        app.preview(pool.clone());
        if !directory.is_dir() {
            // It was deleted meanwhile, and who did that could not stop it.
            app.forget(version.as_str());
            return None;
        }
        Some(pool)
    }

    async fn start(
        self: &Arc<Self>,
        app: &AppName,
        version: &VersionId,
        directory: &Path,
    ) -> Result<Arc<Pool>, Problems> {
        let (this, path) = (self.clone(), directory.to_owned());
        let (name, id) = (app.clone(), version.clone());
        let loaded = tokio::task::spawn_blocking(move || {
            this.releases.check(&path)?;
            this.load(&name, &id, &path).map_err(|error| into_problems(error, &path))
        });
        let deployment = loaded.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        let pool = self.releases.start(deployment).await.map_err(|error| into_problems(error, directory))?;
        self.make_snapshot(&pool.deployment, app, version);
        Ok(pool)
    }
}

fn into_problems(error: ReleaseError, path: &Path) -> Problems {
    let code = error.code();
    match error {
        ReleaseError::Deploy(DeployError::Problems(problems)) => problems,
        other => Problem::error(code, path, other.to_string()).into(),
    }
}

/// The same, to be shared.
#[async_trait]
impl Deployer for Arc<Deployments> {
    type Ready = Arc<Pool>;

    async fn activate(&self, app: &AppName, version: &VersionId, directory: &Path) -> Result<Arc<Pool>, Problems> {
        let known = self.apps().get(app.as_str());
        if known.is_some() && !self.own.lock().unwrap_or_else(PoisonError::into_inner).contains(app) {
            let taken = ReleaseError::NameTaken(app.as_str().into());
            return Err(into_problems(taken, directory));
        }
        if let Some(pool) = known.and_then(|known| known.version(version.as_str())) {
            return Ok(pool);
        }
        let pool = self.start(app, version, directory).await?;
        self.own.lock().unwrap_or_else(PoisonError::into_inner).insert(app.clone());
        self.apps().get_or_add(&app.as_str().into()).preview(pool.clone());
        Ok(pool)
    }

    async fn set_traffic(&self, app: &AppName, shares: Vec<(Arc<Pool>, u8)>) {
        let running = self.apps().get_or_add(&app.as_str().into());
        let before = running.shares();
        let shares: Vec<_> = shares.into_iter().map(|(pool, percent)| Share { pool, percent }).collect();
        for share in &shares {
            running.forget(&share.pool.deployment.version);
        }
        let lost = |before: &&Share| !shares.iter().any(|share| is_same_version(share, before));
        let mut draining = self.draining.lock().unwrap_or_else(PoisonError::into_inner);
        draining.retain(|(_, _, isolate)| isolate.strong_count() > 0);
        for share in before.iter().filter(lost) {
            let Ok(version) = VersionId::try_from(share.pool.deployment.version.to_string()) else { continue };
            let isolates = share.pool.isolates();
            draining.extend(isolates.iter().map(|isolate| (app.clone(), version.clone(), Arc::downgrade(isolate))));
        }
        drop(draining);
        self.releases.share(&app.as_str().into(), shares);
    }

    async fn stop(&self, app: &AppName, version: &VersionId) {
        if let Some(running) = self.apps().get(app.as_str()) {
            running.forget(version.as_str());
        }
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        verified.remove(&(app.clone(), version.clone()));
    }

    async fn remove(&self, app: &AppName) {
        let is_own = self.own.lock().unwrap_or_else(PoisonError::into_inner).remove(app);
        if is_own {
            self.releases.remove(app.as_str());
        }
    }

    fn state(&self, app: &AppName, version: &VersionId) -> VersionState {
        if self.apps().get(app.as_str()).and_then(|app| app.version(version.as_str())).is_some() {
            return VersionState::Ready;
        }
        let draining = self.draining.lock().unwrap_or_else(PoisonError::into_inner);
        let drains = draining.iter().any(|(name, other, isolate)| {
            name == app && other == version && isolate.upgrade().is_some_and(|isolate| isolate.is_alive())
        });
        if drains { VersionState::Draining } else { VersionState::Stopped }
    }

    fn preview(&self, app: &AppName, version: &VersionId) -> String {
        let (scheme, port) = &self.address;
        let domain = &self.releases.config.routing.domain;
        format!("{scheme}://{version}{PREVIEW_SEPARATOR}{app}.{domain}{port}/")
    }
}

fn is_same_version(one: &Share, other: &Share) -> bool {
    one.pool.deployment.version == other.pool.deployment.version
}
