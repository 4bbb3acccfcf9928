//! One debugger and one isolate: carries the protocol's messages both ways until either is gone. It reads one of them,
//! the announcement of the app's script, to say where its source map can be had.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use deno_core::futures::StreamExt as _;
use deno_core::futures::channel::mpsc as engine;
use deno_core::{
    InspectorMsg, InspectorMsgKind, InspectorSessionChannels, InspectorSessionKind, InspectorSessionProxy,
};
use fastwebsockets::{CloseCode, Frame, OpCode, Payload, Role, WebSocket, WebSocketError, WebSocketWrite};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use orilla_bindings::websocket::Messages;
use orilla_snapshot::loader::ENTRYPOINT;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};

use super::commands::{Commands, Refused, is_own};
use super::targets::{Attached, Target};

/// Bytes of one message of a debugger.
pub const MAX_COMMAND_BYTES: usize = 16 << 20;

/// Bytes that wait for a debugger that reads slowly. The snapshot of a heap comes all at once.
pub const MAX_UNREAD_EVENT_BYTES: usize = 256 << 20;

/// How long a debugger may take to be told that the session has ended.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a session ended: the code and the reason of the closing frame.
type End = (CloseCode, &'static str);

const LEFT: End = (CloseCode::Normal, "");
const ISOLATE_GONE: End = (CloseCode::Away, "the isolate has ended");
const STOPPED: End = (CloseCode::Away, "the host stops");
const TOO_LARGE: End = (CloseCode::Size, "the message is too large");
const TOO_MANY_COMMANDS: End = (CloseCode::Policy, "too many messages wait for the isolate");
const TOO_SLOW: End = (CloseCode::Policy, "too much waits to be read");

/// Serves a debugger that has connected to `host`, until it leaves, the isolate ends or `stop` has no sender any more.
/// When it returns the isolate goes on, also if it was paused.
pub async fn serve(upgraded: Upgraded, debugger: Attached, host: String, mut stop: watch::Receiver<()>) {
    let mut socket = WebSocket::after_handshake(TokioIo::new(upgraded), Role::Server);
    socket.set_max_message_size(MAX_COMMAND_BYTES);
    socket.set_auto_close(false);
    socket.set_auto_pong(false);
    let (read, mut write) = socket.split(tokio::io::split);
    let (events, from_isolate) = engine::unbounded();
    let (commands, to_isolate) = engine::unbounded();
    let kind = InspectorSessionKind::NonBlocking { wait_for_disconnect: false };
    let channels = InspectorSessionChannels::Regular { tx: events, rx: to_isolate };
    let end = if debugger.begin(InspectorSessionProxy { channels, kind }) {
        let (unread, waiting) = unread();
        tokio::select! {
            end = read_commands(Messages::of(read), Commands::new(commands), unread.clone()) => end,
            end = collect_events(from_isolate, &debugger.0, &host, unread) => end,
            end = write_events(&mut write, waiting) => end,
            _ = stop.changed() => STOPPED,
        }
    } else {
        ISOLATE_GONE
    };
    // The commands have no sender any more, which is how the isolate learns of the end. Another debugger may come.
    drop(debugger);
    let (code, reason) = end;
    let close = Frame::close(code.into(), reason.as_bytes());
    // Whoever does not take it has gone.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, write.write_frame(close)).await;
}

async fn read_commands<S: AsyncRead + Unpin>(mut messages: Messages<S>, mut commands: Commands, unread: Unread) -> End {
    loop {
        let frame = match messages.next().await {
            Ok(frame) => frame,
            Err(WebSocketError::FrameTooLarge) => return TOO_LARGE,
            Err(_) => return LEFT,
        };
        match frame.opcode {
            OpCode::Text => match commands.send(String::from_utf8_lossy(&frame.payload).into_owned()) {
                Ok(()) => {}
                Err(Refused::Gone) => return ISOLATE_GONE,
                Err(Refused::Full) => return TOO_MANY_COMMANDS,
            },
            OpCode::Ping if !unread.push(Frame::pong(Payload::Owned(frame.payload.to_vec()))) => return TOO_SLOW,
            OpCode::Close => return LEFT,
            _ => {}
        }
    }
}

/// Takes what the isolate says as soon as it says it, so that what waits can be counted.
async fn collect_events(
    mut events: engine::UnboundedReceiver<InspectorMsg>,
    target: &Target,
    host: &str,
    unread: Unread,
) -> End {
    while let Some(InspectorMsg { kind, content }) = events.next().await {
        if matches!(kind, InspectorMsgKind::Message(id) if is_own(id)) {
            continue;
        }
        let content = with_source_map(content, target, host);
        if !unread.push(Frame::text(Payload::Owned(content.into_bytes()))) {
            return TOO_SLOW;
        }
    }
    ISOLATE_GONE
}

async fn write_events<S: AsyncWrite + Unpin>(
    write: &mut WebSocketWrite<S>,
    mut waiting: mpsc::UnboundedReceiver<(Frame<'static>, Counted)>,
) -> End {
    while let Some((frame, _counted)) = waiting.recv().await {
        if write.write_frame(frame).await.is_err() {
            return LEFT;
        }
    }
    ISOLATE_GONE
}

/// What waits for the debugger to read it, at most [`MAX_UNREAD_EVENT_BYTES`].
#[derive(Clone)]
struct Unread {
    frames: mpsc::UnboundedSender<(Frame<'static>, Counted)>,
    bytes: Arc<AtomicUsize>,
}

#[allow(clippy::disallowed_methods, reason = "what waits in it is bounded by its bytes, in `Unread::push`")]
fn unread() -> (Unread, mpsc::UnboundedReceiver<(Frame<'static>, Counted)>) {
    let (frames, waiting) = mpsc::unbounded_channel();
    (Unread { frames, bytes: Arc::default() }, waiting)
}

impl Unread {
    /// Says whether there was room.
    fn push(&self, frame: Frame<'static>) -> bool {
        let length = frame.payload.len();
        let counted = Counted { length, bytes: self.bytes.clone() };
        let before = self.bytes.fetch_add(length, Relaxed);
        before.saturating_add(length) <= MAX_UNREAD_EVENT_BYTES && self.frames.send((frame, counted)).is_ok()
    }
}

/// A frame's part of the bytes that wait.
struct Counted {
    length: usize,
    bytes: Arc<AtomicUsize>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.bytes.fetch_sub(self.length, Relaxed);
    }
}

/// The announcement of the app's script, with an address of its source map that a debugger can read: the path beside the
/// script is in the file system of the host, if anywhere. Other messages stay as they are.
fn with_source_map(content: String, target: &Target, host: &str) -> String {
    if !content.starts_with(r#"{"method":"Debugger.scriptParsed""#) {
        return content;
    }
    let Ok(mut message) = serde_json::from_str::<Value>(&content) else { return content };
    let parameters = &mut message["params"];
    match &target.deployment.source_map.name {
        Some(name) if parameters["url"] == ENTRYPOINT => {
            parameters["sourceMapURL"] = format!("http://{host}/maps/{}/{name}", target.isolate).into();
            message.to_string()
        }
        _ => content,
    }
}
