//! Follows the headers of frames as their bytes pass by, and never changes them. Refuses a client's unmasked frames and a server's
//! masked ones (RFC 6455, section 5.1), which the WebSocket library takes, and lets a long message come only when there is room
//! for all of it: the library holds what has come of a message until its end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;

use crate::limits::{LONG_MESSAGE_BYTES, LONG_MESSAGE_TIMEOUT, MAX_MESSAGE_BYTES};
use crate::pending::UnreadBytes;

/// A reader that fails with [`io::ErrorKind::InvalidData`] at the first frame that has no mask and should, or has one and should
/// not, and with [`io::ErrorKind::TimedOut`] where a long message does not come to its end.
pub(super) struct InboundFrames<R> {
    reader: R,
    headers: Headers,
    unread: UnreadBytes,
    arriving: Arriving,
}

/// The long message that is arriving.
enum Arriving {
    /// There is none.
    Nothing,
    /// It waits for room.
    Waits(Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>),
    /// It has room, and some time.
    Comes { _room: Option<OwnedSemaphorePermit>, until: Pin<Box<Sleep>> },
}

impl<R> InboundFrames<R> {
    /// Follows a reader that is at the beginning of a frame.
    pub(super) fn new(reader: R, masked: bool, unread: UnreadBytes) -> Self {
        Self { reader, headers: Headers::new(masked), unread, arriving: Arriving::Nothing }
    }

    /// Ready when there is room for the message that has begun. Whoever asks for more has no other message any longer.
    fn make_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(long) = self.headers.long_message() else {
            (self.arriving, self.headers.is_another) = (Arriving::Nothing, false);
            return Poll::Ready(());
        };
        if std::mem::take(&mut self.headers.is_another) {
            // First the room of the one before is given back: nobody waits for room while holding some.
            self.arriving = Arriving::Nothing;
            let unread = self.unread.clone();
            self.arriving = Arriving::Waits(Box::pin(async move { unread.arrive(long).await }));
        }
        if let Arriving::Waits(room) = &mut self.arriving {
            let _room = ready!(room.as_mut().poll(cx));
            self.arriving = Arriving::Comes { _room, until: Box::pin(tokio::time::sleep(LONG_MESSAGE_TIMEOUT)) };
        }
        Poll::Ready(())
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for InboundFrames<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.make_room(cx));
        if let Arriving::Comes { until, .. } = &mut self.arriving
            && until.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.reader).poll_read(cx, buffer))?;
        let good = self.headers.follow(&buffer.filled()[before..]);
        Poll::Ready(if good { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) })
    }
}

/// The headers of the frames that come (RFC 6455, section 5.2).
struct Headers {
    masked: bool,
    next: Next,
    /// The frame's first byte.
    flags: u8,
    /// Bytes of the message that has begun, as far as its frames' headers have come, and whether there are more of them.
    message: Option<Message>,
    /// Whether that message has become long since anybody looked.
    is_another: bool,
}

#[derive(Clone, Copy)]
struct Message {
    bytes: u64,
    in_pieces: bool,
}

/// What the next byte is.
enum Next {
    /// The first of a frame: flags and opcode.
    Flags,
    /// The mask bit and the length, or how many bytes the length has.
    Length,
    /// One of the bytes of a longer length.
    LongLength { left: u8, length: u64 },
    /// One of the mask and the payload, which have so many bytes left.
    Rest(u64),
}

const LAST_PIECE: u8 = 0x80;
const OPCODE: u8 = 0x0f;
const CONTINUATION: u8 = 0;
/// From this opcode on a frame is none of a message.
const FIRST_CONTROL: u8 = 8;
const MASK_BIT: u8 = 0x80;
const MASK_BYTES: u64 = 4;

impl Headers {
    fn new(masked: bool) -> Self {
        Self { masked, next: Next::Flags, flags: 0, message: None, is_another: false }
    }

