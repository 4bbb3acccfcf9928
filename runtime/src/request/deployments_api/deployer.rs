//! What the admin API needs of the part of the host that runs apps.

use std::path::Path;

use async_trait::async_trait;

use crate::apps::manifest::problem::Problems;
use crate::apps::versions::{AppName, VersionId};

/// What a version does in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionState {
    /// It answers requests: its part of the traffic, and previews.
    Ready,
    /// It answers no new requests and finishes those it has.
    Draining,
    /// It is in the store only.
    Stopped,
}

impl VersionState {
    /// The state's name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        }
    }
}

/// Runs the versions of apps. Calls for one app come one after the other.
#[async_trait]
pub trait Deployer: Send + Sync + 'static {
    /// A version that is ready to answer. Only such a one can be given traffic.
    type Ready: Send + 'static;

    /// Checks the version whose files are in `directory` and makes it ready to answer. If it is ready already, nothing
    /// happens; one that is draining answers again. The app's traffic stays as it is.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    async fn activate(&self, app: &AppName, version: &VersionId, directory: &Path) -> Result<Self::Ready, Problems>;

    /// Splits the app's new requests among these versions, each with its percentage. A version that has lost its part
    /// finishes what it has.
    async fn set_traffic(&self, app: &AppName, shares: Vec<(Self::Ready, u8)>);

    /// Lets go of a version that was deleted. It has no traffic.
    async fn stop(&self, app: &AppName, version: &VersionId);

    /// Lets go of an app whose last version was deleted.
    async fn remove(&self, app: &AppName);

    /// What a version does.
    fn state(&self, app: &AppName, version: &VersionId) -> VersionState;

    /// The address at which this version can be looked at, whatever its part of the traffic.
    fn preview(&self, app: &AppName, version: &VersionId) -> String;
}
