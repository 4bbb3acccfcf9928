//! Answers: those of an isolate, those of static files, and the host's own when something went wrong.

use std::io::{Read as _, Seek as _, SeekFrom};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use orilla_bindings::invocation::EndReason;
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

fn file_body(mut file: std::fs::File, offset: u64, length: u64) -> HostBody {
    let (sender, chunks) = mpsc::channel(QUEUED_FILE_CHUNKS);
    tokio::task::spawn_blocking(move || {
        let mut left = length;
        let mut result = file.seek(SeekFrom::Start(offset)).map(|_| ());
        while left > 0 && result.is_ok() {
            let mut chunk = vec![0; usize::try_from(left).map_or(FILE_CHUNK_BYTES, |left| left.min(FILE_CHUNK_BYTES))];
            result = file.read_exact(&mut chunk);
            left -= chunk.len() as u64;
            if result.is_ok() && sender.blocking_send(Ok(Bytes::from(chunk))).is_err() {
                return;
            }
        }
        if let Err(error) = result {
            tracing::warn!(%error, "a static file ended before its length; the connection is closed");
            // If the client is gone as well there is nobody to tell.
            let _ = sender.blocking_send(Err(error.into()));
        }
    });
    HostBody::Stream { chunks, length: Some(length), dispatched: None }
}
