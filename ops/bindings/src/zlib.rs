//! What `node:zlib` works with: one step of a codec, from the app's bytes into a buffer that the caller has made and counted. What
//! does not fit in there stays in the codec, so a step never makes more than was asked for, and keeps nothing of what it was given.

use std::borrow::Cow;
use std::cell::RefCell;

use brotli::enc::StandardAlloc;
use brotli::enc::backward_references::BrotliEncoderMode;
use brotli::enc::encode::{BrotliEncoderOperation, BrotliEncoderStateStruct};
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};
use deno_core::{GarbageCollected, OpState, op2, v8};
use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateError, InflateFlush, Status, Strategy};

use crate::pending::PendingBytes;

/// Added to the size of a window: a gzip header instead of one of zlib.
const GZIP: u8 = 16;
/// The same: whichever of the two headers there is.
const EITHER: u8 = 32;
/// The first byte of a gzip header; none of zlib begins with it.
const GZIP_MAGIC: u8 = 0x1f;
/// How zlib's numbers name the end of the data, both ways.
const FINISH: i32 = 4;
/// How Brotli's do.
const BROTLI_FINISH: i32 = 2;

/// What goes wrong in a codec, with Node's code for it. Each has the number that zlib or Brotli gives it, too.
#[derive(Debug, thiserror::Error, deno_error::JsError)]
#[class(generic)]
#[property("code" = self.code.to_string())]
#[property("errno" = self.errno)]
#[error("{message}")]
pub struct ZlibError {
    message: Cow<'static, str>,
    code: Cow<'static, str>,
    errno: i32,
}

impl ZlibError {
    fn new(message: &'static str, code: &'static str, errno: i32) -> Self {
        Self { message: message.into(), code: code.into(), errno }
    }

    fn unexpected_end() -> Self {
        Self::new("unexpected end of file", "Z_BUF_ERROR", -5)
    }

    fn stream(message: &'static str) -> Self {
        Self::new(message, "Z_STREAM_ERROR", -2)
    }

    fn data(message: Option<&'static str>) -> Self {
        Self::new(message.unwrap_or("invalid compressed data"), "Z_DATA_ERROR", -3)
    }
}

/// A codec under way.
pub struct ZlibState(RefCell<Codec>);

// SAFETY: the state holds no reference into V8's heap, so there is nothing to trace.
unsafe impl GarbageCollected for ZlibState {
    fn trace(&self, _visitor: &mut v8::cppgc::Visitor) {}

    fn get_name(&self) -> &'static std::ffi::CStr {
        c"ZlibState"
    }
}

enum Codec {
    Deflate(Deflate),
    Inflate(Inflating),
    BrotliEncoder(Box<BrotliEncoderStateStruct<StandardAlloc>>),
    BrotliDecoder(Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>),
    /// What it took has been given back.
    Closed,
}

/// How much of its input a step has read, and of its output written.
#[derive(Default)]
struct Progress {
    read: usize,
    written: usize,
}

/// A compressor of zlib's: `header` is `zlib`, `gzip` or `none`.
#[op2]
#[cppgc]
pub fn op_zlib_deflate(
    #[string] header: &str,
    #[smi] level: i32,
    #[smi] window_bits: i32,
    #[smi] mem_level: i32,
    #[smi] strategy: i32,
    #[anybuffer] dictionary: &[u8],
) -> Result<ZlibState, ZlibError> {
    // zlib itself takes no smaller window than 512 bytes, although its format has one.
    let window_bits = window_bits.clamp(9, 15);
    let mut deflate = Deflate::new_with_config(DeflateConfig {
        level: level.clamp(-1, 9),
        window_bits: match header {
            "gzip" => window_bits + i32::from(GZIP),
            "none" => -window_bits,
            _ => window_bits,
        },
        mem_level: mem_level.clamp(1, 9),
        strategy: Strategy::try_from(strategy).unwrap_or_default(),
        ..DeflateConfig::default()
    });
    if !dictionary.is_empty() && header != "gzip" {
        deflate.set_dictionary(dictionary).map_err(|_| ZlibError::stream("Failed to set dictionary"))?;
    }
    Ok(ZlibState(RefCell::new(Codec::Deflate(deflate))))
}

