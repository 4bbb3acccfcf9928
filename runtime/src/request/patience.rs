//! Ends connections that keep the host waiting: between two requests for the keep-alive time, and for a time of its own from the first
//! byte of a request, by HTTP/2 of the first one, to the end of its head. By HTTP/2 also where the client takes nothing of one answer
//! that the host keeps in memory, while it goes on with the rest. What takes long while a request is answered, and what became a
//! WebSocket, are the affair of others.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use orilla_bindings::limits::FAREWELL;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How a connection that speaks HTTP/2 begins; no method of HTTP/1 does.
const HTTP_2: &[u8] = b"PRI ";

/// Bytes of an answer that are given to an HTTP/2 connection at a time.
const PIECE_BYTES: usize = 64 << 10;

/// [`Activity::told`] before it is.
const NOT_TOLD: u64 = u64::MAX;

/// How long a connection may keep the host waiting.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Without a byte between two requests.
    pub idle: Duration,
    /// From the first byte of a request, or from the beginning of the connection, to the end of the head.
    pub head: Duration,
    /// Without taking anything of an answer.
    pub send: Duration,
}

/// What a connection does, as its requests tell its stream.
pub struct Activity {
    since: Instant,
    /// Requests that have begun.
    begun: AtomicU32,
    /// Requests whose answers are not out; HTTP/2: and pieces of answers that are with the connection.
    open: AtomicU32,
    /// When the last answer was out, in milliseconds from the beginning of the connection.
    answered: AtomicU64,
    /// HTTP/1: when the first byte of the last request but the first came, as above.
    asked: AtomicU64,
    /// When the connection was told to end, as above, or [`NOT_TOLD`].
    told: AtomicU64,
    /// Whether it belongs to something else than HTTP now.
    upgraded: AtomicBool,
    /// Whether it speaks HTTP/2.
    is_http_2: AtomicBool,
    /// HTTP/2: the answers of which the client has something to take, and since when it has taken nothing.
    offered: Mutex<HashMap<u32, (u32, Instant)>>,
}

impl Activity {
    /// The connection begins.
    pub fn begin() -> Arc<Self> {
        Arc::new(Self {
            since: Instant::now(),
            begun: AtomicU32::new(0),
            open: AtomicU32::new(0),
            answered: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            told: AtomicU64::new(NOT_TOLD),
            upgraded: AtomicBool::new(false),
            is_http_2: AtomicBool::new(false),
            offered: Mutex::default(),
        })
    }

    /// Notes that the head of a request is complete. The answer is out when what this returns is dropped.
    pub fn answer(self: &Arc<Self>) -> Answering {
        let number = self.begun.fetch_add(1, Relaxed);
        self.open.fetch_add(1, Relaxed);
        Answering { activity: self.clone(), number }
    }

    /// Notes that the connection is told to end. Only the first time counts.
    pub fn tell_to_end(&self) {
        // It was told before.
        let _ = self.told.compare_exchange(NOT_TOLD, self.at(Instant::now()), Relaxed, Relaxed);
    }

    /// Whether it was told to end, or has rested for the keep-alive time and is to be told.
    pub fn is_told_to_end(&self) -> bool {
        self.told.load(Relaxed) != NOT_TOLD
    }

    /// Whether it has had no request for so long, and is still one for requests.
    pub fn has_rested(&self, time: Duration) -> bool {
        let busy = self.open.load(Relaxed) > 0 || self.upgraded.load(Relaxed);
        let last = self.answered.load(Relaxed).max(self.asked.load(Relaxed));
        !busy && self.since.elapsed() >= Duration::from_millis(last) + time
    }

    /// A time as milliseconds since it began.
    fn at(&self, time: Instant) -> u64 {
        u64::try_from(time.duration_since(self.since).as_millis()).unwrap_or(NOT_TOLD - 1)
    }

    /// Notes that a piece of an answer is with an HTTP/2 connection, until what this returns is dropped; and that it waits for the
    /// client, where the host keeps it in memory.
    fn offer(self: &Arc<Self>, number: u32, is_kept: bool) -> Option<Offered> {
        if !self.is_http_2.load(Relaxed) {
            return None;
        }
        self.open.fetch_add(1, Relaxed);
        if is_kept {
            self.offered().entry(number).or_insert_with(|| (0, Instant::now())).0 += 1;
        }
        Some(Offered { activity: self.clone(), number: is_kept.then_some(number) })
    }

    /// Something of an answer is out.
    fn is_out(&self) {
        self.answered.store(self.at(Instant::now()), Relaxed);
        self.open.fetch_sub(1, Relaxed);
    }

    /// Since when the client has taken nothing of an answer that is there for it.
    fn nothing_taken_since(&self) -> Option<Instant> {
        self.offered().values().map(|(_, since)| *since).min()
    }

