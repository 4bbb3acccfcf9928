//! WebSockets of apps: the handshake (RFC 6455, section 4.2) and the pump between the client's frames and the isolate.

mod masked;
mod messages;

use base64::Engine as _;
use bytes::Bytes;
use fastwebsockets::{CloseCode, Frame, OpCode, Payload, Role, WebSocket, WebSocketError};
use http::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, Method, Response, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use orilla_bindings::invocation::{WebSocketEnd, WebSocketMessage};
use sha1::{Digest as _, Sha1};
use tokio::sync::mpsc;

use self::masked::Masked;
use self::messages::Messages;
use super::body::HostBody;
use super::patience::FAREWELL;
use crate::isolate::dispatched::Dispatched;

/// Most bytes of one message from a client; more closes the connection with code 1009.
pub const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// The constant of the handshake.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A client's wish for a WebSocket.
pub struct Handshake {
    accept: HeaderValue,
    upgrade: OnUpgrade,
}

impl Handshake {
    /// Takes the handshake out of a request, if it is one.
    pub fn of(parts: &mut http::request::Parts) -> Option<Self> {
        let headers = &parts.headers;
        if parts.method != Method::GET || !asks_for_websocket(headers) {
            return None;
        }
        if headers.get(SEC_WEBSOCKET_VERSION)?.as_bytes() != b"13" {
            return None;
        }
        let key = headers.get(SEC_WEBSOCKET_KEY)?;
        let digest = Sha1::new().chain_update(key.as_bytes()).chain_update(GUID).finalize();
        let accept = HeaderValue::from_str(&base64::engine::general_purpose::STANDARD.encode(digest)).ok()?;
        let upgrade = parts.extensions.remove::<OnUpgrade>()?;
        Some(Self { accept, upgrade })
    }

    /// Answers the handshake and connects the client with the app.
    pub fn accept(self, end: WebSocketEnd, dispatched: Dispatched, headers: HeaderMap) -> Response<HostBody> {
        let (response, upgrade) = self.switch(headers);
        tokio::spawn(async move {
            let mut dispatched = dispatched;
            match upgrade.await {
                Ok(upgraded) => {
                    carry(upgraded, end).await;
                    dispatched.finish();
                }
                Err(error) => tracing::debug!(%error, "a WebSocket handshake was broken off"),
            }
        });
        response
    }

    /// The answer that switches the protocol, and the connection once it is sent.
    pub fn switch(self, headers: HeaderMap) -> (Response<HostBody>, OnUpgrade) {
        let mut response = Response::new(HostBody::Full(None));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *response.headers_mut() = headers;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, self.accept);
        (response, self.upgrade)
    }
}

/// Whether the client asks to upgrade to a WebSocket.
fn asks_for_websocket(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// What the reading half asks the writing half to send, beside the app's own messages.
type Obligations = mpsc::Sender<Frame<'static>>;

/// Carries messages both ways until either side closes.
async fn carry(upgraded: Upgraded, end: WebSocketEnd) {
    let mut socket = WebSocket::after_handshake(TokioIo::new(upgraded), Role::Server);
    // It refuses a frame of that size.
    socket.set_max_message_size(MAX_MESSAGE_BYTES + 1);
    socket.set_auto_close(false);
    socket.set_auto_pong(false);
    let (read, mut write) = socket.split(|stream| {
        let (read, write) = tokio::io::split(stream);
        (Masked::new(read), write)
    });
    let WebSocketEnd { mut outgoing, incoming } = end;
    let (obligations, mut owed) = mpsc::channel::<Frame<'static>>(16);
    let reading = async move {
        let close = read_all(Messages::of(read), &incoming, &obligations).await;
        // An app that no longer listens has closed the socket itself.
        let _ = incoming.send(close).await;
    };
    let writing = async move {
        loop {
            let (frame, _held) = tokio::select! {
                // First what the client waits for: its close is answered although the app has heard of it.
                biased;
                Some(frame) = owed.recv() => (frame, None),
                message = outgoing.recv() => match message {
                    Some((message, held)) => (frame(message), Some(held)),
                    // The isolate is gone, or the app has given the socket up.
                    None => (Frame::close(CloseCode::Away.into(), b""), None),
                },
            };
            let last = frame.opcode == OpCode::Close;
            if write.write_frame(frame).await.is_err() || last {
                return;
            }
        }
    };
    let (mut reading, mut writing) = (std::pin::pin!(reading), std::pin::pin!(writing));
    tokio::select! {
        () = &mut reading => writing.await,
        // The client has some time to answer the close. Then the connection is closed, whatever it does.
        () = &mut writing => drop(tokio::time::timeout(FAREWELL, reading).await),
    }
}

async fn read_all<S: tokio::io::AsyncRead + Unpin>(
    mut messages: Messages<S>,
    incoming: &mpsc::Sender<WebSocketMessage>,
    obligations: &Obligations,
) -> WebSocketMessage {
    loop {
        let message = match messages.next().await {
            Ok(message) => message,
            Err(error) => {
                let Some((code, reason)) = fault(&error) else {
                    return WebSocketMessage::Close { code: 1006, reason: String::new(), clean: false };
                };
                let _ = obligations.send(Frame::close(code, reason.as_bytes())).await;
                return WebSocketMessage::Close { code, reason: reason.into(), clean: false };
            }
        };
        let message = match message.opcode {
            OpCode::Text => WebSocketMessage::Text(String::from_utf8_lossy(&message.payload).into_owned()),
            OpCode::Binary => WebSocketMessage::Binary(Bytes::from(message.payload.to_vec())),
            OpCode::Ping => {
                let pong = Frame::pong(Payload::Owned(message.payload.to_vec()));
                if obligations.send(pong).await.is_err() {
                    return WebSocketMessage::Close { code: 1006, reason: String::new(), clean: false };
                }
                continue;
            }
            OpCode::Close => {
                let _ = obligations.send(Frame::close_raw(Payload::Owned(message.payload.to_vec()))).await;
                return close_of(&message.payload);
            }
            OpCode::Pong | OpCode::Continuation => continue,
        };
        if incoming.send(message).await.is_err() {
            return WebSocketMessage::Close { code: 1001, reason: String::new(), clean: true };
        }
    }
}

/// What the client did wrong, if that is why the connection ends.
fn fault(error: &WebSocketError) -> Option<(u16, &'static str)> {
    let (code, reason) = match error {
        WebSocketError::FrameTooLarge => (CloseCode::Size, "message too large"),
        WebSocketError::InvalidUTF8 => (CloseCode::Invalid, "invalid UTF-8"),
        WebSocketError::InvalidFragment | WebSocketError::InvalidContinuationFrame => {
            (CloseCode::Protocol, "a piece of another message")
        }
        WebSocketError::IoError(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            (CloseCode::Protocol, "unmasked frame")
        }
        _ => return None,
    };
    Some((code.into(), reason))
}

fn close_of(payload: &[u8]) -> WebSocketMessage {
    let (code, reason) = match payload.split_first_chunk::<2>() {
        Some((code, reason)) => (u16::from_be_bytes(*code), String::from_utf8_lossy(reason).into_owned()),
        None => (1005, String::new()),
    };
    WebSocketMessage::Close { code, reason, clean: true }
}

fn frame(message: WebSocketMessage) -> Frame<'static> {
    match message {
        WebSocketMessage::Text(text) => Frame::text(Payload::Owned(text.into_bytes())),
        WebSocketMessage::Binary(bytes) => Frame::binary(Payload::Owned(bytes.to_vec())),
        WebSocketMessage::Close { code, reason, .. } => Frame::close(code, reason.as_bytes()),
    }
}
