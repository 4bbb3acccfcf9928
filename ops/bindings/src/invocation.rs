//! Invocations: what the host asks of an isolate, and the table of those that are running in one.
//!
//! A request, and later a queue batch, a cron tick or a workflow step, are all an [`Invocation`]. The table owns what an
//! invocation holds on this side of V8; JavaScript knows it by an [`InvocationId`] only.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::combinators::BoxBody;
use orilla_services::caller::Caller;
use tokio::sync::{mpsc, oneshot};

use crate::error::BindingError;
use crate::inbound_headers::InboundHeaders;
use crate::meter::Meter;
use crate::own_origin::OwnOrigin;
use crate::unsent::{Room, Unsent};
use crate::websocket::WebSocketEnd;

/// Names an invocation within its isolate. Never 0, and not reused while the isolate lives (it serves fewer than 2^32).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InvocationId(pub u32);

/// Any error of a body on its way.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A request for an app.
pub struct FetchRequest {
    /// The method.
    pub method: Method,
    /// The absolute URL.
    pub url: String,
    /// The headers.
    pub headers: InboundHeaders,
    /// What nobody has read of the body.
    pub body: RequestBody,
    /// Whether the client asks for a WebSocket and the connection can become one.
    pub upgradable: bool,
    /// How many isolates have begun with it and did not live to answer.
    pub attempt: u8,
    /// Where it is taken down what the invocation uses.
    pub meter: Arc<dyn Meter>,
    /// Where requests to its own origin go.
    pub own: Option<OwnOrigin>,
}

impl FetchRequest {
    /// What stands for the request in an invocation that has none.
    pub fn none() -> Self {
        Self {
            method: Method::GET,
            url: String::new(),
            headers: HeaderMap::new().into(),
            body: RequestBody::Empty,
            upgradable: false,
            // It is not asked again of another isolate.
            attempt: u8::MAX,
            meter: Arc::new(()),
            own: None,
        }
    }
}

/// A request's body.
pub enum RequestBody {
    /// There is none.
    Empty,
    /// All of it is here.
    Buffered(Bytes),
    /// It is still arriving.
    Stream(BoxBody<Bytes, BodyError>),
}

impl RequestBody {
    /// The number js/web/inbound_request.js knows this kind by.
    pub fn kind(&self) -> i32 {
        match self {
            Self::Empty => 0,
            Self::Buffered(_) => 1,
            Self::Stream(_) => 2,
        }
    }
}

/// What an isolate answers.
pub enum Reply {
    /// A response; its body may still be on its way.
    Response(http::Response<ReplyBody>),
    /// The invocation ended without one.
    Failed(EndReason),
    /// The isolate ended before it answered, and another one can take the request.
    Unanswered(Box<FetchRequest>),
}

/// A response's body.
pub enum ReplyBody {
    /// There is none.
    Empty,
    /// All of it is here.
    Full(Bytes),
    /// It comes in chunks.
    Stream(mpsc::Receiver<Result<Bytes, BodyError>>),
    /// The connection becomes a WebSocket.
    WebSocket(WebSocketEnd),
}

/// Why an invocation or an isolate ended early. The names are the values of the `x-orilla-error` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// The app used more CPU time than `limits.cpu_ms`.
    Cpu,
    /// The app's heap grew beyond `limits.heap_mb`.
    Memory,
    /// No response within `limits.wall_ms`.
    Wall,
    /// The app could not be started.
    Boot,
    /// The handler threw, or its promise was rejected.
    Uncaught,
    /// The isolate was taken back by the host.
    Reclaimed,
    /// Too many requests are waiting for this app.
    Overloaded,
    /// The request's body is larger than the app allows.
    BodyTooLarge,
    /// The runtime itself failed in the isolate.
    Crashed,
}

impl EndReason {
    /// The value of the `x-orilla-error` header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Wall => "wall",
            Self::Boot => "boot",
            Self::Uncaught => "uncaught",
            Self::Reclaimed => "reclaimed",
            Self::Overloaded => "overloaded",
            Self::BodyTooLarge => "body_too_large",
            Self::Crashed => "crashed",
        }
    }
}

/// What an invocation holds while it runs.
pub struct Running {
    /// Who calls.
    pub caller: Arc<Caller>,
    /// The request.
    pub request: Box<FetchRequest>,
    /// Whether the request came with a body.
    pub had_body: bool,
    /// Where the answer goes, until it is given.
    pub reply: Option<oneshot::Sender<Reply>>,
    /// Where the chunks of a streamed answer go.
    pub chunks: Option<mpsc::Sender<Result<Bytes, BodyError>>>,
    /// The room that was made for the next of them, or for the whole answer, where it had to wait.
    pub room: Option<Room>,
    /// Bytes of a streamed answer so far.
    pub sent: u64,
    /// Whether the connection has become a WebSocket.
    pub websocket: bool,
    /// Sub-requests made so far.
    pub subrequests: u32,
    /// Of these, the ones that were counted for a fetch which has not connected yet.
    pub fetches_begun: u32,
    /// CPU time charged so far.
    pub cpu: Duration,
    /// When the invocation must have answered, or, once it has, have ended.
    pub deadline: Instant,
}

/// What an app may use of the way to its clients and beyond, in the isolate or in one invocation.
#[derive(Clone, Copy, Debug, Default)]
pub struct InvocationLimits {
    /// Most sub-requests of one invocation.
    pub subrequests: u32,
    /// Most bytes of names and values in a response's headers.
    pub response_header_bytes: usize,
    /// Most bytes of a response's body.
    pub response_body_bytes: u64,
    /// Most WebSockets open at the same time in the isolate.
    pub websockets: usize,
}

