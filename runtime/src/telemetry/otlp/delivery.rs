//! Brings one batch of spans to the receiver: a POST of protobuf, again after a while where the receiver may take it later.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use tokio::sync::watch;

use super::ExporterError;
use super::span::{Span, export_request};
use crate::config::telemetry::Telemetry as Config;
use crate::telemetry::Measures;

/// Longest that one attempt to send a batch may take.
pub const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// Attempts to send a batch before its spans are given up.
pub const MAX_ATTEMPTS: u32 = 5;
/// Pause after the first attempt; it doubles with each one that follows.
pub const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between two attempts, also where the receiver asks for more.
pub const MAX_PAUSE: Duration = Duration::from_secs(30);
/// Bytes of a receiver's answer that are read.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// Where spans of one signal go, below the endpoint.
const TRACES_PATH: &str = "/v1/traces";

/// Why a batch was not taken.
#[derive(Debug, thiserror::Error)]
enum DeliveryError {
    #[error("the receiver cannot be reached: {0}")]
    Unreachable(Box<dyn std::error::Error + Send + Sync>),
    #[error("the receiver did not answer within {} s", EXPORT_TIMEOUT.as_secs())]
    TimedOut,
    #[error("the receiver answered {status}")]
    Refused {
        status: StatusCode,
        /// When it may be asked again, if it says so.
        retry_after: Option<Duration>,
    },
}

impl DeliveryError {
    /// How long to wait before the next attempt, of which `attempt` were made; nothing where another one is no use.
    fn pause(&self, attempt: u32) -> Option<Duration> {
        let own = FIRST_PAUSE * 2u32.saturating_pow(attempt.saturating_sub(1));
        let pause = match self {
            Self::Unreachable(_) | Self::TimedOut => own,
            Self::Refused { status, retry_after } if matches!(status.as_u16(), 429 | 502 | 503 | 504) => {
                retry_after.unwrap_or(own)
            }
            Self::Refused { .. } => return None,
        };
        (attempt < MAX_ATTEMPTS).then_some(pause.min(MAX_PAUSE))
    }
}

/// The way to the receiver.
pub struct Delivery {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    target: Uri,
    headers: HeaderMap,
    service_name: Option<Arc<str>>,
    measures: Arc<Measures>,
    closed: watch::Receiver<bool>,
    /// Whether the last batch was lost: an outage is one line of the log, not one for each batch.
    failing: bool,
}

impl Delivery {
    /// The way to `endpoint`.
    ///
    /// # Errors
    /// It is not the URL of an HTTP server.
    pub fn new(
        endpoint: &str,
        config: &Config,
        measures: Arc<Measures>,
        closed: watch::Receiver<bool>,
    ) -> Result<Self, ExporterError> {
        let unusable = |error: &dyn std::fmt::Display| ExporterError::Endpoint(error.to_string());
        let target: Uri =
            format!("{}{TRACES_PATH}", endpoint.trim_end_matches('/')).parse().map_err(|e| unusable(&e))?;
        if target.host().is_none() || !matches!(target.scheme_str(), Some("http" | "https")) {
            return Err(unusable(&"it is no http or https URL"));
        }
        let mut headers = HeaderMap::new();
        headers.extend(config.otlp_headers.iter().map(|header| (header.name.clone(), header.value.clone())));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        headers.insert(USER_AGENT, HeaderValue::from_static("Orilla"));
        let client = Client::builder(TokioExecutor::new()).build(connector().map_err(|error| unusable(&error))?);
        let service_name = config.service_name.as_deref().map(Arc::from);
        Ok(Self { client, target, headers, service_name, measures, closed, failing: false })
    }

    /// Sends a batch. Returns when the receiver has it or it is given up, either of which is counted.
    pub async fn deliver(&mut self, batch: impl ExactSizeIterator<Item = Span>) {
        let spans = batch.len() as u64;
        let body = Bytes::from(export_request(batch, self.service_name.as_ref()).encode_to_vec());
        let mut attempt = 0;
        let outcome = loop {
            attempt += 1;
            match self.post(body.clone()).await {
                Ok(rejected) => break Ok(rejected.min(spans)),
                Err(error) => match error.pause(attempt) {
                    Some(pause) if self.pause(pause).await => {}
                    _ => break Err(error),
                },
            }
        };
        let rejected = *outcome.as_ref().unwrap_or(&spans);
        self.measures.spans.exported.fetch_add(spans - rejected, Relaxed);
        self.measures.spans.failed.fetch_add(rejected, Relaxed);
        self.say(spans, outcome);
    }

    /// Waits; false if the host stops, and nothing is tried again.
    async fn pause(&mut self, pause: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(pause) => true,
            _ = self.closed.wait_for(|closing| *closing) => false,
        }
    }

    /// Sends a batch once. Returns how many of its spans the receiver rejects.
    async fn post(&self, body: Bytes) -> Result<u64, DeliveryError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.clone();
        *request.headers_mut() = self.headers.clone();
        let exchange = async {
            let response = self.client.request(request).await.map_err(|e| DeliveryError::Unreachable(e.into()))?;
            let status = response.status();
            if !status.is_success() {
                return Err(DeliveryError::Refused { status, retry_after: retry_after(&response) });
            }
            let answer = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
            let answer = answer.map_err(DeliveryError::Unreachable)?.to_bytes();
            // What is no such message, as some receivers answer, says nothing against the spans.
            let partial = ExportTraceServiceResponse::decode(answer).ok().and_then(|answer| answer.partial_success);
            Ok(partial.map_or(0, |partial| u64::try_from(partial.rejected_spans).unwrap_or(0)))
        };
        tokio::time::timeout(EXPORT_TIMEOUT, exchange).await.unwrap_or(Err(DeliveryError::TimedOut))
    }

    fn say(&mut self, spans: u64, outcome: Result<u64, DeliveryError>) {
        let failing = outcome.is_err();
        match outcome {
            Err(error) if !self.failing => {
                tracing::warn!(
                    code = "TELEMETRY_EXPORT",
                    spans,
                    "spans are lost: {error}; the next line says when it ends"
                );
            }
            Ok(rejected @ 1..) => {
                tracing::warn!(code = "TELEMETRY_REJECTED", rejected, "the receiver does not accept some spans");
            }
            Ok(_) if self.failing => tracing::info!("spans are received again"),
            _ => {}
        }
        self.failing = failing;
    }
}

/// Speaks plain HTTP, and HTTPS with the public certificate authorities.
fn connector() -> Result<HttpsConnector<HttpConnector>, rustls::Error> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let tls = tls.with_root_certificates(roots).with_no_client_auth();
    Ok(HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build())
}

/// The pause a receiver asks for, in seconds; it may also give a date, which nobody does.
fn retry_after<B>(response: &Response<B>) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
