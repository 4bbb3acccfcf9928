//! Answers: those of an isolate, those of static files, and the host's own when something went wrong.

use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use orilla_bindings::invocation::{BodyError, EndReason};
use tokio::sync::mpsc;

use super::body::HostBody;
use super::static_files::{StaticBody, StaticReply};

/// Names why the host answered instead of the app.
pub const ERROR_HEADER: HeaderName = HeaderName::from_static("x-orilla-error");

/// Bytes read from a file at a time.
const FILE_CHUNK_BYTES: usize = 64 << 10;
/// Chunks of a file that wait for a slow client.
const QUEUED_FILE_CHUNKS: usize = 4;
/// Seconds after which a client that met an overloaded app may come again.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// The host's own answer with an error: its status, its name and a line that says what to do.
pub fn refusal(status: StatusCode, reason: &'static str, message: &str) -> Response<HostBody> {
    let mut response = Response::new(HostBody::full(format!("{} {reason}: {message}\n", status.as_u16())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=UTF-8"));
    headers.insert(ERROR_HEADER, HeaderValue::from_static(reason));
    response
}

/// The answer for an invocation that ended early.
pub fn failure(reason: EndReason, request: &str) -> Response<HostBody> {
    let (status, message) = match reason {
        EndReason::Cpu => (503, "the app used more CPU time than it may"),
        EndReason::Memory => (503, "the app used more memory than it may"),
        EndReason::Wall => (504, "the app did not answer in time"),
        EndReason::Boot => (500, "the app could not be started; the log says why"),
        EndReason::Uncaught => (500, "the app failed; the log says why"),
        EndReason::Reclaimed => (503, "the app was stopped while it handled the request; try again"),
        EndReason::Overloaded => (503, "too many requests are waiting for the app; try again later"),
        EndReason::BodyTooLarge => (413, "the request's body is larger than the app allows"),
        EndReason::Crashed => (500, "the runtime failed in the app's isolate; the log says how"),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = refusal(status, reason.as_str(), &format!("{message} (request {request})"));
    if reason == EndReason::Overloaded {
        response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
    }
    if reason == EndReason::BodyTooLarge {
        // The rest of the body is still on its way; it is not worth reading.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The answer of a static file.
pub fn static_file(reply: StaticReply) -> Response<HostBody> {
    let body = match reply.body {
        StaticBody::Empty => HostBody::Full(None),
        StaticBody::Bytes(bytes) => HostBody::full(bytes),
        StaticBody::File { file, offset, length } => file_body(file, offset, length),
    };
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}

fn file_body(file: std::fs::File, offset: u64, length: u64) -> HostBody {
    let (sender, chunks) = mpsc::channel(QUEUED_FILE_CHUNKS);
    tokio::spawn(async move {
        if let Err(error) = send_file(Arc::new(file), offset, length, &sender).await {
            tracing::warn!(%error, "a static file ended before its length; the connection is closed");
            // If the client is gone as well there is nobody to tell.
            let _ = sender.send(Err(error.into())).await;
        }
    });
    HostBody::Stream { chunks, length: Some(length), dispatched: None }
}

/// Reads each chunk once there is room for it: a client that takes its time holds no thread.
async fn send_file(
    file: Arc<std::fs::File>,
    offset: u64,
    length: u64,
    chunks: &mpsc::Sender<Result<Bytes, BodyError>>,
) -> std::io::Result<()> {
    let (mut at, end) = (offset, offset + length);
    while at < end {
        let Ok(room) = chunks.reserve().await else { return Ok(()) };
        let bytes = usize::try_from(end - at).map_or(FILE_CHUNK_BYTES, |left| left.min(FILE_CHUNK_BYTES));
        let file = file.clone();
        let read = move || {
            let mut chunk = vec![0; bytes];
            file.read_exact_at(&mut chunk, at).map(|()| Bytes::from(chunk))
        };
        let chunk = tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other)??;
        at += chunk.len() as u64;
        room.send(Ok(chunk));
    }
    Ok(())
}
