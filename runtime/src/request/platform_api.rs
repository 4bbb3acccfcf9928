//! The part of the admin API that reads and changes apps' data: `POST /_orilla/platform/{kv|db|status}`. It takes requests
//! apart and bounds them; what a call does is decided in [`platform`](crate::platform).

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::Semaphore;

use super::admin_token::AdminToken;
use super::deployments_api::answer::{ApiError, json};
use super::deployments_api::upload::{self, RequestBody};
use crate::platform::{Platform, PlatformCall, Service};

/// Where the paths of this API begin.
pub const PREFIX: &str = "/_orilla/platform/";

/// Bytes of a request: the largest value of KV, with each of its characters escaped.
pub const MAX_PLATFORM_REQUEST_BYTES: usize = 100 << 20;

/// Calls that are made at the same time; further ones wait.
pub const MAX_PLATFORM_CALLS: usize = 8;

/// The admin API of apps' data.
pub struct PlatformApi {
    platform: Platform,
    token: AdminToken,
    calls: Semaphore,
}

#[derive(Serialize)]
struct Answer<'a> {
    result: &'a RawValue,
}

impl PlatformApi {
    /// An API for those who know the token.
    pub fn new(platform: Platform, token: AdminToken) -> Self {
        Self { platform, token, calls: Semaphore::new(MAX_PLATFORM_CALLS) }
    }

    /// Whether a path belongs to this API.
    pub fn owns(path: &str) -> bool {
        path.starts_with(PREFIX)
    }

    /// Answers a request whose path [`PlatformApi::owns`].
    pub async fn answer(&self, request: Request<impl RequestBody>) -> Response<Bytes> {
        let (parts, mut body) = request.into_parts();
        let answer = self.call(&parts, &mut body).await;
        // A client that still sends would not look for the answer.
        upload::drain(&mut body).await;
        answer.unwrap_or_else(|error| error.response())
    }

    async fn call(&self, parts: &Parts, body: &mut impl RequestBody) -> Result<Response<Bytes>, ApiError> {
        self.token.check(&parts.headers)?;
        let name = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
        let service = Service::named(name).ok_or(ApiError::NotFound)?;
        if parts.method != Method::POST {
            return Err(ApiError::Method(Method::POST));
        }
        let _place = self.calls.acquire().await;
        let body = upload::collect(body, MAX_PLATFORM_REQUEST_BYTES).await?;
        let call: PlatformCall = serde_json::from_slice(&body).map_err(|error| ApiError::Invalid(error.to_string()))?;
        tracing::info!(
            service = service.name(),
            app = call.app.as_deref().unwrap_or_default(),
            method = &*call.method,
            resource = &*call.resource,
            "called by an operator"
        );
        let result = self.platform.call(service, &call).await?;
        let result: &RawValue = serde_json::from_str(&result).map_err(|error| ApiError::Invalid(error.to_string()))?;
        Ok(json(StatusCode::OK, &Answer { result }))
    }
}
