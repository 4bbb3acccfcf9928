//! Request bodies of the admin API: a bundle is unpacked while it comes, on a thread that may block.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::answer::ApiError;
use crate::apps::versions::AppName;
use crate::apps::versions::bundle::MAX_BUNDLE_BYTES;
use crate::apps::versions::store::{Received, Store};

/// Bytes of a JSON request.
pub const MAX_ADMIN_JSON_BYTES: usize = 64 << 10;

/// Longest that a client may send nothing.
const IDLE: Duration = Duration::from_secs(30);

/// Chunks that wait for the disk; while there are that many, the client waits.
const QUEUED_CHUNKS: usize = 16;

/// The body of a request, of hyper's or a test's.
pub trait RequestBody: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Unpin {}

impl<B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Unpin> RequestBody for B {}

/// Unpacks a bundle into the store.
pub async fn receive(store: Arc<Store>, app: AppName, body: &mut impl RequestBody) -> Result<Received, ApiError> {
    let (sender, chunks) = mpsc::channel(QUEUED_CHUNKS);
    let unpacking = tokio::task::spawn_blocking(move || store.receive(&app, Chunks { chunks, current: Bytes::new() }));
    // The receiver goes when the bundle is complete or refused.
    while let Some(chunk) = next(body).await {
        let failed = chunk.is_err();
        if sender.send(chunk).await.is_err() || failed {
            break;
        }
    }
    drop(sender);
    match unpacking.await {
        Ok(received) => Ok(received?),
        Err(_) => Err(ApiError::Interrupted),
    }
}

/// A body of at most so many bytes as a whole.
pub async fn collect(body: &mut impl RequestBody, limit: usize) -> Result<Vec<u8>, ApiError> {
    let mut collected = Vec::new();
    while let Some(chunk) = next(body).await {
        collected.extend_from_slice(&chunk.map_err(|error| ApiError::Invalid(error.to_string()))?);
        if collected.len() > limit {
            return Err(ApiError::Invalid(format!("it is longer than {limit} bytes")));
        }
    }
    Ok(collected)
}

/// Reads what is left of a body and forgets it, up to the length of the largest bundle.
pub async fn drain(body: &mut impl RequestBody) {
    let mut left = MAX_BUNDLE_BYTES;
    while let Some(Ok(chunk)) = next(body).await {
        let Some(rest) = left.checked_sub(chunk.len() as u64) else { return };
        left = rest;
    }
}

/// The next chunk; none at the end.
async fn next(body: &mut impl RequestBody) -> Option<io::Result<Bytes>> {
    match timeout(IDLE, body.frame()).await {
        Ok(Some(Ok(frame))) => Some(Ok(frame.into_data().unwrap_or_default())),
        Ok(Some(Err(error))) => Some(Err(io::Error::other(error.to_string()))),
        Ok(None) => None,
        Err(_) => Some(Err(io::Error::new(io::ErrorKind::TimedOut, "nothing came for 30 seconds"))),
    }
}

/// The chunks of a body for code that blocks.
struct Chunks {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.current = chunk?,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
