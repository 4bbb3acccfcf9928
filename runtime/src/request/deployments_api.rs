//! The part of the admin API that deploys: takes bundles in, lists versions, and moves an app's traffic between them.
//! It keeps the order in which things happen, first on the disk and then in the process, one change of an app after the
//! other. It never runs an app itself: that is a [`Deployer`].

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::admin_token::AdminToken;
use crate::apps::queues::Queues;
use crate::apps::versions::error::VersionError;
use crate::apps::versions::store::{Received, Store};
use crate::apps::versions::traffic::{Share, Traffic};
use crate::apps::versions::{AppName, Version, VersionId};

pub mod answer;
pub mod deployer;
mod listing;
#[cfg(test)]
mod tests;
pub mod upload;

use answer::{ApiError, json};
use deployer::{Deployer, VersionState};
use upload::{MAX_ADMIN_JSON_BYTES, RequestBody};

/// Where the paths of this API begin.
pub const PREFIX: &str = "/_orilla/apps";

/// Bundles that are unpacked at the same time; further ones wait.
pub const MAX_UPLOADS: usize = 4;

/// Versions of an app that are kept; those with traffic, and those that rollbacks lead to, are kept in any case.
pub const MAX_VERSIONS: usize = 50;

/// The admin API of deployments.
pub struct DeploymentsApi<D> {
    store: Arc<Store>,
    deployer: Arc<D>,
    token: AdminToken,
    uploads: Semaphore,
    /// The apps that are being changed.
    changing: Queues<AppName>,
}

