//! What `CompressionStream` and `DecompressionStream` work with, instead of deno_web's ops of the same names. Those decompress a chunk
//! to whatever it comes to, in memory that nobody counts, and take a stream of `deflate` for whole that was cut off. These never make
//! more of a chunk than the app may have, and let no wrong end pass.

use std::cell::RefCell;
use std::io;

use compression_codecs::brotli::params::EncoderParams;
use compression_codecs::core::Level;
use compression_codecs::core::util::{PartialBuffer, WriteBuffer};
use compression_codecs::flate::params::FlateEncoderParams;
use compression_codecs::{
    BrotliDecoder, BrotliEncoder, DecodeV2, DeflateDecoder, DeflateEncoder, EncodeV2, GzipDecoder, GzipEncoder,
    ZlibDecoder, ZlibEncoder,
};
use deno_core::{GarbageCollected, OpState, convert::Uint8Array, op2, v8};

use crate::pending::PendingBytes;

/// Bytes that come out of a codec at once.
const PIECE_BYTES: usize = 16 << 10;
/// Brotli's quality and window (a power of two), those that servers use for what they compress as they send it.
const BROTLI: (i32, i32) = (6, 22);

/// What a stream of the class throws; all of them are a `TypeError`.
#[derive(Debug, thiserror::Error, deno_error::JsError)]
pub enum CompressionError {
    /// The classes let no other format through.
    #[class(type)]
    #[error("the format is not known")]
    UnknownFormat,
    /// It is written to after its end.
    #[class(type)]
    #[error("the stream has ended")]
    Ended,
    /// It is no stream of the format, or its checksum is another.
    #[class(type)]
    #[error("the compressed data is corrupt: {0}")]
    Corrupt(io::Error),
    /// Its end is missing.
    #[class(type)]
    #[error("the compressed data is cut off")]
    CutOff,
    /// Something follows its end.
    #[class(type)]
    #[error("something follows the end of the compressed data")]
    Trailing,
    /// A chunk comes to too much.
    #[class(type)]
    #[error("a chunk decompresses to more than {0} bytes (limits.array_buffer_mb)")]
    TooLarge(usize),
}

/// A stream under way.
pub struct CompressionState(RefCell<Option<Codec>>);

// SAFETY: the state holds no reference into V8's heap, so there is nothing to trace.
unsafe impl GarbageCollected for CompressionState {
    fn trace(&self, _visitor: &mut v8::cppgc::Visitor) {}

    fn get_name(&self) -> &'static std::ffi::CStr {
        c"CompressionState"
    }
}

enum Codec {
    Encoder(Box<dyn EncodeV2>),
    Decoder { decoder: Box<dyn DecodeV2>, read: Read },
}

/// How much of the compressed data a decoder has read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Read {
    /// Not its end.
    Some,
    /// All.
    All,
    /// All, and something else followed.
    TooMuch,
}

#[op2]
#[cppgc]
pub fn op_compression_new(#[string] format: &str, is_decoder: bool) -> Result<CompressionState, CompressionError> {
    let codec = if is_decoder {
        let decoder: Box<dyn DecodeV2> = match format {
            "deflate" => Box::new(ZlibDecoder::new()),
            "deflate-raw" => Box::new(DeflateDecoder::new()),
            "gzip" => Box::new(GzipDecoder::new()),
            "brotli" => Box::new(BrotliDecoder::new()),
            _ => return Err(CompressionError::UnknownFormat),
        };
        Codec::Decoder { decoder, read: Read::Some }
    } else {
        let level = FlateEncoderParams::from(Level::Default);
        let (quality, window) = BROTLI;
        let encoder: Box<dyn EncodeV2> = match format {
            "deflate" => Box::new(ZlibEncoder::new(level)),
            "deflate-raw" => Box::new(DeflateEncoder::new(level)),
            "gzip" => Box::new(GzipEncoder::new(level)),
            "brotli" => Box::new(BrotliEncoder::new(
                EncoderParams::default().quality(Level::Precise(quality)).window_size(window),
            )),
            _ => return Err(CompressionError::UnknownFormat),
        };
        Codec::Encoder(encoder)
    };
    Ok(CompressionState(RefCell::new(Some(codec))))
}

