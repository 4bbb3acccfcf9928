//! Answers of the admin API: JSON, and errors with a code.

use std::path::Path;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, Response, StatusCode};
use serde::Serialize;
use serde_json::json;

use crate::apps::manifest::problem::{Problem, Problems};
use crate::apps::versions::AppName;
use crate::apps::versions::error::VersionError;
use crate::platform::{Fault, PlatformError};

/// Why a request was refused.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// `ADMIN_TOKEN_NOT_SET`
    #[error(
        "this host takes no deployments and lets nobody at its data: start it with a token, ORILLA_ADMIN_TOKEN or `token` of [admin]"
    )]
    TokenNotSet,
    /// `ADMIN_TOKEN_REQUIRED`
    #[error("send the host's token as `Authorization: Bearer <token>`; the commands take it from ORILLA_ADMIN_TOKEN")]
    TokenRequired,
    /// `ADMIN_TOKEN_WRONG`
    #[error("this is not the host's token")]
    TokenWrong,
    /// `ADMIN_PATH_UNKNOWN`
    #[error("the admin API has no such path; docs/deployments.md and docs/platform-cli.md list them")]
    NotFound,
    /// `ADMIN_METHOD_NOT_ALLOWED`
    #[error("use {0}")]
    Method(Method),
    /// `ADMIN_REQUEST_INVALID`
    #[error("the request cannot be read: {0}")]
    Invalid(String),
    /// `DEPLOY_CHECK_FAILED`
    #[error("this version of {app} cannot be served; the traffic is as it was")]
    CheckFailed {
        /// The app.
        app: AppName,
        /// What is wrong, with paths as they are in the bundle.
        problems: Problems,
    },
    /// Any code of a call to an app's data.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// Any code of the store.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// `ADMIN_INTERRUPTED`
    #[error("the host stopped before this was done; look at `runtime deployments` and try again")]
    Interrupted,
}

impl ApiError {
    /// A check that failed, without the place the files have on the host.
    pub fn check_failed(app: &AppName, Problems(problems): Problems, directory: &Path) -> Self {
        let place = format!("{}/", directory.display());
        let problems = problems.into_iter().map(|problem| Problem {
            file: problem.file.strip_prefix(directory).map(Path::to_owned).unwrap_or(problem.file),
            message: problem.message.replace(&place, ""),
            ..problem
        });
        Self::CheckFailed { app: app.clone(), problems: Problems(problems.collect()) }
    }

    fn code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::TokenNotSet => (StatusCode::FORBIDDEN, "ADMIN_TOKEN_NOT_SET"),
            Self::TokenRequired => (StatusCode::UNAUTHORIZED, "ADMIN_TOKEN_REQUIRED"),
            Self::TokenWrong => (StatusCode::FORBIDDEN, "ADMIN_TOKEN_WRONG"),
            Self::NotFound => (StatusCode::NOT_FOUND, "ADMIN_PATH_UNKNOWN"),
            Self::Method(_) => (StatusCode::METHOD_NOT_ALLOWED, "ADMIN_METHOD_NOT_ALLOWED"),
            Self::Invalid(_) => (StatusCode::BAD_REQUEST, "ADMIN_REQUEST_INVALID"),
            Self::CheckFailed { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "DEPLOY_CHECK_FAILED"),
            Self::Interrupted => (StatusCode::SERVICE_UNAVAILABLE, "ADMIN_INTERRUPTED"),
            Self::Platform(error) => {
                let status = match error.fault() {
                    Fault::Input => StatusCode::BAD_REQUEST,
                    Fault::State => StatusCode::CONFLICT,
                    Fault::Store => StatusCode::SERVICE_UNAVAILABLE,
                };
                (status, error.code())
            }
            Self::Version(error) => (status(error), error.code()),
        }
    }

    /// The answer: `{ "error": { code, message } }`. A failed check has its `problems`, and a `report` of them for people.
    pub fn response(&self) -> Response<Bytes> {
        let (status, code) = self.code();
        let mut error = json!({ "code": code, "message": self.to_string() });
        if let Self::CheckFailed { problems, .. } = self {
            error["problems"] = json!(problems);
            error["report"] = json!(format!("{problems:#}"));
        }
        if status.is_server_error() {
            tracing::error!(code, "{self}");
        }
        let mut response = json(status, &json!({ "error": error }));
        let headers = response.headers_mut();
        if let Self::TokenRequired = self {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Self::Method(method) = self
            && let Ok(value) = HeaderValue::from_str(method.as_str())
        {
            headers.insert(ALLOW, value);
        }
        response
    }
}

fn status(error: &VersionError) -> StatusCode {
    match error {
        VersionError::AppNameInvalid(_) | VersionError::BundleInvalid(_) | VersionError::TrafficInvalid(_) => {
            StatusCode::BAD_REQUEST
        }
        VersionError::BundleTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        VersionError::AppNotFound(_) | VersionError::VersionIdInvalid(_) | VersionError::VersionNotFound { .. } => {
            StatusCode::NOT_FOUND
        }
        VersionError::VersionCorrupt { .. } | VersionError::VersionActive { .. } | VersionError::RollbackNone(_) => {
            StatusCode::CONFLICT
        }
        VersionError::TrafficCorrupt { .. }
        | VersionError::InUse { .. }
        | VersionError::Store { .. }
        | VersionError::BundleUnreadable { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An answer in JSON.
pub fn json(status: StatusCode, content: &impl Serialize) -> Response<Bytes> {
    // Nothing that is answered has a map with other keys than strings, so this is always JSON.
    let mut bytes = serde_json::to_vec(content).unwrap_or_default();
    bytes.push(b'\n');
    let mut response = Response::new(bytes.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
