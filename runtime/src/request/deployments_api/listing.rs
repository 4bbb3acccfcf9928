//! What is deployed, as the admin API lists it.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Serialize;

use super::DeploymentsApi;
use super::answer::{ApiError, json};
use super::deployer::Deployer;
use crate::apps::versions::error::VersionError;
use crate::apps::versions::store::{Listed, Store};
use crate::apps::versions::{AppName, Version, VersionId};

/// An app and its versions, the newest first.
#[derive(Serialize)]
pub(super) struct AppReport {
    app: AppName,
    versions: Vec<VersionReport>,
}

#[derive(Serialize)]
struct VersionReport {
    version: VersionId,
    /// None, as the next two, where the record is damaged.
    created: Option<u64>,
    bytes: Option<u64>,
    files: Option<usize>,
    /// None where the app's traffic cannot be read.
    percent: Option<u8>,
    state: &'static str,
    preview: String,
}

impl<D: Deployer> DeploymentsApi<D> {
    /// Every app.
    pub(super) async fn list_apps(&self) -> Result<Response<Bytes>, ApiError> {
        let store = self.store.clone();
        let names = tokio::task::spawn_blocking(move || store.apps()).await.map_err(|_| ApiError::Interrupted)??;
        let mut apps = Vec::new();
        for app in names {
            match self.report(app).await {
                Ok(report) => apps.push(report),
                // Its last version was deleted meanwhile.
                Err(ApiError::Version(VersionError::AppNotFound(_))) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(json(StatusCode::OK, &serde_json::json!({ "apps": apps })))
    }

    /// One app's versions.
    pub(super) async fn report(&self, app: AppName) -> Result<AppReport, ApiError> {
        let listed = self.blocking(&app, Store::list).await?;
        let traffic = match self.blocking(&app, Store::traffic).await {
            Ok(traffic) => Some(traffic),
            Err(error) => {
                tracing::error!(%app, %error, "the app's traffic cannot be told");
                None
            }
        };
        let percent = |version: &VersionId| {
            let traffic = traffic.as_ref()?;
            Some(traffic.as_ref().map_or(0, |traffic| traffic.percent(version)))
        };
        let versions = listed.into_iter().map(|Listed { version, record }| {
            let record = record.ok();
            let state = match record {
                Some(_) => self.deployer.state(&app, &version).as_str(),
                None => "corrupt",
            };
            VersionReport {
                created: record.as_ref().map(|record| record.created),
                bytes: record.as_ref().map(Version::bytes),
                files: record.as_ref().map(|record| record.files.len()),
                percent: percent(&version),
                state,
                preview: self.deployer.preview(&app, &version),
                version,
            }
        });
        Ok(AppReport { versions: versions.collect(), app })
    }
}
