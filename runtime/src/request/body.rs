//! Bodies on their way through the host: the response body that hyper sends, and how a request's body is taken in.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use orilla_bindings::invocation::{BodyError, RequestBody};
use tokio::sync::mpsc;

use crate::isolate::dispatched::Dispatched;

/// Bodies up to this size are collected before the app is asked: a slow client then costs the isolate nothing.
pub const BUFFERED_BODY_BYTES: u64 = 64 << 10;

/// What hyper sends.
pub enum HostBody {
    /// Everything there is, or nothing.
    Full(Option<Bytes>),
    /// Chunks from an isolate or a file. The dispatched request is cancelled if the client goes away before the end.
    Stream {
        /// The chunks.
        chunks: mpsc::Receiver<Result<Bytes, BodyError>>,
        /// Bytes in all, where that is known.
        length: Option<u64>,
        /// What to cancel.
        dispatched: Option<Box<Dispatched>>,
    },
}

impl HostBody {
    /// A body that is all there.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::Full((!bytes.is_empty()).then_some(bytes))
    }

    /// Whether it is read from a file as the client takes it.
    pub fn is_file(&self) -> bool {
        matches!(self, Self::Stream { dispatched: None, .. })
    }
}

impl Body for HostBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream { chunks, dispatched, .. } => match chunks.poll_recv(cx) {
                Poll::Ready(None) => {
                    if let Some(mut dispatched) = dispatched.take() {
                        dispatched.finish();
                    }
                    Poll::Ready(None)
                }
                Poll::Ready(Some(chunk)) => Poll::Ready(Some(chunk.map(Frame::data))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Full(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Stream { length: Some(length), .. } => SizeHint::with_exact(*length),
            Self::Stream { .. } => SizeHint::default(),
        }
    }
}

/// A request's body as it comes in.
pub trait InboundBody: Body<Data = Bytes, Error: Into<BodyError>> + Send + Sync + Unpin + 'static {}

impl<B: Body<Data = Bytes, Error: Into<BodyError>> + Send + Sync + Unpin + 'static> InboundBody for B {}

/// Why a request's body cannot be taken.
#[derive(Debug)]
pub enum IntakeError {
    /// Larger than the app allows.
    TooLarge,
    /// It stopped coming.
    TimedOut,
    /// The client broke off or sent nonsense.
    Broken,
}

/// Takes in a request's body: small ones whole, the rest as it comes, never more than `limit` bytes, and with no pause
/// longer than `idle`.
pub async fn intake(body: impl InboundBody, limit: u64, idle: Duration) -> Result<RequestBody, IntakeError> {
    let hint = body.size_hint();
    if hint.exact() == Some(0) {
        return Ok(RequestBody::Empty);
    }
    if hint.lower() > limit {
        return Err(IntakeError::TooLarge);
    }
    let body = IdleLimited::new(Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX)), idle);
    if hint.upper().is_some_and(|upper| upper <= BUFFERED_BODY_BYTES) {
        return Ok(RequestBody::Buffered(collect(body).await?));
    }
    Ok(RequestBody::Stream(body.boxed()))
}

async fn collect(mut body: IdleLimited<impl InboundBody>) -> Result<Bytes, IntakeError> {
    let mut collected = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            if error.is::<LengthLimitError>() {
                IntakeError::TooLarge
            } else if error.is::<Stalled>() {
                IntakeError::TimedOut
            } else {
                IntakeError::Broken
            }
        })?;
        if let Ok(data) = frame.into_data() {
            collected.extend_from_slice(&data);
        }
    }
    Ok(collected.freeze())
}

/// The client sent nothing for too long.
#[derive(Debug, thiserror::Error)]
#[error("the client sent nothing for too long")]
pub struct Stalled;

/// A body that fails when no frame comes for a while.
struct IdleLimited<B> {
    body: Limited<B>,
    idle: Duration,
    /// Set while a frame is waited for.
    alarm: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl<B> IdleLimited<B> {
    fn new(body: Limited<B>, idle: Duration) -> Self {
        Self { body, idle, alarm: None }
    }
}

impl<B: InboundBody> Body for IdleLimited<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.alarm = None;
            return Poll::Ready(frame);
        }
        let alarm = this.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep(this.idle)));
        alarm.as_mut().poll(cx).map(|()| Some(Err(Stalled.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
