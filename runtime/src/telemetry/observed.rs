//! A response's body on its way out, watched: how many bytes, and whether it came to its end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Buf as _;
use http::header::HeaderName;
use http::{Method, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};

use super::record::{BODY_FAILED, CLIENT_GONE, Reason, Record};

/// A body and the record of the request it answers. Dropping it says that the answer is out.
pub struct Observed<B: Body> {
    /// The body.
    pub body: B,
    record: Arc<Record>,
    status: StatusCode,
    /// Bytes the body has in all, where that is known.
    length: Option<u64>,
    bytes: u64,
    ended: bool,
    reason: Option<Reason>,
}

impl<B: Body> Observed<B> {
    /// Watches a response. `error_header` names why the host answered instead of the app, where it did.
    pub fn response(response: Response<B>, error_header: &HeaderName, record: Arc<Record>) -> Response<Self> {
        let reason = response.headers().get(error_header).and_then(|value| value.to_str().ok());
        let (status, reason) = (response.status(), reason.map(|reason| Reason::Owned(reason.to_owned())));
        // The body of an answer to HEAD is never sent, whatever is in it.
        let ended = record.method == Method::HEAD;
        response.map(|body| {
            let length = body.size_hint().exact();
            Self { body, record, status, length, bytes: 0, ended, reason }
        })
    }
}

impl<B: Body + Unpin> Body for Observed<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => this.bytes += frame.data_ref().map_or(0, |data| data.remaining() as u64),
            Poll::Ready(Some(Err(_))) => {
                this.ended = true;
                this.reason.get_or_insert(BODY_FAILED);
            }
            Poll::Ready(None) => this.ended = true,
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B: Body> Drop for Observed<B> {
    fn drop(&mut self) {
        // hyper does not ask a body whose length it knows for its end.
        let complete = self.ended || self.length == Some(self.bytes) || self.body.is_end_stream();
        if !complete {
            self.reason.get_or_insert(CLIENT_GONE);
        }
        self.record.answered(self.status, self.bytes, self.reason.take());
    }
}
