//! WebSockets of apps: with clients, whose handshakes the host answers, and with servers that an app connects to. Here is the app's
//! end of a connection; [`carry`] is the host's.

mod carry;
mod client;
mod inbound_frames;
mod messages;

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use base64::Engine as _;
use bytes::Bytes;
use deno_core::{AsyncRefCell, OpState, RcRef, Resource, ToJsBuffer, op2};
use serde::Serialize;
use sha1::{Digest as _, Sha1};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::AbortHandle;

pub use self::carry::carry;
pub(crate) use self::client::op_websocket_open;
pub use self::messages::Messages;
use crate::limits::MAX_UNREAD_WEBSOCKET_MESSAGES;
use crate::pending::{Held, PendingBytes, UnreadBytes};

/// The constant of the handshake (RFC 6455, section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What a server answers to a client's key.
pub fn accept_of(key: &[u8]) -> String {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    base64::engine::general_purpose::STANDARD.encode(digest)
}

/// A message of a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebSocketMessage {
    /// The server has taken the connection, with this protocol; what follows are its messages.
    Open(String),
    /// UTF-8.
    Text(String),
    /// Bytes.
    Binary(Bytes),
    /// The end of the connection.
    Close {
        /// The close code; 1005 stands for none.
        code: u16,
        /// Why, at most 123 bytes.
        reason: String,
        /// Whether the closing handshake took place.
        clean: bool,
    },
}

impl WebSocketMessage {
    /// The end of a connection that was lost.
    fn lost(reason: String) -> Self {
        Self::Close { code: 1006, reason, clean: false }
    }

    /// Bytes of its payload.
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
            Self::Open(text) | Self::Close { reason: text, .. } => text.len(),
        }
    }
}

/// What an app sends, with what it holds until it is on its way.
type Outgoing = (WebSocketMessage, [Held; 2]);
/// What an app is sent, with the room it takes until the app has it.
type Incoming = (WebSocketMessage, Option<OwnedSemaphorePermit>);

/// The host's end of a WebSocket: what the app sends arrives, what the other side sends goes to the app.
pub struct WebSocketEnd {
    outgoing: mpsc::Receiver<Outgoing>,
    incoming: mpsc::Sender<Incoming>,
    unread: UnreadBytes,
}

/// The app's end of a WebSocket, as the isolate holds it.
pub struct AppWebSocket {
    /// Nothing once too much waited for the other side: the host closes the connection after what did.
    to_other: RefCell<Option<mpsc::Sender<Outgoing>>>,
    from_other: AsyncRefCell<mpsc::Receiver<Incoming>>,
    unsent: PendingBytes,
    /// What carries the messages, where the isolate does that itself.
    task: Option<AbortHandle>,
}

/// The two ends of a WebSocket. So many messages may wait for the other side.
pub(crate) fn ends(state: &OpState, max_unsent: usize) -> (AppWebSocket, WebSocketEnd) {
    let (to_other, outgoing) = mpsc::channel(max_unsent);
    let (incoming, from_other) = mpsc::channel(MAX_UNREAD_WEBSOCKET_MESSAGES);
    let app = AppWebSocket {
        to_other: RefCell::new(Some(to_other)),
        from_other: AsyncRefCell::new(from_other),
        unsent: PendingBytes::new(usize::MAX),
        task: None,
    };
    (app, WebSocketEnd { outgoing, incoming, unread: state.borrow::<UnreadBytes>().clone() })
}

impl Resource for AppWebSocket {
    fn name(&self) -> Cow<'_, str> {
        "webSocket".into()
    }
}

/// What happened on a connection, as js/web/web_socket.js and web_socket_pair.js read it.
#[derive(Default, Serialize)]
pub(crate) struct WebSocketEvent {
    kind: u8,
    text: Option<String>,
    bytes: Option<ToJsBuffer>,
    code: u16,
    reason: String,
    clean: bool,
}

