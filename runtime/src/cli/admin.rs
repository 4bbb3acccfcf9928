//! The client of a host's admin API, for the commands that speak to one. It speaks plain HTTP: the admin listener is on the
//! loopback address.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value as Json;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Failure;
use super::platform::output;
use crate::apps::versions::AppName;
use crate::apps::versions::error::VersionError;
use crate::config::Options;

/// The admin listener that is asked when nothing names another.
const DEFAULT_ADMIN: &str = "http://127.0.0.1:9090";

/// Longest that connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest that a request may take, its upload and the check of the version included.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(600);

/// Bytes of an answer.
const MAX_ANSWER_BYTES: usize = 128 << 20;

/// Options that say which host is spoken to.
#[derive(Args, Clone, Debug)]
pub struct AdminArgs {
    /// The host's admin listener [default: its port in the configuration, else http://127.0.0.1:9090].
    #[arg(long, value_name = "URL")]
    admin: Option<Uri>,
    /// The host's admin token; better in ORILLA_ADMIN_TOKEN, where other processes do not see it.
    #[arg(long, allow_hyphen_values = true)]
    token: Option<String>,
    /// The configuration file, instead of orilla.toml in the working directory.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// A host's admin API.
pub struct Admin {
    /// Host and port.
    pub authority: String,
    token: Option<String>,
}

/// What a request carries.
pub enum Content {
    /// Nothing.
    Empty,
    /// JSON.
    Json(Json),
    /// JSON, as text.
    Text(String),
    /// A tar archive, in chunks as they come. An error in place of a chunk breaks the request off.
    Archive(mpsc::Receiver<io::Result<Bytes>>),
}

impl AdminArgs {
    /// The host that the options, or else the configuration, name.
    pub fn admin(&self) -> Result<Admin, Failure> {
        let config = super::config(Options { config: self.config.clone(), ..Options::default() })?;
        let configured = config.server.admin_port.map(|port| format!("http://127.0.0.1:{port}"));
        let url = match &self.admin {
            Some(url) => url.clone(),
            None => configured.as_deref().unwrap_or(DEFAULT_ADMIN).parse().map_err(|_| admin_url("this is no URL"))?,
        };
        Admin::at(&url, self.token.clone().or(config.admin.token.map(|token| token.0)))
    }
}

fn authority(url: &Uri) -> Result<String, Failure> {
    match (url.scheme_str(), url.authority()) {
        (Some("https"), _) => Err(admin_url("https is not supported yet; reach the host through an SSH tunnel")),
        (Some("http") | None, Some(authority)) if matches!(url.path(), "" | "/") && url.query().is_none() => {
            let port = authority.port_u16().unwrap_or(80);
            Ok(format!("{}:{port}", authority.host()))
        }
        _ => Err(admin_url("write it as http://127.0.0.1:9090")),
    }
}

fn admin_url(message: &str) -> Failure {
    Failure::Input(format!("error[ADMIN_URL]: the URL of the admin listener: {message}"))
}

impl Admin {
    /// The admin API at a URL.
    pub fn at(url: &Uri, token: Option<String>) -> Result<Self, Failure> {
        Ok(Self { authority: authority(url)?, token })
    }

    /// Sends a request and takes the answer, which is an object in JSON.
    pub async fn call(&self, method: Method, path: &str, content: Content) -> Result<Json, Failure> {
        match timeout(EXCHANGE_TIMEOUT, self.exchange(method, path, content)).await {
            Ok(answer) => answer,
            Err(_) => Err(self.unreachable("it has not answered for 10 minutes")),
        }
    }

    async fn exchange(&self, method: Method, path: &str, content: Content) -> Result<Json, Failure> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, &self.authority);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let (media_type, body) = match content {
            Content::Empty => (None, RequestBody::Whole(None)),
            Content::Json(json) => (Some("application/json"), RequestBody::Whole(Some(json.to_string().into()))),
            Content::Text(json) => (Some("application/json"), RequestBody::Whole(Some(json.into()))),
            Content::Archive(chunks) => (Some("application/x-tar"), RequestBody::Chunks(chunks)),
        };
        if let Some(media_type) = media_type {
            request = request.header(CONTENT_TYPE, media_type);
        }
        let request = request.body(body).map_err(|_| {
            Failure::Input("error[ADMIN_TOKEN_WRONG]: the token has characters that cannot be sent".to_owned())
        })?;
        let connecting = timeout(CONNECT_TIMEOUT, TcpStream::connect(&self.authority)).await;
        let stream = match connecting {
            Ok(connected) => connected.map_err(|error| self.unreachable(&error.to_string()))?,
            Err(_) => return Err(self.unreachable("it does not answer")),
        };
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.unreachable(&error.to_string()))?;
        tokio::spawn(connection);
        let response = sender.send_request(request).await.map_err(|error| self.unreachable(&error.to_string()))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| self.unreachable(&error.to_string()))?.to_bytes();
        let Ok(answer) = serde_json::from_slice::<Json>(&body) else {
            let message = format!("{} answered, but not as an admin listener: {}", self.authority, parts.status);
            return Err(Failure::coded("ADMIN_UNREACHABLE", message));
        };
        if parts.status.is_success() { Ok(answer) } else { Err(refusal(parts.status, &answer)) }
    }

    fn unreachable(&self, reason: &str) -> Failure {
        let message = format!(
            "the admin listener at {} cannot be reached: {reason}; start the host with --admin-port, and name that address",
            self.authority
        );
        Failure::coded("ADMIN_UNREACHABLE", message)
    }
}

/// The host's error as the commands print their own.
fn refusal(status: StatusCode, answer: &Json) -> Failure {
    let text = |key: &str| answer["error"][key].as_str();
    let code = text("code").unwrap_or("ADMIN_UNREACHABLE");
    let mut message = format!("error[{code}]: {}", text("message").unwrap_or("the host gives no reason"));
    if let Some(report) = text("report") {
        message = format!("{report}\n{message}");
    }
    if status.is_client_error() && status != StatusCode::CONFLICT {
        Failure::Input(message)
    } else {
        Failure::Failed(message)
    }
}

enum RequestBody {
    Whole(Option<Bytes>),
    Chunks(mpsc::Receiver<io::Result<Bytes>>),
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Chunks(chunks) => chunks.poll_recv(cx).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Chunks(_) => SizeHint::default(),
        }
    }
}

/// The value of `--app`.
pub fn app_name(text: &str) -> Result<AppName, VersionError> {
    text.to_owned().try_into()
}

/// Runs what speaks to a host.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::coded("HOST_START", error))?.block_on(work)
}

/// An object as it came, for other programs.
pub fn print_json(answer: &Json) -> Result<(), Failure> {
    output::write(&format!("{answer:#}"))
}

/// Bytes as people read them, in decimal units.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