    /// Most bytes of the message that is under way, if that is a long one.
    fn long_message(&self) -> Option<usize> {
        let message = self.message.filter(|message| message.bytes > LONG_MESSAGE_BYTES)?;
        let most = if message.in_pieces { u64::MAX } else { message.bytes };
        Some(usize::try_from(most).unwrap_or(usize::MAX).min(MAX_MESSAGE_BYTES))
    }

    /// Notes a frame's length. What comes then is its mask and its payload.
    fn begin(&mut self, length: u64) -> Next {
        let (opcode, is_last) = (self.flags & OPCODE, self.flags & LAST_PIECE != 0);
        if opcode < FIRST_CONTROL {
            let was_long = opcode == CONTINUATION && self.long_message().is_some();
            let before = self.message.filter(|_| opcode == CONTINUATION).map_or(0, |message| message.bytes);
            let in_pieces = opcode == CONTINUATION || !is_last;
            self.message = Some(Message { bytes: before.saturating_add(length), in_pieces });
            self.is_another |= !was_long && self.long_message().is_some();
        }
        self.payload(length.saturating_add(if self.masked { MASK_BYTES } else { 0 }))
    }

    /// What comes where so many bytes of a frame are left.
    fn payload(&mut self, left: u64) -> Next {
        if left > 0 {
            return Next::Rest(left);
        }
        if self.flags & OPCODE < FIRST_CONTROL && self.flags & LAST_PIECE != 0 {
            self.message = None;
        }
        Next::Flags
    }

    /// Follows these bytes. Says whether all frames that begin in them are as they should be.
    fn follow(&mut self, mut bytes: &[u8]) -> bool {
        while let Some((&byte, rest)) = bytes.split_first() {
            bytes = rest;
            self.next = match self.next {
                Next::Flags => {
                    self.flags = byte;
                    Next::Length
                }
                Next::Length if (byte & MASK_BIT != 0) != self.masked => return false,
                Next::Length => match byte & !MASK_BIT {
                    126 => Next::LongLength { left: 2, length: 0 },
                    127 => Next::LongLength { left: 8, length: 0 },
                    length => self.begin(length.into()),
                },
                Next::LongLength { left, length } => {
                    let length = length << 8 | u64::from(byte);
                    match left {
                        1 => self.begin(length),
                        _ => Next::LongLength { left: left - 1, length },
                    }
                }
                Next::Rest(left) => {
                    let more = usize::try_from(left - 1).map_or(rest.len(), |left| left.min(rest.len()));
                    bytes = &rest[more..];
                    self.payload(left - 1 - more as u64)
                }
            };
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Headers;

    fn frame(masked: bool, payload: usize) -> Vec<u8> {
        let bit = if masked { 0x80 } else { 0 };
        let mut bytes = vec![0x82];
        match payload {
            0..126 => bytes.push(bit | payload as u8),
            126..65_536 => {
                bytes.push(bit | 126);
                bytes.extend((payload as u16).to_be_bytes());
            }
            _ => {
                bytes.push(bit | 127);
                bytes.extend((payload as u64).to_be_bytes());
            }
        }
        bytes.resize(bytes.len() + payload + if masked { 4 } else { 0 }, 0);
        bytes
    }

    proptest! {
        #[test]
        fn a_wrong_frame_is_found_among_right_ones_however_the_bytes_come(
            masked in any::<bool>(),
            before in proptest::collection::vec(prop_oneof![0_usize..300, 65_000_usize..66_000], 0..4),
            wrong in 0_usize..300,
            piece in 1_usize..5000,
        ) {
            let good: Vec<u8> = before.iter().flat_map(|payload| frame(masked, *payload)).collect();
            let mut watched = Headers::new(masked);
            prop_assert!(good.chunks(piece).all(|bytes| watched.follow(bytes)));
            prop_assert!(!frame(!masked, wrong).chunks(piece).all(|bytes| watched.follow(bytes)));
        }
    }
}