/// A decompressor of zlib's: `header` is `zlib`, `gzip`, `either` or `none`. A window of 0 is what the header says.
#[op2]
#[cppgc]
pub fn op_zlib_inflate(
    #[string] header: &str,
    #[smi] window_bits: u8,
    #[anybuffer] dictionary: &[u8],
) -> Result<ZlibState, ZlibError> {
    let inflating = Inflating::new(header, window_bits.min(15), dictionary)?;
    Ok(ZlibState(RefCell::new(Codec::Inflate(inflating))))
}

/// A compressor of Brotli's.
#[op2]
#[cppgc]
pub fn op_zlib_brotli_encoder(
    #[smi] mode: i32,
    #[smi] quality: i32,
    #[smi] window_bits: i32,
    #[smi] block_bits: i32,
) -> ZlibState {
    let mut encoder = BrotliEncoderStateStruct::new(StandardAlloc::default());
    encoder.params.mode = match mode {
        1 => BrotliEncoderMode::BROTLI_MODE_TEXT,
        2 => BrotliEncoderMode::BROTLI_MODE_FONT,
        _ => BrotliEncoderMode::BROTLI_MODE_GENERIC,
    };
    encoder.params.quality = quality.clamp(0, 11);
    encoder.params.lgwin = window_bits.clamp(10, 24);
    encoder.params.lgblock = if block_bits == 0 { 0 } else { block_bits.clamp(16, 24) };
    ZlibState(RefCell::new(Codec::BrotliEncoder(Box::new(encoder))))
}

/// A decompressor of Brotli's.
#[op2]
#[cppgc]
pub fn op_zlib_brotli_decoder() -> ZlibState {
    let alloc = StandardAlloc::default;
    let decoder = BrotliState::new(alloc(), alloc(), alloc());
    ZlibState(RefCell::new(Codec::BrotliDecoder(Box::new(decoder))))
}

/// One step: `left` gets how many bytes of `output` are unused, and how many of `input`.
#[op2]
pub fn op_zlib_write(
    #[cppgc] state: &ZlibState,
    #[smi] flush: i32,
    #[anybuffer] input: &[u8],
    #[buffer] output: &mut [u8],
    #[buffer] left: &mut [u32],
) -> Result<(), ZlibError> {
    let progress = match &mut *state.0.borrow_mut() {
        Codec::Deflate(deflate) => compress(deflate, flush, input, output)?,
        Codec::Inflate(inflating) => inflating.step(flush, input, output)?,
        Codec::BrotliEncoder(encoder) => brotli_compress(encoder, flush, input, output)?,
        Codec::BrotliDecoder(decoder) => brotli_decompress(decoder, flush, input, output)?,
        Codec::Closed => return Err(ZlibError::stream("the stream is closed")),
    };
    let counts = [output.len() - progress.written, input.len() - progress.read];
    for (place, count) in left.iter_mut().zip(counts) {
        *place = u32::try_from(count).unwrap_or(u32::MAX);
    }
    Ok(())
}

/// Bytes outside the heap that the app may have.
#[op2(fast)]
pub fn op_zlib_most(state: &OpState) -> f64 {
    state.try_borrow::<PendingBytes>().map_or(f64::INFINITY, |pending| pending.limit as f64)
}

/// Gives back what a codec takes.
#[op2(fast)]
pub fn op_zlib_close(#[cppgc] state: &ZlibState) {
    *state.0.borrow_mut() = Codec::Closed;
}

fn compress(deflate: &mut Deflate, flush: i32, input: &[u8], output: &mut [u8]) -> Result<Progress, ZlibError> {
    let kind = DeflateFlush::try_from(flush).unwrap_or_default();
    let before = (deflate.total_in(), deflate.total_out());
    deflate.compress(input, output, kind).map_err(|_| ZlibError::stream("the stream cannot be compressed"))?;
    let progress =
        Progress { read: (deflate.total_in() - before.0) as usize, written: (deflate.total_out() - before.1) as usize };
    Ok(progress)
}

/// Decompression of zlib's formats.
struct Inflating {
    inflate: Inflate,
    dictionary: Vec<u8>,
    window_bits: u8,
    /// Whether another gzip stream may follow; not known before the first byte, if either header is fine.
    has_members: Option<bool>,
}

impl Inflating {
    fn new(header: &str, window_bits: u8, dictionary: &[u8]) -> Result<Self, ZlibError> {
        let mut inflate = match header {
            "gzip" => Inflate::new(true, window_bits + GZIP),
            "either" => Inflate::new(true, window_bits + EITHER),
            "none" => Inflate::new(false, window_bits.max(8)),
            _ => Inflate::new(true, window_bits),
        };
        if header == "none" && !dictionary.is_empty() {
            inflate.set_dictionary(dictionary).map_err(|_| ZlibError::data(Some("Failed to set dictionary")))?;
        }
        let has_members = (header != "either").then_some(header == "gzip");
        Ok(Self { inflate, dictionary: dictionary.to_vec(), window_bits, has_members })
    }