#[derive(Serialize)]
struct Deployed<'a> {
    app: &'a AppName,
    version: &'a VersionId,
    bytes: u64,
    files: usize,
    created: u64,
    state: &'static str,
    traffic: &'a [Share],
    preview: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrafficBody {
    traffic: Vec<Share>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RollbackBody {
    to: Option<String>,
}

/// Which part of the traffic a new version gets.
struct Activation {
    activate: bool,
    percent: u8,
}

/// Whether a path belongs to this API.
pub fn owns(path: &str) -> bool {
    path.strip_prefix(PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl<D: Deployer> DeploymentsApi<D> {
    /// An API for those who know the token.
    pub fn new(store: Arc<Store>, deployer: Arc<D>, token: AdminToken) -> Arc<Self> {
        Arc::new(Self { store, deployer, token, uploads: Semaphore::new(MAX_UPLOADS), changing: Queues::default() })
    }

    /// Answers a request whose path this API [`owns`].
    pub async fn answer(self: Arc<Self>, request: Request<impl RequestBody>) -> Response<Bytes> {
        let (parts, mut body) = request.into_parts();
        let answer = self.route(&parts, &mut body).await;
        // A client that still sends would not look for the answer.
        upload::drain(&mut body).await;
        answer.unwrap_or_else(|error| error.response())
    }

    async fn route(self: Arc<Self>, parts: &Parts, body: &mut impl RequestBody) -> Result<Response<Bytes>, ApiError> {
        self.token.check(&parts.headers)?;
        let path = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let method = &parts.method;
        let expect = |expected: Method| if *method == expected { Ok(()) } else { Err(ApiError::Method(expected)) };
        match segments.as_slice() {
            [] | [""] => {
                expect(Method::GET)?;
                self.list_apps().await
            }
            [app] => {
                expect(Method::GET)?;
                let report = self.report(app_name(app)?).await?;
                Ok(json(StatusCode::OK, &report))
            }
            [app, "versions"] => {
                expect(Method::POST)?;
                let (app, activation) = (app_name(app)?, activation(parts.uri.query().unwrap_or_default())?);
                let received = self.receive(&app, body).await?;
                self.change(app.clone(), |api| async move { api.deploy(received, activation).await }).await
            }
            [app, "versions", version] => {
                expect(Method::DELETE)?;
                let (app, version) = (app_name(app)?, version_id(version)?);
                self.change(app.clone(), |api| async move { api.delete(app, version).await }).await
            }
            [app, "traffic"] => {
                expect(Method::POST)?;
                let (app, TrafficBody { traffic }) = (app_name(app)?, read_json(body).await?);
                let traffic = Traffic::try_from(traffic)?;
                self.change(app.clone(), |api| async move { api.move_traffic(app, traffic).await }).await
            }
            [app, "rollback"] => {
                expect(Method::POST)?;
                let (app, RollbackBody { to }) = (app_name(app)?, read_json(body).await?);
                let to = to.as_deref().map(version_id).transpose()?;
                self.change(app.clone(), |api| async move { api.roll_back(app, to).await }).await
            }
            _ => Err(ApiError::NotFound),
        }
    }

    async fn receive(&self, app: &AppName, body: &mut impl RequestBody) -> Result<Received, ApiError> {
        let _place = self.uploads.acquire().await;
        upload::receive(self.store.clone(), app.clone(), body).await
    }

    /// Activates what was received. A new version that fails its check is not kept.
    async fn deploy(&self, received: Received, activation: Activation) -> Result<Response<Bytes>, ApiError> {
        let Received { version: Version { app, version, created, files, .. }, is_new } = received;
        let ready = match self.activate(&app, &version).await {
            Ok(ready) => ready,
            Err(refused) => {
                if is_new {
                    self.forget(&app, version).await;
                }
                return Err(refused);
            }
        };
        let mut traffic = self.blocking(&app, Store::traffic).await?;
        if activation.activate {
            let next = match &traffic {
                Some(traffic) => traffic.shifted(version.clone(), activation.percent)?,
                // There is nobody else to answer.
                None => Traffic::only(version.clone()),
            };
            let shares = self.prepare(&app, &next, Some((&version, ready))).await?;
            let stored = next.clone();
            self.blocking(&app, |store, app| store.set_traffic(app, stored)).await?;
            self.deployer.set_traffic(&app, shares).await;
            traffic = Some(next);
        }
        tracing::info!(%app, %version, is_new, activated = activation.activate, "deployed");
        self.prune(&app, &version).await;
        let deployed = Deployed {
            app: &app,
            version: &version,
            bytes: files.iter().map(|file| file.bytes).sum(),
            files: files.len(),
            created,
            state: self.deployer.state(&app, &version).as_str(),
            traffic: traffic.as_ref().map_or(&[], Traffic::shares),
            preview: self.deployer.preview(&app, &version),
        };
        Ok(json(StatusCode::CREATED, &deployed))
    }

    /// Deletes the oldest versions when there are too many, but none that still does something.
    async fn prune(&self, app: &AppName, deployed: &VersionId) {
        let prunable = match self.blocking(app, |store, app| store.prunable(app, MAX_VERSIONS)).await {
            Ok(prunable) => prunable,
            Err(error) => return tracing::warn!(%app, %error, "old versions cannot be deleted"),
        };
        for version in prunable {
            if version != *deployed && self.deployer.state(app, &version) != VersionState::Draining {
                self.forget(app, version).await;
            }
        }
    }

    /// Deletes a version that nobody asked to be deleted, so that failing to is for the log.
    async fn forget(&self, app: &AppName, version: VersionId) {
        match self.remove(app, &version).await {
            Ok(()) => tracing::info!(%app, %version, "deleted: it failed its check, or newer versions took its place"),
            Err(error) => tracing::warn!(%app, %version, %error, "the version cannot be deleted"),
        }
    }

    async fn move_traffic(&self, app: AppName, traffic: Traffic) -> Result<Response<Bytes>, ApiError> {
        let shares = self.prepare(&app, &traffic, None).await?;
        let stored = traffic.clone();
        self.blocking(&app, |store, app| store.set_traffic(app, stored)).await?;
        self.deployer.set_traffic(&app, shares).await;
        tracing::info!(%app, "traffic changed");
        Ok(json(StatusCode::OK, &TrafficBody { traffic: traffic.shares().to_vec() }))
    }

    async fn roll_back(&self, app: AppName, to: Option<VersionId>) -> Result<Response<Bytes>, ApiError> {
        let version = match to {
            Some(version) => version,
            None => self.blocking(&app, Store::rollback_target).await?,
        };
        let traffic = Traffic::only(version.clone());
        let shares = self.prepare(&app, &traffic, None).await?;
        tracing::info!(%app, %version, "rolling back");
        self.blocking(&app, move |store, app| store.roll_back(app, &version)).await?;
        self.deployer.set_traffic(&app, shares).await;
        Ok(json(StatusCode::OK, &TrafficBody { traffic: traffic.shares().to_vec() }))
    }

    async fn delete(&self, app: AppName, version: VersionId) -> Result<Response<Bytes>, ApiError> {
        let traffic = self.blocking(&app, Store::traffic).await?;
        let has_traffic = traffic.is_some_and(|traffic| traffic.percent(&version) > 0);
        if has_traffic || self.deployer.state(&app, &version) == VersionState::Draining {
            return Err(VersionError::VersionActive { app, version }.into());
        }
        self.remove(&app, &version).await?;
        tracing::info!(%app, %version, "deleted");
        Ok(json(StatusCode::OK, &serde_json::json!({ "app": app, "version": version })))
    }

    /// Takes a version off the disk, then out of the process; with the last one the app goes.
    async fn remove(&self, app: &AppName, version: &VersionId) -> Result<(), ApiError> {
        let deleted = version.clone();
        let has_others = self.blocking(app, move |store, app| {
            store.delete(app, &deleted)?;
            store.has_versions(app)
        });
        let has_others = has_others.await?;
        self.deployer.stop(app, version).await;
        if !has_others {
            self.deployer.remove(app).await;
        }
        Ok(())
    }

    /// Verifies and activates the versions that are to answer, but for one that is ready already.
    async fn prepare(
        &self,
        app: &AppName,
        traffic: &Traffic,
        mut ready: Option<(&VersionId, D::Ready)>,
    ) -> Result<Vec<(D::Ready, u8)>, ApiError> {
        let mut shares = Vec::new();
        for Share { version, percent } in traffic.shares() {
            let share = match ready.take_if(|(known, _)| *known == version) {
                Some((_, ready)) => ready,
                None => {
                    let verified = version.clone();
                    self.blocking(app, move |store, app| store.verify(app, &verified)).await?;
                    self.activate(app, version).await?
                }
            };
            shares.push((share, *percent));
        }
        Ok(shares)
    }

    async fn activate(&self, app: &AppName, version: &VersionId) -> Result<D::Ready, ApiError> {
        let directory = self.store.directory(app, version);
        let activated = self.deployer.activate(app, version, &directory).await;
        activated.map_err(|problems| ApiError::check_failed(app, problems, &directory))
    }

    /// Runs a change of an app when no other is under way, and to its end even if the client goes away.
    async fn change<F>(
        self: Arc<Self>,
        app: AppName,
        work: impl FnOnce(Arc<Self>) -> F,
    ) -> Result<Response<Bytes>, ApiError>
    where
        F: Future<Output = Result<Response<Bytes>, ApiError>> + Send + 'static,
    {
        let work = work(self.clone());
        let changed = tokio::spawn(async move {
            let _turn = self.changing.turn(app).await;
            work.await
        });
        changed.await.unwrap_or(Err(ApiError::Interrupted))
    }

    /// Asks the store about an app, on a thread that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        app: &AppName,
        work: impl FnOnce(&Store, &AppName) -> Result<T, VersionError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let (store, app) = (self.store.clone(), app.clone());
        match tokio::task::spawn_blocking(move || work(&store, &app)).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(ApiError::Interrupted),
        }
    }
}

fn app_name(segment: &str) -> Result<AppName, ApiError> {
    Ok(AppName::try_from(segment.to_owned())?)
}

fn version_id(segment: &str) -> Result<VersionId, ApiError> {
    Ok(VersionId::try_from(segment.to_owned())?)
}

/// `activate=true|false` and `percent=1…100`, both optional.
fn activation(query: &str) -> Result<Activation, ApiError> {
    let mut activation = Activation { activate: true, percent: 100 };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("activate", "true")) => activation.activate = true,
            Some(("activate", "false")) => activation.activate = false,
            Some(("percent", number)) => {
                let percent = number.parse().ok().filter(|percent| (1..=100).contains(percent));
                activation.percent = percent
                    .ok_or_else(|| VersionError::TrafficInvalid(format!("{number:?} is not 1 to 100 percent")))?;
            }
            _ => {
                let message = format!("{pair:?} is not activate=true, activate=false or percent=1 to percent=100");
                return Err(ApiError::Invalid(message));
            }
        }
    }
    Ok(activation)
}

async fn read_json<T: DeserializeOwned>(body: &mut impl RequestBody) -> Result<T, ApiError> {
    let bytes = upload::collect(body, MAX_ADMIN_JSON_BYTES).await?;
    let bytes = if bytes.is_empty() { b"{}" } else { bytes.as_slice() };
    serde_json::from_slice(bytes).map_err(|error| ApiError::Invalid(error.to_string()))
}
