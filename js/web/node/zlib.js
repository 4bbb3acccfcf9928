// `node:zlib`: what gives its result to a callback, on top of the platform's CompressionStream. What is synchronous and
// what is a stream of Node's is there in name only.

import { Buffer } from "node:buffer";
import { absent } from "ext:orilla_web/node/internal/absent.js";
import { constants } from "ext:orilla_web/node/internal/constants/zlib.js";
import { codedError, invalidArgType, notSupported } from "ext:orilla_web/node/internal/errors.js";
import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";
import { validateFunction, validateInteger } from "ext:orilla_web/node/internal/validate.js";

export { constants };

const [names, module] = absent(
  "zlib",
  "use the function with a callback, or CompressionStream and DecompressionStream",
);

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
  ZstdCompress,
  ZstdDecompress,
  brotliCompressSync,
  brotliDecompressSync,
  createBrotliCompress,
  createBrotliDecompress,
  createDeflate,
  createDeflateRaw,
  createGunzip,
  createGzip,
  createInflate,
  createInflateRaw,
  createUnzip,
  createZstdCompress,
  createZstdDecompress,
  deflateRawSync,
  deflateSync,
  gunzipSync,
  gzipSync,
  inflateRawSync,
  inflateSync,
  unzipSync,
  zstdCompress,
  zstdCompressSync,
  zstdDecompress,
  zstdDecompressSync,
} = names;

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

export const gzip = compressor("gzip", "gzip");
export const deflate = compressor("deflate", "deflate");
export const deflateRaw = compressor("deflateRaw", "deflate-raw");
export const brotliCompress = compressor("brotliCompress", "brotli");
export const gunzip = decompressor("gunzip", () => "gzip");
export const inflate = decompressor("inflate", () => "deflate");
export const inflateRaw = decompressor("inflateRaw", () => "deflate-raw");
export const brotliDecompress = decompressor("brotliDecompress", () => "brotli");
export const unzip = decompressor("unzip", (bytes) =>
  bytes[0] === 0x1f && bytes[1] === 0x8b ? "gzip" : "deflate",
);

function compressor(name, format) {
  return withCallback(name, (bytes, limit) => through(new CompressionStream(format), bytes, limit));
}

function decompressor(name, formatOf) {
  return withCallback(name, async (bytes, limit) => {
    try {
      return await through(new DecompressionStream(formatOf(bytes)), bytes, limit);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      const dataError = codedError(Error, "Z_DATA_ERROR", error.message);
      dataError.errno = constants.Z_DATA_ERROR;
      throw dataError;
    }
  });
}

/**
 * @param {string} name
 * @param {(bytes: Uint8Array, limit: number) => Promise<Buffer>} run
 */
function withCallback(name, run) {
  const method = function (buffer, options, callback) {
    if (typeof options === "function") return method(buffer, {}, options);
    validateFunction(callback, "callback");
    const bytes = toBytes(buffer, "buffer");
    const { dictionary, maxOutputLength: limit = Infinity } = options ?? {};
    if (dictionary !== undefined)
      throw notSupported(`zlib.${name}() with a dictionary`, "compress without one");
    if (limit !== Infinity) validateInteger(limit, "options.maxOutputLength", 1);
    run(bytes, limit).then(
      (result) => nextTick(callback, null, result),
      (error) => nextTick(callback, error),
    );
  };
  return Object.defineProperty(method, "name", { value: name });
}

async function through({ readable, writable }, bytes, limit) {
  const writer = writable.getWriter();
  // A failure is read from the other end.
  const ignore = () => {};
  writer.write(bytes).catch(ignore);
  writer.close().catch(ignore);
  writer.closed.catch(ignore);
  const chunks = [];
  let size = 0;
  for await (const chunk of readable) {
    size += chunk.length;
    if (size > limit) {
      const message = `Cannot create a Buffer larger than ${limit} bytes`;
      throw codedError(RangeError, "ERR_BUFFER_TOO_LARGE", message);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
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
  brotliCompress,
  brotliDecompress,
  codes,
  constants,
  crc32,
  deflate,
  deflateRaw,
  gunzip,
  gzip,
  inflate,
  inflateRaw,
  unzip,
});
