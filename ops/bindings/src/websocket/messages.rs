//! The other side's messages out of its frames: those that come in pieces are put together (RFC 6455, section 5.4), within the
//! same limit as those that come whole.

use fastwebsockets::{Frame, OpCode, Payload, WebSocketError, WebSocketRead};
use tokio::io::AsyncRead;

use crate::limits::MAX_MESSAGE_BYTES;

/// What the other side sends, message by message.
pub struct Messages<S> {
    frames: WebSocketRead<S>,
    /// The message that has begun, without its end.
    begun: Option<(OpCode, Vec<u8>)>,
}

impl<S: AsyncRead + Unpin> Messages<S> {
    /// Of these frames, none of which is longer than a message may be.
    pub fn of(frames: WebSocketRead<S>) -> Self {
        Self { frames, begun: None }
    }

    /// The next message, or a frame that is none: a ping, a pong or a close. Those may come between the pieces of a message.
    pub async fn next(&mut self) -> Result<Frame<'static>, WebSocketError> {
        loop {
            // The automatic answers are off, so nothing is ever handed to this.
            let frame = self.frames.read_frame(&mut |_| async { Ok::<(), WebSocketError>(()) }).await?;
            match (frame.opcode, &mut self.begun) {
                (OpCode::Text | OpCode::Binary, Some(_)) => return Err(WebSocketError::InvalidFragment),
                (OpCode::Text | OpCode::Binary, begun) if !frame.fin => {
                    *begun = Some((frame.opcode, frame.payload.to_vec()));
                }
                (OpCode::Continuation, None) => return Err(WebSocketError::InvalidContinuationFrame),
                (OpCode::Continuation, Some((_, bytes))) => {
                    if bytes.len() + frame.payload.len() > MAX_MESSAGE_BYTES {
                        return Err(WebSocketError::FrameTooLarge);
                    }
                    bytes.extend_from_slice(&frame.payload);
                    if frame.fin
                        && let Some((opcode, bytes)) = self.begun.take()
                    {
                        return whole(opcode, bytes);
                    }
                }
                _ => return Ok(Frame::new(true, frame.opcode, None, owned(frame.payload))),
            }
        }
    }
}

fn owned(payload: Payload<'_>) -> Payload<'static> {
    match payload {
        Payload::Bytes(bytes) => Payload::Bytes(bytes),
        payload => Payload::Owned(payload.to_vec()),
    }
}

fn whole(opcode: OpCode, bytes: Vec<u8>) -> Result<Frame<'static>, WebSocketError> {
    if opcode == OpCode::Text && std::str::from_utf8(&bytes).is_err() {
        return Err(WebSocketError::InvalidUTF8);
    }
    Ok(Frame::new(true, opcode, None, Payload::Owned(bytes)))
}
