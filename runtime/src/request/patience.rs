//! Ends HTTP/1 connections that keep the host waiting: between two requests for the keep-alive time, from the first byte of a
//! request to the end of its head for a time of its own. What takes long while a request is answered, and connections that
//! speak HTTP/2 or became WebSockets, are the affair of others.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How a connection that speaks HTTP/2 begins; no method of HTTP/1 does.
const HTTP_2: &[u8] = b"PRI ";

/// How long a connection may keep the host waiting.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Without a byte between two requests.
    pub idle: Duration,
    /// From the first byte of a request, or from the beginning of the connection, to the end of the head.
    pub head: Duration,
}

/// What a connection does, as its requests tell its stream.
pub struct Activity {
    since: Instant,
    /// Requests that have begun.
    begun: AtomicU32,
    /// Requests whose answers are not out.
    open: AtomicU32,
    /// When the last answer was out, in milliseconds from the beginning of the connection.
    answered: AtomicU64,
    /// Whether it belongs to something else than HTTP now.
    upgraded: AtomicBool,
}

impl Activity {
    /// The connection begins.
    pub fn begin() -> Arc<Self> {
        Arc::new(Self {
            since: Instant::now(),
            begun: AtomicU32::new(0),
            open: AtomicU32::new(0),
            answered: AtomicU64::new(0),
            upgraded: AtomicBool::new(false),
        })
    }

    /// Notes that the head of a request is complete. The answer is out when what this returns is dropped.
    pub fn answer(self: &Arc<Self>) -> Answering {
        self.begun.fetch_add(1, Relaxed);
        self.open.fetch_add(1, Relaxed);
        Answering(self.clone())
    }
}

/// A request that is being answered.
pub struct Answering(Arc<Activity>);

impl Answering {
    /// Notes that the connection is handed over to another protocol.
    pub fn upgrade(&self) {
        self.0.upgraded.store(true, Relaxed);
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let now = u64::try_from(self.0.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.answered.store(now, Relaxed);
        self.0.open.fetch_sub(1, Relaxed);
    }
}

/// The body of an answer. The answer is out when it is dropped.
pub struct Answer<B> {
    body: B,
    _answering: Answering,
}

impl<B> Answer<B> {
    /// The body of the answer to this request.
    pub fn new(body: B, answering: Answering) -> Self {
        Self { body, _answering: answering }
    }
}

impl<B: Body + Unpin> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream whose reads fail when its client has kept the host waiting for too long.
pub struct Patient<S> {
    stream: S,
    patience: Patience,
    activity: Arc<Activity>,
    /// Until when the head must be complete that has begun, and how many requests had begun before it.
    head: (Instant, u32),
    /// Never set to a time after the client's has come, and set anew when it rings: most requests come long before.
    alarm: Pin<Box<Sleep>>,
    /// How many bytes of [`HTTP_2`] the connection began with; none once it began otherwise.
    preface: Option<usize>,
}

impl<S> Patient<S> {
    /// The stream of a connection that begins.
    pub fn new(stream: S, patience: Patience, activity: Arc<Activity>) -> Self {
        let until = activity.since + patience.head;
        let alarm = Box::pin(tokio::time::sleep_until(until));
        Self { stream, patience, activity, head: (until, 0), alarm, preface: Some(0) }
    }

    fn is_another_protocol(&self) -> bool {
        self.preface == Some(HTTP_2.len()) || self.activity.upgraded.load(Relaxed)
    }

    /// Until when the client has time; `None` while it waits for the host.
    fn until(&self) -> Option<Instant> {
        let (head, begun) = self.head;
        if self.activity.open.load(Relaxed) > 0 {
            return None;
        }
        if self.activity.begun.load(Relaxed) == begun {
            return Some(head);
        }
        let answered = Duration::from_millis(self.activity.answered.load(Relaxed));
        Some(self.activity.since + answered + self.patience.idle)
    }

    /// Notes what was read.
    fn note(&mut self, bytes: &[u8]) {
        if let Some(known) = self.preface.filter(|known| *known < HTTP_2.len()) {
            let expected = HTTP_2[known..].iter().zip(bytes).all(|(expected, byte)| expected == byte);
            self.preface = expected.then_some(HTTP_2.len().min(known + bytes.len()));
        }
        let begun = self.activity.begun.load(Relaxed);
        if self.activity.open.load(Relaxed) == 0 && self.head.1 != begun {
            self.head = (Instant::now() + self.patience.head, begun);
        }
    }

    /// Fails when the client has had its time.
    fn poll_time(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        while !self.is_another_protocol() {
            let now = Instant::now();
            let until = self.until();
            if until.is_some_and(|until| until <= now) {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            // Nobody is told when an answer is out. So it is looked for within the time the client then has.
            let look = until.unwrap_or(now + self.patience.idle);
            if self.alarm.deadline() > look || self.alarm.is_elapsed() {
                self.alarm.as_mut().reset(look);
            }
            if self.alarm.as_mut().poll(cx).is_pending() {
                break;
            }
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Ready(read) => {
                self.note(&buffer.filled()[before..]);
                Poll::Ready(read)
            }
            Poll::Pending => self.poll_time(cx).map(Err),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
