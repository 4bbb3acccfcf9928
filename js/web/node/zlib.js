// `node:zlib`: streams, and for a whole input at once functions with a callback and synchronous ones, all of them over the same
// streams. Zstandard is there in name only.

import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers";
import { absent } from "ext:orilla_web/node/internal/absent.js";
import { constants } from "ext:orilla_web/node/internal/constants/zlib.js";
import { codedError, invalidArgType } from "ext:orilla_web/node/internal/errors.js";
import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";
import { validateFunction, validateInteger } from "ext:orilla_web/node/internal/validate.js";
import { allocated, outOfMemory } from "ext:orilla_web/node/internal/zlib/codec.js";
import * as streams from "ext:orilla_web/node/internal/zlib/stream.js";
import { zlibMost } from "ext:orilla_web/node_host.js";

export { constants };

const [names, module] = absent("zlib", "compress with gzip or Brotli");

export const {
  ZstdCompress,
  ZstdDecompress,
  createZstdCompress,
  createZstdDecompress,
  zstdCompress,
  zstdCompressSync,
  zstdDecompress,
  zstdDecompressSync,
} = names;

export const {
  BrotliCompress,
  BrotliDecompress,
  Deflate,
  DeflateRaw,
  Gunzip,
  Gzip,
  Inflate,
  InflateRaw,
  Unzip,
} = streams;

export const createBrotliCompress = factory(BrotliCompress);
export const createBrotliDecompress = factory(BrotliDecompress);
export const createDeflate = factory(Deflate);
export const createDeflateRaw = factory(DeflateRaw);
export const createGunzip = factory(Gunzip);
export const createGzip = factory(Gzip);
export const createInflate = factory(Inflate);
export const createInflateRaw = factory(InflateRaw);
export const createUnzip = factory(Unzip);

export const brotliCompress = withCallback("brotliCompress", BrotliCompress);
export const brotliDecompress = withCallback("brotliDecompress", BrotliDecompress);
export const deflate = withCallback("deflate", Deflate);
export const deflateRaw = withCallback("deflateRaw", DeflateRaw);
export const gunzip = withCallback("gunzip", Gunzip);
export const gzip = withCallback("gzip", Gzip);
export const inflate = withCallback("inflate", Inflate);
export const inflateRaw = withCallback("inflateRaw", InflateRaw);
export const unzip = withCallback("unzip", Unzip);

export const brotliCompressSync = synchronous("brotliCompressSync", BrotliCompress);
export const brotliDecompressSync = synchronous("brotliDecompressSync", BrotliDecompress);
export const deflateRawSync = synchronous("deflateRawSync", DeflateRaw);
export const deflateSync = synchronous("deflateSync", Deflate);
export const gunzipSync = synchronous("gunzipSync", Gunzip);
export const gzipSync = synchronous("gzipSync", Gzip);
export const inflateRawSync = synchronous("inflateRawSync", InflateRaw);
export const inflateSync = synchronous("inflateSync", Inflate);
export const unzipSync = synchronous("unzipSync", Unzip);

const CODES = [
  "Z_OK",
  "Z_STREAM_END",
  "Z_NEED_DICT",
  "Z_ERRNO",
  "Z_STREAM_ERROR",
  "Z_DATA_ERROR",
  "Z_MEM_ERROR",
  "Z_BUF_ERROR",
  "Z_VERSION_ERROR",
];
/** From the name to the number, and back. */
export const codes = Object.freeze(
  Object.fromEntries(
    CODES.flatMap((name) => [
      [name, constants[name]],
      [constants[name], name],
    ]),
  ),
);

/**
 * Of the app's memory, what one result may take: it is there twice while its pieces are put together, and with less left the
 * isolate would end before an error says so.
 */
const SHARE_OF_MEMORY = 3 / 8;

function factory(Stream) {
  return named(`create${Stream.name}`, (options) => new Stream(options));
}

function named(name, method) {
  return Object.defineProperty(method, "name", { value: name });
}