impl From<WebSocketMessage> for WebSocketEvent {
    fn from(message: WebSocketMessage) -> Self {
        match message {
            WebSocketMessage::Text(text) => Self { kind: 0, text: Some(text), ..Self::default() },
            WebSocketMessage::Binary(bytes) => {
                Self { kind: 1, bytes: Some(ToJsBuffer::from(bytes.to_vec())), ..Self::default() }
            }
            WebSocketMessage::Close { code, reason, clean } => Self { kind: 2, code, reason, clean, ..Self::default() },
            WebSocketMessage::Open(protocol) => Self { kind: 3, text: Some(protocol), ..Self::default() },
        }
    }
}

/// Closes the connections with clients of an isolate that can no longer do that itself.
pub fn give_up_websockets(state: &mut OpState) {
    let numbers: Vec<_> = state.resource_table.names().map(|(number, _)| number).collect();
    for socket in numbers.into_iter().filter_map(|number| state.resource_table.get::<AppWebSocket>(number).ok()) {
        socket.to_other.take();
    }
}

/// The next event of a connection; the last one is its end.
#[op2]
#[serde]
pub(crate) async fn op_websocket_next(state: Rc<RefCell<OpState>>, #[smi] connection: u32) -> WebSocketEvent {
    let lost = || (WebSocketMessage::lost(String::new()), None);
    let socket = state.borrow().resource_table.get::<AppWebSocket>(connection);
    let Ok(socket) = socket else { return lost().0.into() };
    let mut from_other = RcRef::map(&socket, |socket| &socket.from_other).borrow_mut().await;
    let (message, _room) = from_other.recv().await.unwrap_or_else(lost);
    if matches!(message, WebSocketMessage::Close { .. }) {
        // Closing twice is harmless: the handle may have been closed by the app.
        let _ = state.borrow_mut().resource_table.take_any(connection);
    }
    message.into()
}

/// Sends a message; false, for the last time, if too much is waiting for the other side.
fn offer(state: &mut OpState, connection: u32, message: WebSocketMessage) -> bool {
    let Ok(socket) = state.resource_table.get::<AppWebSocket>(connection) else { return true };
    let mut to_other = socket.to_other.borrow_mut();
    let Some(sender) = &*to_other else { return true };
    let hold = |pending: &PendingBytes| pending.hold(message.bytes());
    let held = hold(state.borrow::<PendingBytes>()).and_then(|held| Ok([held, hold(&socket.unsent)?]));
    let sent = held.is_ok_and(|held| !matches!(sender.try_send((message, held)), Err(TrySendError::Full(_))));
    if !sent {
        to_other.take();
        if let Some(task) = &socket.task {
            task.abort();
        }
    }
    sent
}

/// Sends text; false if too much is waiting for the other side.
#[op2(fast)]
pub(crate) fn op_websocket_send_text(state: &mut OpState, #[smi] connection: u32, #[string] text: String) -> bool {
    offer(state, connection, WebSocketMessage::Text(text))
}

/// Sends bytes; false if too much is waiting for the other side.
#[op2]
pub(crate) fn op_websocket_send_bytes(state: &mut OpState, #[smi] connection: u32, #[anybuffer] bytes: &[u8]) -> bool {
    offer(state, connection, WebSocketMessage::Binary(Bytes::copy_from_slice(bytes)))
}

/// Closes a connection after what was sent before.
#[op2(fast)]
pub(crate) fn op_websocket_close(state: &mut OpState, #[smi] connection: u32, code: u16, #[string] reason: String) {
    let close = WebSocketMessage::Close { code, reason, clean: true };
    // Where too much is waiting for the other side the host closes it all the same.
    offer(state, connection, close);
}

/// Bytes that were sent and are not on their way yet.
#[op2(fast)]
#[number]
pub(crate) fn op_websocket_unsent(state: &mut OpState, #[smi] connection: u32) -> usize {
    state.resource_table.get::<AppWebSocket>(connection).map_or(0, |socket| socket.unsent.used())
}
