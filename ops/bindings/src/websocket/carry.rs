//! The pump between the other side's frames and an isolate (RFC 6455, sections 5 to 7).

use bytes::Bytes;
use fastwebsockets::{CloseCode, Frame, OpCode, Payload, Role, WebSocket, WebSocketError};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;

use super::inbound_frames::InboundFrames;
use super::messages::Messages;
use super::{Incoming, WebSocketEnd, WebSocketMessage};
use crate::limits::{FAREWELL, MAX_MESSAGE_BYTES};
use crate::pending::UnreadBytes;

/// Stands for a closing frame without a code.
const NO_CODE: u16 = 1005;

/// What the reading half asks the writing half to send, beside the app's own messages.
type Obligations = mpsc::Sender<Frame<'static>>;

/// Carries messages both ways until either side closes. `role` is this side's.
pub async fn carry(upgraded: Upgraded, role: Role, end: WebSocketEnd) {
    let mut socket = WebSocket::after_handshake(TokioIo::new(upgraded), role);
    // It refuses a frame of that size.
    socket.set_max_message_size(MAX_MESSAGE_BYTES + 1);
    socket.set_auto_close(false);
    socket.set_auto_pong(false);
    let WebSocketEnd { mut outgoing, incoming, unread } = end;
    let (read, mut write) = socket.split(|stream| {
        let (read, write) = tokio::io::split(stream);
        (InboundFrames::new(read, role == Role::Server, unread.clone()), write)
    });
    let (obligations, mut owed) = mpsc::channel::<Frame<'static>>(16);
    let reading = async move {
        let close = read_all(Messages::of(read), (&incoming, &unread), &obligations).await;
        // An app that no longer listens has closed the socket itself.
        let _ = incoming.send((close, None)).await;
    };
    let writing = async move {
        loop {
            let (frame, _held) = tokio::select! {
                // First what the other side waits for: its close is answered although the app has heard of it.
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
        // The other side has some time to answer the close. Then the connection is closed, whatever it does.
        () = &mut writing => drop(tokio::time::timeout(FAREWELL, reading).await),
    }
}

async fn read_all<S: tokio::io::AsyncRead + Unpin>(
    mut messages: Messages<S>,
    (incoming, unread): (&mpsc::Sender<Incoming>, &UnreadBytes),
    obligations: &Obligations,
) -> WebSocketMessage {
    loop {
        let message = match messages.next().await {
            Ok(message) => message,
            Err(error) => {
                let Some((code, reason)) = fault(&error) else {
                    return WebSocketMessage::lost(String::new());
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
                    return WebSocketMessage::lost(String::new());
                }
                continue;
            }
            OpCode::Close => {
                let _ = obligations.send(Frame::close_raw(Payload::Owned(message.payload.to_vec()))).await;
                return close_of(&message.payload);
            }
            OpCode::Pong | OpCode::Continuation => continue,
        };
        let room = unread.hold(message.bytes()).await;
        if incoming.send((message, room)).await.is_err() {
            return WebSocketMessage::Close { code: 1001, reason: String::new(), clean: true };
        }
    }
}

/// What the other side did wrong, if that is why the connection ends.
fn fault(error: &WebSocketError) -> Option<(u16, &'static str)> {
    let (code, reason) = match error {
        WebSocketError::FrameTooLarge => (CloseCode::Size, "message too large"),
        WebSocketError::InvalidUTF8 => (CloseCode::Invalid, "invalid UTF-8"),
        WebSocketError::InvalidFragment | WebSocketError::InvalidContinuationFrame => {
            (CloseCode::Protocol, "a piece of another message")
        }
        WebSocketError::IoError(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            (CloseCode::Protocol, "a frame with a mask that should have none, or the other way round")
        }
        WebSocketError::IoError(error) if error.kind() == std::io::ErrorKind::TimedOut => {
            (CloseCode::Policy, "a long message takes too long")
        }
        _ => return None,
    };
    Some((code.into(), reason))
}

fn close_of(payload: &[u8]) -> WebSocketMessage {
    let (code, reason) = match payload.split_first_chunk::<2>() {
        Some((code, reason)) => (u16::from_be_bytes(*code), String::from_utf8_lossy(reason).into_owned()),
        None => (NO_CODE, String::new()),
    };
    WebSocketMessage::Close { code, reason, clean: true }
}

fn frame(message: WebSocketMessage) -> Frame<'static> {
    match message {
        WebSocketMessage::Text(text) => Frame::text(Payload::Owned(text.into_bytes())),
        WebSocketMessage::Binary(bytes) => Frame::binary(Payload::Owned(bytes.to_vec())),
        WebSocketMessage::Close { code: NO_CODE, .. } | WebSocketMessage::Open(_) => {
            Frame::close_raw(Payload::Borrowed(b""))
        }
        WebSocketMessage::Close { code, reason, .. } => Frame::close(code, reason.as_bytes()),
    }
}