function synchronous(name, Stream) {
  return named(name, (buffer, options) => {
    const bytes = toBytes(buffer, "buffer");
    const stream = new Stream(options);
    const steps = wholeOutput(stream, bytes);
    try {
      for (;;) {
        const { done, value } = steps.next();
        if (done) return value;
      }
    } finally {
      stream.destroy();
    }
  });
}

function withCallback(name, Stream) {
  const method = (buffer, options, callback) => {
    if (typeof options === "function") return method(buffer, {}, options);
    validateFunction(callback, "callback");
    const bytes = toBytes(buffer, "buffer");
    const stream = new Stream(options);
    const steps = wholeOutput(stream, bytes);
    const finish = (error, result) => {
      stream.destroy();
      callback(error, result);
    };
    nextTick(takeTurns, steps, finish);
  };
  return named(name, method);
}

/** Takes a few steps at a time, so that others have their turn in between. */
function takeTurns(steps, finish) {
  let last;
  try {
    for (let step = 0; step < streams.STEPS_IN_TURN && !last?.done; step++) last = steps.next();
  } catch (error) {
    finish(error);
    return;
  }
  if (last.done) finish(null, last.value);
  else setImmediate(takeTurns, steps, finish);
}

/** What comes out for the whole input, in the end; one step of the codec at a time. */
function* wholeOutput(stream, bytes) {
  const { _maxOutputLength: limit, _finishFlushFlag: flush } = stream;
  const most = zlibMost() * SHARE_OF_MEMORY;
  const chunks = [];
  let size = 0;
  for (const piece of streams.codecOf(stream).pieces(flush, bytes)) {
    if (piece !== null) {
      size += piece.length;
      if (size > limit) {
        const message = `Cannot create a Buffer larger than ${limit} bytes`;
        throw codedError(RangeError, "ERR_BUFFER_TOO_LARGE", message);
      }
      if (size > most) throw outOfMemory("The result");
      chunks.push(piece);
    }
    yield;
  }
  const buffer = allocated("The result", () => Buffer.concat(chunks, size));
  return stream._info ? { buffer, engine: stream } : buffer;
}

function toBytes(data, name) {
  if (typeof data === "string") return new TextEncoder().encode(data);
  if (ArrayBuffer.isView(data))
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  const expected = "of type string or an instance of Buffer, TypedArray, DataView, or ArrayBuffer";
  throw invalidArgType(name, expected, data);
}

/** The reversed polynomial of gzip's checksum. */
const POLYNOMIAL = 0xedb88320;
let table;

function crcTable() {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? POLYNOMIAL ^ (byte >>> 1) : byte >>> 1;
    return byte;
  });
}

/**
 * @param {string | ArrayBufferView} data
 * @param {number} [value] the checksum of what comes before
 * @returns {number}
 */
export function crc32(data, value = 0) {
  if (typeof data !== "string" && !ArrayBuffer.isView(data)) {
    const expected = "of type string or an instance of Buffer, TypedArray, or DataView";
    throw invalidArgType("data", expected, data);
  }
  validateInteger(value, "value", 0, 2 ** 32 - 1);
  table ??= crcTable();
  let crc = ~value;
  for (const byte of toBytes(data, "data")) crc = table[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

export default Object.assign(module, {
  BrotliCompress,
  BrotliDecompress,
  Deflate,
  DeflateRaw,
  Gunzip,
  Gzip,
  Inflate,
  InflateRaw,
  Unzip,
  brotliCompress,
  brotliCompressSync,
  brotliDecompress,
  brotliDecompressSync,
  codes,
  constants,
  crc32,
  createBrotliCompress,
  createBrotliDecompress,
  createDeflate,
  createDeflateRaw,
  createGunzip,
  createGzip,
  createInflate,
  createInflateRaw,
  createUnzip,
  deflate,
  deflateRaw,
  deflateRawSync,
  deflateSync,
  gunzip,
  gunzipSync,
  gzip,
  gzipSync,
  inflate,
  inflateRaw,
  inflateRawSync,
  inflateSync,
  unzip,
  unzipSync,
});