/// The invocations running in one isolate, and what the app may use.
pub struct Invocations {
    running: HashMap<InvocationId, Running>,
    /// What the app may use.
    pub limits: InvocationLimits,
    /// Where answers count until their clients have taken them.
    pub unsent: Unsent,
    /// How many connections have become WebSockets and are open.
    pub websockets: usize,
    /// Invocations that ended, or became WebSockets, since the host last looked.
    pub ended: u32,
    /// What those that ended in this turn are charged to.
    pub unpaid: Vec<Arc<dyn Meter>>,
}

impl Invocations {
    /// An empty table.
    pub fn new(limits: InvocationLimits, unsent: Unsent) -> Self {
        Self { running: HashMap::new(), limits, unsent, websockets: 0, ended: 0, unpaid: Vec::new() }
    }

    /// Notes that an invocation's connection has become a WebSocket; it counts as such from now on.
    pub fn upgraded(&mut self, id: InvocationId) {
        if let Some(running) = self.running.get_mut(&id) {
            running.websocket = true;
            self.websockets += 1;
            self.ended += 1;
        }
    }

    /// Adds an invocation.
    pub fn insert(&mut self, id: InvocationId, running: Running) {
        self.running.insert(id, running);
    }

    /// A running invocation.
    pub fn get(&self, id: InvocationId) -> Option<&Running> {
        self.running.get(&id)
    }

    /// A running invocation, to change it.
    pub fn get_mut(&mut self, id: InvocationId) -> Option<&mut Running> {
        self.running.get_mut(&id)
    }

    /// Ends an invocation; whatever it still holds is dropped.
    pub fn remove(&mut self, id: InvocationId) -> Option<Running> {
        let removed = self.running.remove(&id);
        if let Some(running) = &removed {
            if running.websocket {
                self.websockets -= 1;
            } else {
                self.ended += 1;
            }
            self.unpaid.push(running.request.meter.clone());
        }
        removed
    }

    /// Room for an invocation's response of so many bytes, if there is: what was made for it, or any.
    pub fn room_for(&mut self, id: InvocationId, bytes: usize) -> Option<Room> {
        let made =
            if self.unsent.counts(bytes) { self.get_mut(id).and_then(|running| running.room.take()) } else { None };
        made.filter(|room| room.is_enough_for(bytes, &self.unsent)).or_else(|| self.unsent.try_room(bytes))
    }

    /// All running invocations.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (InvocationId, &mut Running)> {
        self.running.iter_mut().map(|(id, running)| (*id, running))
    }

    /// How many are running.
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// Whether none is running.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Ends every invocation for one reason. Those that have not answered answer with it, or go to another isolate where
    /// that is safe; the `culprit`, for whose sake the isolate was terminated, never does, nor does one that was alone.
    pub fn fail_all(&mut self, reason: EndReason, culprit: Option<InvocationId>) {
        let alone = self.running.len() == 1;
        self.websockets = 0;
        for (id, running) in self.running.drain() {
            self.ended += u32::from(!running.websocket);
            if alone || culprit == Some(id) || !running.is_repeatable() {
                running.fail(reason);
            } else {
                running.give_back();
            }
        }
    }
}

impl Running {
    /// An invocation that begins now and must have answered by `deadline`.
    pub fn new(
        caller: Arc<Caller>,
        request: Box<FetchRequest>,
        reply: oneshot::Sender<Reply>,
        deadline: Instant,
    ) -> Self {
        Self {
            caller,
            had_body: !matches!(request.body, RequestBody::Empty),
            request,
            reply: Some(reply),
            chunks: None,
            room: None,
            sent: 0,
            websocket: false,
            subrequests: 0,
            fetches_begun: 0,
            cpu: Duration::ZERO,
            deadline,
        }
    }

    /// Counts a sub-request, if it may make another.
    pub fn count_subrequest(&mut self, limit: u32) -> Result<(), BindingError> {
        if self.subrequests >= limit {
            return Err(BindingError::SubrequestsExceeded(limit));
        }
        self.subrequests += 1;
        Ok(())
    }

    /// Whether the request can be handled once more: nothing of it is used up, nobody has seen an answer, and by HTTP's
    /// rules twice does no more than once (RFC 9110, 9.2.2).
    fn is_repeatable(&self) -> bool {
        let FetchRequest { method, body, attempt, .. } = &*self.request;
        let has_body = !self.had_body || matches!(body, RequestBody::Buffered(_));
        *attempt == 0 && self.reply.is_some() && method.is_idempotent() && has_body
    }

    /// Sends the request back to whoever waits for the answer.
    fn give_back(self) {
        let Self { mut request, reply, .. } = self;
        request.attempt += 1;
        if let Some(reply) = reply {
            // The client may be gone; then there is nobody to tell.
            let _ = reply.send(Reply::Unanswered(request));
        }
    }

    /// Answers with a reason, or breaks off the answer that is on its way.
    pub fn fail(mut self, reason: EndReason) {
        self.request.meter.ended(reason);
        if let Some(reply) = self.reply.take() {
            // The client may be gone; then there is nobody to tell.
            let _ = reply.send(Reply::Failed(reason));
        } else if let Some(chunks) = self.chunks.take() {
            let _ = chunks.try_send(Err(format!("the app was stopped: {}", reason.as_str()).into()));
        }
    }
}