    fn offered(&self) -> MutexGuard<'_, HashMap<u32, (u32, Instant)>> {
        self.offered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A piece of an answer that the client has not taken.
struct Offered {
    activity: Arc<Activity>,
    /// The number of the request, where the host keeps the piece in memory.
    number: Option<u32>,
}

impl Drop for Offered {
    fn drop(&mut self) {
        self.activity.is_out();
        let Some(number) = self.number else { return };
        let mut offered = self.activity.offered();
        if let Entry::Occupied(mut answer) = offered.entry(number) {
            let (pieces, since) = answer.get_mut();
            *pieces -= 1;
            *since = Instant::now();
            if *pieces == 0 {
                answer.remove();
            }
        }
    }
}

/// A request that is being answered.
pub struct Answering {
    activity: Arc<Activity>,
    number: u32,
}

impl Answering {
    /// Notes that the connection is handed over to another protocol.
    pub fn upgrade(&self) {
        self.activity.upgraded.store(true, Relaxed);
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.activity.is_out();
    }
}

/// The body of an answer. The answer is out when it is dropped, and each [`Piece`] of it.
pub struct Answer<B> {
    body: B,
    /// What is left of a chunk of it that is longer than a piece.
    rest: Option<Bytes>,
    /// Whether the host has it in memory until the client takes it.
    is_kept: bool,
    answering: Answering,
}

/// A piece of an answer, on its way to the client until it is dropped.
pub struct Piece {
    bytes: Bytes,
    _offered: Option<Offered>,
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}

impl<B> Answer<B> {
    /// The body of the answer to this request, and whether the host has it in memory until the client takes it.
    pub fn new(body: B, is_kept: bool, answering: Answering) -> Self {
        Self { body, rest: None, is_kept, answering }
    }

    /// The next piece of a chunk. What follows it is kept.
    fn piece(&mut self, mut chunk: Bytes) -> Piece {
        let Answering { activity, number } = &self.answering;
        let offered = activity.offer(*number, self.is_kept);
        if self.is_kept && offered.is_some() && chunk.len() > PIECE_BYTES {
            self.rest = Some(chunk.split_off(PIECE_BYTES));
        }
        Piece { bytes: chunk, _offered: offered }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answer<B> {
    type Data = Piece;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Piece>, B::Error>>> {
        let this = self.get_mut();
        match this.rest.take() {
            Some(rest) => Poll::Ready(Some(Ok(Frame::data(this.piece(rest))))),
            None => Pin::new(&mut this.body).poll_frame(cx).map_ok(|frame| frame.map_data(|chunk| this.piece(chunk))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.as_ref().map_or(0, |rest| rest.len() as u64);
        let hint = self.body.size_hint();
        let mut all = SizeHint::new();
        all.set_lower(hint.lower() + rest);
        if let Some(upper) = hint.upper() {
            all.set_upper(upper + rest);
        }
        all
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

    /// Until when the client has time; `None` while it waits for the host.
    fn until(&self) -> Option<Instant> {
        let Activity { since, begun, open, answered, told, .. } = &*self.activity;
        let is_open = open.load(Relaxed) > 0;
        let answered = answered.load(Relaxed);
        let at = |milliseconds| *since + Duration::from_millis(milliseconds);
        if self.activity.is_http_2.load(Relaxed) {
            let taken = self.activity.nothing_taken_since().map(|since| since + self.patience.send);
            let head = (begun.load(Relaxed) == 0).then_some(self.head.0);
            let told = Some(told.load(Relaxed)).filter(|told| *told != NOT_TOLD && !is_open);
            let told = told.map(|told| at(told.max(answered)) + FAREWELL);
            return [head, taken, told].into_iter().flatten().min();
        }
        let (head, begun_before) = self.head;
        if is_open {
            return None;
        }
        if begun.load(Relaxed) == begun_before {
            return Some(head);
        }
        Some(at(answered) + self.patience.idle)
    }

    /// Until when an HTTP/2 connection may rest. It is told then, and can be closed without losing a request.
    fn rests_until(&self) -> Option<Instant> {
        let activity = &self.activity;
        let rests = activity.is_http_2.load(Relaxed) && activity.open.load(Relaxed) == 0 && !activity.is_told_to_end();
        let answered = Duration::from_millis(activity.answered.load(Relaxed));
        rests.then(|| activity.since + answered + self.patience.idle)
    }

    /// Notes what was read.
    fn note(&mut self, bytes: &[u8]) {
        if let Some(known) = self.preface.filter(|known| *known < HTTP_2.len()) {
            let expected = HTTP_2[known..].iter().zip(bytes).all(|(expected, byte)| expected == byte);
            self.preface = expected.then_some(HTTP_2.len().min(known + bytes.len()));
            self.activity.is_http_2.store(self.preface == Some(HTTP_2.len()), Relaxed);
        }
        let begun = self.activity.begun.load(Relaxed);
        if self.activity.open.load(Relaxed) == 0 && self.head.1 != begun {
            let now = Instant::now();
            self.head = (now + self.patience.head, begun);
            self.activity.asked.store(self.activity.at(now), Relaxed);
        }
    }

    /// Fails when the client has had its time.
    fn poll_time(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        while !self.activity.upgraded.load(Relaxed) {
            let now = Instant::now();
            let until = self.until();
            if until.is_some_and(|until| until <= now) {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            let rests_until = self.rests_until();
            if rests_until.is_some_and(|until| until <= now) {
                self.activity.tell_to_end();
                continue;
            }
            let until = until.into_iter().chain(rests_until).min();
            // Nobody is told when an answer is out, or a piece of it there. So it is looked for within the time the client then has.
            let least = self.patience.idle.min(self.patience.send);
            let look = until.unwrap_or(now + if self.activity.is_told_to_end() { least.min(FAREWELL) } else { least });
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

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    /// hyper hands all of an answer to the connection before the client has taken it.
    #[tokio::test]
    async fn an_http_2_connection_does_not_rest_while_it_has_some_of_an_answer() {
        for is_kept in [true, false] {
            let activity = Activity::begin();
            activity.is_http_2.store(true, Relaxed);
            let mut answer = Answer::new(Full::new(Bytes::from_static(b"some")), is_kept, activity.answer());
            let piece = answer.frame().await.unwrap().unwrap().into_data().unwrap_or_else(|_| panic!("no data"));
            drop(answer);
            assert!(!activity.has_rested(Duration::ZERO));
            drop(piece);
            assert!(activity.has_rested(Duration::ZERO));
        }
    }
}
