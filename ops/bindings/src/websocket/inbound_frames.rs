//! Refuses a client's unmasked frames and a server's masked ones (RFC 6455, section 5.1), which the WebSocket library takes.
//! Follows the frames' headers as the bytes pass by; never changes them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// A reader that fails with [`io::ErrorKind::InvalidData`] at the first frame that has no mask and should, or has one and should
/// not.
pub(super) struct Masking<R> {
    reader: R,
    masked: bool,
    next: Next,
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

const MASK_BIT: u8 = 0x80;
const MASK_BYTES: u64 = 4;

impl<R> Masking<R> {
    /// Watches a reader that is at the beginning of a frame.
    pub(super) fn new(reader: R, masked: bool) -> Self {
        Self { reader, masked, next: Next::Flags }
    }

    /// What comes after the length.
    fn rest(&self, length: u64) -> Next {
        match length.saturating_add(if self.masked { MASK_BYTES } else { 0 }) {
            0 => Next::Flags,
            rest => Next::Rest(rest),
        }
    }

    /// Follows these bytes. Says whether all frames that begin in them are as they should be.
    fn follow(&mut self, mut bytes: &[u8]) -> bool {
        while let Some((&byte, rest)) = bytes.split_first() {
            bytes = rest;
            self.next = match self.next {
                Next::Flags => Next::Length,
                Next::Length if (byte & MASK_BIT != 0) != self.masked => return false,
                Next::Length => match byte & !MASK_BIT {
                    126 => Next::LongLength { left: 2, length: 0 },
                    127 => Next::LongLength { left: 8, length: 0 },
                    length => self.rest(length.into()),
                },
                Next::LongLength { left, length } => {
                    let length = length << 8 | u64::from(byte);
                    match left {
                        1 => self.rest(length),
                        _ => Next::LongLength { left: left - 1, length },
                    }
                }
                Next::Rest(left) => {
                    let more = usize::try_from(left - 1).map_or(rest.len(), |left| left.min(rest.len()));
                    bytes = &rest[more..];
                    match left - 1 - more as u64 {
                        0 => Next::Flags,
                        left => Next::Rest(left),
                    }
                }
            };
        }
        true
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Masking<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.reader).poll_read(cx, buffer))?;
        let good = self.follow(&buffer.filled()[before..]);
        Poll::Ready(if good { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Masking;

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
            let mut watched = Masking::new((), masked);
            prop_assert!(good.chunks(piece).all(|bytes| watched.follow(bytes)));
            prop_assert!(!frame(!masked, wrong).chunks(piece).all(|bytes| watched.follow(bytes)));
        }
    }
}
