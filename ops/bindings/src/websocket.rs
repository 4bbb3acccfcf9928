//! The app's side of a WebSocket connection that the host carries.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use deno_core::{AsyncRefCell, OpState, RcRef, Resource, ToJsBuffer, op2};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::invocation::WebSocketMessage;
use crate::pending::{Held, PendingBytes};

/// A connection, as the isolate holds it.
pub struct AppWebSocket {
    /// Nothing once too much waited for the client: the host closes the connection after what did.
    to_client: RefCell<Option<mpsc::Sender<(WebSocketMessage, Held)>>>,
    from_client: AsyncRefCell<mpsc::Receiver<WebSocketMessage>>,
}

impl AppWebSocket {
    /// A connection on top of the host's channels.
    pub fn new(
        to_client: mpsc::Sender<(WebSocketMessage, Held)>,
        from_client: mpsc::Receiver<WebSocketMessage>,
    ) -> Self {
        Self { to_client: RefCell::new(Some(to_client)), from_client: AsyncRefCell::new(from_client) }
    }
}

impl Resource for AppWebSocket {
    fn name(&self) -> Cow<'_, str> {
        "webSocket".into()
    }
}

/// What happened on a connection, as js/web/web_socket_pair.js reads it.
#[derive(Default, Serialize)]
pub struct WebSocketEvent {
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
        }
    }
}

/// The next event of a connection; the last one is its end.
#[op2]
#[serde]
pub async fn op_websocket_next(state: Rc<RefCell<OpState>>, #[smi] connection: u32) -> WebSocketEvent {
    let lost = || WebSocketMessage::Close { code: 1006, reason: String::new(), clean: false };
    let socket = state.borrow().resource_table.get::<AppWebSocket>(connection);
    let Ok(socket) = socket else { return lost().into() };
    let mut from_client = RcRef::map(&socket, |socket| &socket.from_client).borrow_mut().await;
    let message = from_client.recv().await.unwrap_or_else(lost);
    if matches!(message, WebSocketMessage::Close { .. }) {
        // Closing twice is harmless: the handle may have been closed by the app.
        let _ = state.borrow_mut().resource_table.take_any(connection);
    }
    message.into()
}

/// Sends a message; false, for the last time, if too much is waiting for the client.
fn offer(state: &mut OpState, connection: u32, message: WebSocketMessage) -> bool {
    let Ok(socket) = state.resource_table.get::<AppWebSocket>(connection) else { return true };
    let mut to_client = socket.to_client.borrow_mut();
    let Some(sender) = &*to_client else { return true };
    let held = state.borrow::<PendingBytes>().hold(message.bytes());
    let sent = held.is_ok_and(|held| !matches!(sender.try_send((message, held)), Err(TrySendError::Full(_))));
    if !sent {
        to_client.take();
    }
    sent
}

/// Sends text; false if too much is waiting for the client.
#[op2(fast)]
pub fn op_websocket_send_text(state: &mut OpState, #[smi] connection: u32, #[string] text: String) -> bool {
    offer(state, connection, WebSocketMessage::Text(text))
}

/// Sends bytes; false if too much is waiting for the client.
#[op2]
pub fn op_websocket_send_bytes(state: &mut OpState, #[smi] connection: u32, #[anybuffer] bytes: &[u8]) -> bool {
    offer(state, connection, WebSocketMessage::Binary(Bytes::copy_from_slice(bytes)))
}

/// Closes a connection after what was sent before.
#[op2(fast)]
pub fn op_websocket_close(state: &mut OpState, #[smi] connection: u32, code: u16, #[string] reason: String) {
    let close = WebSocketMessage::Close { code, reason, clean: true };
    // Where too much is waiting for the client the host closes it all the same.
    offer(state, connection, close);
}