#[op2]
pub fn op_compression_write(
    state: &OpState,
    #[cppgc] stream: &CompressionState,
    #[anybuffer] chunk: &[u8],
) -> Result<Uint8Array, CompressionError> {
    let output = match stream.0.borrow_mut().as_mut().ok_or(CompressionError::Ended)? {
        Codec::Encoder(encoder) => compress(&mut **encoder, chunk)?,
        Codec::Decoder { decoder, read } => {
            decompress(&mut **decoder, read, chunk, state.borrow::<PendingBytes>().limit)?
        }
    };
    Ok(output.into())
}

/// Refuses what follows the end of the compressed data, once all before it has come out.
#[op2(fast)]
pub fn op_compression_end(#[cppgc] stream: &CompressionState) -> Result<(), CompressionError> {
    match &*stream.0.borrow() {
        Some(Codec::Decoder { read: Read::TooMuch, .. }) => Err(CompressionError::Trailing),
        _ => Ok(()),
    }
}

/// Ends a stream. Without `report_errors` nobody is interested in what is left, nor in whether there was an end.
#[op2]
pub fn op_compression_finish(
    #[cppgc] stream: &CompressionState,
    report_errors: bool,
) -> Result<Uint8Array, CompressionError> {
    let codec = stream.0.borrow_mut().take().ok_or(CompressionError::Ended)?;
    if !report_errors {
        return Ok(Vec::new().into());
    }
    match codec {
        Codec::Encoder(mut encoder) => {
            let mut output = Vec::new();
            drain(&mut output, usize::MAX, |piece| encoder.finish(piece))?;
            Ok(output.into())
        }
        Codec::Decoder { read: Read::TooMuch, .. } => Err(CompressionError::Trailing),
        Codec::Decoder { read: Read::All, .. } => Ok(Vec::new().into()),
        // Whether an end was read together with the last bytes that came out is not known before it is asked for.
        Codec::Decoder { mut decoder, read: Read::Some } => {
            match decoder.finish(&mut WriteBuffer::new_initialized(&mut [0; PIECE_BYTES])) {
                Ok(true) => Ok(Vec::new().into()),
                Ok(false) | Err(_) => Err(CompressionError::CutOff),
            }
        }
    }
}

fn compress(encoder: &mut dyn EncodeV2, chunk: &[u8]) -> Result<Vec<u8>, CompressionError> {
    let (mut input, mut output) = (PartialBuffer::new(chunk), Vec::new());
    drain(&mut output, usize::MAX, |piece| {
        encoder.encode(&mut input, piece)?;
        Ok(input.unwritten().is_empty())
    })?;
    Ok(output)
}

fn decompress(
    decoder: &mut dyn DecodeV2,
    read: &mut Read,
    chunk: &[u8],
    limit: usize,
) -> Result<Vec<u8>, CompressionError> {
    let (mut input, mut output) = (PartialBuffer::new(chunk), Vec::new());
    if *read == Read::Some && !chunk.is_empty() {
        drain(&mut output, limit, |piece| {
            if decoder.decode(&mut input, piece)? {
                *read = Read::All;
            }
            Ok(*read == Read::All || input.unwritten().is_empty())
        })?;
    }
    if *read == Read::Some && !output.is_empty() {
        // Of what it has read it may hold back some that found no room.
        drain(&mut output, limit, |piece| decoder.flush(piece))?;
    }
    if *read != Read::Some && !input.unwritten().is_empty() {
        *read = Read::TooMuch;
    }
    Ok(output)
}

/// Collects what a codec puts out, piece by piece, until it says that this is all.
fn drain(
    output: &mut Vec<u8>,
    limit: usize,
    mut next: impl FnMut(&mut WriteBuffer<'_>) -> io::Result<bool>,
) -> Result<(), CompressionError> {
    let mut bytes = [0; PIECE_BYTES];
    loop {
        let mut piece = WriteBuffer::new_initialized(&mut bytes);
        let is_all = next(&mut piece).map_err(CompressionError::Corrupt)?;
        output.extend_from_slice(piece.written());
        if output.len() > limit {
            return Err(CompressionError::TooLarge(limit));
        }
        if is_all {
            return Ok(());
        }
    }
}
