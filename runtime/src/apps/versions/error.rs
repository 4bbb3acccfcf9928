//! What can go wrong with bundles and versions.

use std::io;
use std::path::{Path, PathBuf};

use super::{AppName, VersionId};

/// Why a bundle, a version or a change of traffic was refused.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// `APP_NAME_INVALID`
    #[error("{0:?} is no name of an app: 1 to 63 lower-case letters, digits and hyphens, not starting with a hyphen")]
    AppNameInvalid(String),
    /// `VERSION_NOT_FOUND`: it has not the form of a version, so there is none.
    #[error("{0:?} is no version: versions are 16 hexadecimal digits, as `runtime deployments` lists them")]
    VersionIdInvalid(String),
    /// `BUNDLE_TOO_LARGE`
    #[error("the bundle is too large: {0}; keep large collections in object storage")]
    BundleTooLarge(String),
    /// `BUNDLE_INVALID`
    #[error("the bundle cannot be taken: {0}")]
    BundleInvalid(String),
    /// `BUNDLE_UNREADABLE`
    #[error("{path} cannot be read for the bundle: {reason}", path = .path.display())]
    BundleUnreadable {
        /// The file or directory.
        path: PathBuf,
        /// What the system says, or that it changed meanwhile.
        reason: String,
    },
    /// `APP_NOT_FOUND`
    #[error("the host has no app {0}; `runtime deployments` lists those it has")]
    AppNotFound(AppName),
    /// `VERSION_NOT_FOUND`
    #[error("the app {app} has no version {version}; `runtime deployments --app {app}` lists those it has")]
    VersionNotFound {
        /// The app.
        app: AppName,
        /// The version that is not there.
        version: VersionId,
    },
    /// `VERSION_CORRUPT`
    #[error("version {version} of {app} is damaged: {file} {damage}; deploy it again, which repairs it")]
    VersionCorrupt {
        /// The app.
        app: AppName,
        /// The version.
        version: VersionId,
        /// The first file that is not as it was received.
        file: String,
        /// In which way.
        damage: String,
    },
    /// `TRAFFIC_CORRUPT`
    #[error("{path} cannot be read: {reason}; remove the file and set the traffic again", path = .path.display())]
    TrafficCorrupt {
        /// The app's `active.json`.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// `VERSION_ACTIVE`
    #[error("version {version} of {app} is in use; move its traffic to another version, and let its requests finish")]
    VersionActive {
        /// The app.
        app: AppName,
        /// The version.
        version: VersionId,
    },
    /// `TRAFFIC_INVALID`
    #[error("the traffic cannot be split like this: {0}")]
    TrafficInvalid(String),
    /// `ROLLBACK_NONE`
    #[error("{0} has no earlier version to go back to; name one with `--to`, or deploy it again")]
    RollbackNone(AppName),
    /// `DATA_DIR_IN_USE`
    #[error(
        "the data directory {path} is in use by another process: stop that one or choose another directory",
        path = .path.display()
    )]
    InUse {
        /// The data directory.
        path: PathBuf,
    },
    /// `VERSION_STORE`
    #[error("the data directory failed at {path}: {source}", path = .path.display())]
    Store {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl VersionError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AppNameInvalid(_) => "APP_NAME_INVALID",
            Self::BundleTooLarge(_) => "BUNDLE_TOO_LARGE",
            Self::BundleInvalid(_) => "BUNDLE_INVALID",
            Self::BundleUnreadable { .. } => "BUNDLE_UNREADABLE",
            Self::AppNotFound(_) => "APP_NOT_FOUND",
            Self::VersionIdInvalid(_) | Self::VersionNotFound { .. } => "VERSION_NOT_FOUND",
            Self::VersionCorrupt { .. } => "VERSION_CORRUPT",
            Self::TrafficCorrupt { .. } => "TRAFFIC_CORRUPT",
            Self::VersionActive { .. } => "VERSION_ACTIVE",
            Self::TrafficInvalid(_) => "TRAFFIC_INVALID",
            Self::RollbackNone(_) => "ROLLBACK_NONE",
            Self::InUse { .. } => "DATA_DIR_IN_USE",
            Self::Store { .. } => "VERSION_STORE",
        }
    }

    /// Turns what the system says of `path` in the data directory into an error.
    pub(super) fn store(path: &Path) -> impl FnOnce(io::Error) -> Self {
        |source| Self::Store { path: path.to_owned(), source }
    }

    /// Turns what the system says of `path` in a build into an error.
    pub(super) fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Self {
        |error| Self::BundleUnreadable { path: path.to_owned(), reason: error.to_string() }
    }
}