    /// A file of gzip may have several streams; zeroes may follow the last one.
    fn step(&mut self, flush: i32, input: &[u8], output: &mut [u8]) -> Result<Progress, ZlibError> {
        if self.has_members.is_none() {
            self.has_members = input.first().map(|first| *first == GZIP_MAGIC);
        }
        let mut progress = Progress::default();
        let mut status = self.advance(flush, input, output, &mut progress)?;
        while status == Status::StreamEnd
            && self.has_members == Some(true)
            && input.get(progress.read).is_some_and(|next| *next != 0)
        {
            self.inflate = Inflate::new(true, self.window_bits + GZIP);
            status = self.advance(flush, input, output, &mut progress)?;
        }
        if status != Status::StreamEnd && flush == FINISH && progress.written < output.len() {
            return Err(ZlibError::unexpected_end());
        }
        Ok(progress)
    }

    fn advance(
        &mut self,
        flush: i32,
        input: &[u8],
        output: &mut [u8],
        progress: &mut Progress,
    ) -> Result<Status, ZlibError> {
        let kind = InflateFlush::try_from(flush).unwrap_or(InflateFlush::SyncFlush);
        loop {
            let before = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(&input[progress.read..], &mut output[progress.written..], kind);
            progress.read += (self.inflate.total_in() - before.0) as usize;
            progress.written += (self.inflate.total_out() - before.1) as usize;
            match status {
                Ok(status) => return Ok(status),
                Err(InflateError::NeedDict { .. }) => self.give_dictionary()?,
                Err(InflateError::DataError) => return Err(ZlibError::data(self.inflate.error_message())),
                Err(_) => return Err(ZlibError::stream("the stream cannot be decompressed")),
            }
        }
    }

    fn give_dictionary(&mut self) -> Result<(), ZlibError> {
        if self.dictionary.is_empty() {
            return Err(ZlibError::new("Missing dictionary", "Z_NEED_DICT", 2));
        }
        let given = self.inflate.set_dictionary(&self.dictionary);
        given.map(|_| ()).map_err(|_| ZlibError::new("Bad dictionary", "Z_NEED_DICT", 2))
    }
}

fn brotli_compress(
    encoder: &mut BrotliEncoderStateStruct<StandardAlloc>,
    flush: i32,
    input: &[u8],
    output: &mut [u8],
) -> Result<Progress, ZlibError> {
    let operation = match flush {
        0 => BrotliEncoderOperation::BROTLI_OPERATION_PROCESS,
        BROTLI_FINISH => BrotliEncoderOperation::BROTLI_OPERATION_FINISH,
        _ => BrotliEncoderOperation::BROTLI_OPERATION_FLUSH,
    };
    let mut progress = Progress::default();
    let is_done = encoder.compress_stream(
        operation,
        &mut input.len(),
        input,
        &mut progress.read,
        &mut output.len(),
        output,
        &mut progress.written,
        &mut None,
        &mut |_, _, _, _| (),
    );
    if !is_done {
        return Err(ZlibError::new("Compression failed", "ERR_BROTLI_COMPRESSION_FAILED", -2));
    }
    Ok(progress)
}

fn brotli_decompress(
    decoder: &mut BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    flush: i32,
    input: &[u8],
    output: &mut [u8],
) -> Result<Progress, ZlibError> {
    let mut progress = Progress::default();
    let result = BrotliDecompressStream(
        &mut input.len(),
        &mut progress.read,
        input,
        &mut output.len(),
        &mut progress.written,
        output,
        &mut 0,
        decoder,
    );
    match result {
        BrotliResult::ResultFailure => {
            let name = format!("{:?}", decoder.error_code);
            let code = format!("ERR_{}", name.split_once("DECODER").map_or("", |(_, rest)| rest));
            let errno = decoder.error_code as i32;
            Err(ZlibError { message: "Decompression failed".into(), code: code.into(), errno })
        }
        BrotliResult::NeedsMoreInput if flush == BROTLI_FINISH => Err(ZlibError::unexpected_end()),
        _ => Ok(progress),
    }
}
