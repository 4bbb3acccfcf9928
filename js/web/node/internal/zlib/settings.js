// The options of `node:zlib`, checked as Node checks them, and the codecs that they stand for.

import { constants } from "ext:orilla_web/node/internal/constants/zlib.js";
import {
  codedError,
  invalidArgType,
  notSupported,
  outOfRange,
} from "ext:orilla_web/node/internal/errors.js";
import { validateNumber } from "ext:orilla_web/node/internal/validate.js";
import {
  zlibBrotliDecoder,
  zlibBrotliEncoder,
  zlibDeflate,
  zlibInflate,
} from "ext:orilla_web/node_host.js";

const { BROTLI_PARAM_LARGE_WINDOW, BROTLI_PARAM_LGBLOCK, BROTLI_PARAM_LGWIN, BROTLI_PARAM_MODE } =
  constants;
const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_NDIRECT } = constants;

/** Brotli's quality unless an app chooses: what servers use for what they compress as they send it. */
const BROTLI_QUALITY = 6;
/**
 * Bytes that codecs take in the host once they were given so many. Measured with text that compresses badly, and rounded up.
 */
const MEMORY = {
  deflate: () => 512 << 10,
  inflate: () => 64 << 10,
  brotliDecoder: (given) => Math.min((256 << 10) + 64 * given, 17 << 20),
};
/** The same for the tables of Brotli's qualities; from 10 on they grow with the window. */
const TABLES = [1, 1, 1, 1, 1, 2, 2, 8, 16, 32].map((mebibytes) => mebibytes << 20);

const EMPTY = new Uint8Array(0);

/**
 * @param {unknown} value @param {string} name
 * @param {number} min @param {number} max @param {number} fallback for undefined and NaN
 */
function inRange(value, name, min, max, fallback) {
  if (value === undefined || Number.isNaN(value)) return fallback;
  validateNumber(value, name);
  if (value >= min && value <= max && Number.isFinite(value)) return value;
  throw outOfRange(name, max === Infinity ? `>= ${min}` : `>= ${min} and <= ${max}`, value);
}

/**
 * What all classes take.
 * @param {object} options
 * @param {{ maxFlush: number, flush: number, finishFlush: number }} family
 */
function shared(options, { maxFlush, flush, finishFlush }) {
  const { Z_DEFAULT_CHUNK, Z_MIN_CHUNK } = constants;
  return {
    chunkSize: inRange(
      options.chunkSize,
      "options.chunkSize",
      Z_MIN_CHUNK,
      Infinity,
      Z_DEFAULT_CHUNK,
    ),
    flush: inRange(options.flush, "options.flush", 0, maxFlush, flush),
    finishFlush: inRange(options.finishFlush, "options.finishFlush", 0, maxFlush, finishFlush),
    maxOutputLength: inRange(
      options.maxOutputLength,
      "options.maxOutputLength",
      1,
      Number.MAX_SAFE_INTEGER,
      Infinity,
    ),
  };
}

function dictionaryOf({ dictionary }) {
  if (dictionary === undefined) return EMPTY;
  if (ArrayBuffer.isView(dictionary)) {
    return new Uint8Array(dictionary.buffer, dictionary.byteOffset, dictionary.byteLength);
  }
  if (dictionary instanceof ArrayBuffer) return new Uint8Array(dictionary);
  const expected = "an instance of Buffer, TypedArray, DataView, or ArrayBuffer";
  throw invalidArgType("options.dictionary", expected, dictionary);
}

function windowBitsOf({ windowBits }, { header, compresses }) {
  // What decompresses can take the size from the header, unless there is none.
  if (!compresses && header !== "none" && !windowBits) return 0;
  const least = compresses && header === "gzip" ? 9 : constants.Z_MIN_WINDOWBITS;
  return inRange(windowBits, "options.windowBits", least, constants.Z_MAX_WINDOWBITS, 15);
}

/** @param {unknown} level @param {string} name @returns {number} */
export function levelFrom(level, name = "options.level") {
  const { Z_DEFAULT_COMPRESSION, Z_MAX_LEVEL, Z_MIN_LEVEL } = constants;
  return inRange(level, name, Z_MIN_LEVEL, Z_MAX_LEVEL, Z_DEFAULT_COMPRESSION);
}

/** @param {unknown} strategy @param {string} name @returns {number} */
export function strategyFrom(strategy, name = "options.strategy") {
  return inRange(strategy, name, constants.Z_DEFAULT_STRATEGY, constants.Z_FIXED, 0);
}

/**
 * @param {object} options as the user gives them
 * @param {{ header: "zlib" | "gzip" | "none" | "either", compresses: boolean }} format
 */
export function zlibSettings(options, format) {
  const { Z_BLOCK, Z_FINISH, Z_NO_FLUSH } = constants;
  const general = shared(options, { maxFlush: Z_BLOCK, flush: Z_NO_FLUSH, finishFlush: Z_FINISH });
  const windowBits = windowBitsOf(options, format);
  const level = levelFrom(options.level);
  const { Z_DEFAULT_MEMLEVEL, Z_MAX_MEMLEVEL, Z_MIN_MEMLEVEL } = constants;
  const memLevel = inRange(
    options.memLevel,
    "options.memLevel",
    Z_MIN_MEMLEVEL,
    Z_MAX_MEMLEVEL,
    Z_DEFAULT_MEMLEVEL,
  );
  const strategy = strategyFrom(options.strategy);
  const dictionary = dictionaryOf(options);
  const { header, compresses } = format;
  return {
    ...general,
    fullFlush: constants.Z_FULL_FLUSH,
    level,
    strategy,
    memory: compresses ? MEMORY.deflate : MEMORY.inflate,
    open: () =>
      compresses
        ? zlibDeflate(header, level, windowBits, memLevel, strategy, dictionary)
        : zlibInflate(header, windowBits, dictionary),
  };
}

function brotliParams({ params = {} }, most) {
  const given = new Map();
  for (const [name, value] of Object.entries(params)) {
    const key = Number(name);
    if (!(key >= 0 && key <= most)) {
      const message = `${name} is not a valid Brotli parameter`;
      throw codedError(RangeError, "ERR_BROTLI_INVALID_PARAM", message);
    }
    if (typeof value !== "number" && typeof value !== "boolean") {
      throw invalidArgType("options.params[key]", "of type number", value);
    }
    given.set(key, Number(value));
  }
  return given;
}

/**
 * @param {object} options as the user gives them; of the parameters mode, quality, window and block count, the others change
 *   nothing
 * @param {{ compresses: boolean }} format
 */
export function brotliSettings(options, { compresses }) {
  const { BROTLI_OPERATION_EMIT_METADATA, BROTLI_OPERATION_FINISH, BROTLI_OPERATION_FLUSH } =
    constants;
  const general = shared(options, {
    maxFlush: BROTLI_OPERATION_EMIT_METADATA,
    flush: constants.BROTLI_OPERATION_PROCESS,
    finishFlush: BROTLI_OPERATION_FINISH,
  });
  const largeWindow = compresses
    ? BROTLI_PARAM_LARGE_WINDOW
    : constants.BROTLI_DECODER_PARAM_LARGE_WINDOW;
  const given = brotliParams(options, compresses ? BROTLI_PARAM_NDIRECT : largeWindow);
  if (given.get(largeWindow)) {
    throw notSupported("A large window of Brotli", "use one of 24 bits, which all decoders take");
  }
  const asked = given.get(BROTLI_PARAM_QUALITY) ?? BROTLI_QUALITY;
  const quality = Math.min(Math.max(Math.trunc(asked) || 0, 0), constants.BROTLI_MAX_QUALITY);
  const window = given.get(BROTLI_PARAM_LGWIN) ?? constants.BROTLI_DEFAULT_WINDOW;
  const windowBits = Math.min(Math.max(window, 10), constants.BROTLI_MAX_WINDOW_BITS);
  const mode = given.get(BROTLI_PARAM_MODE) ?? constants.BROTLI_DEFAULT_MODE;
  const block = given.get(BROTLI_PARAM_LGBLOCK) ?? 0;
  const blockBits = block && Math.min(Math.max(block, 16), constants.BROTLI_MAX_INPUT_BLOCK_BITS);
  return {
    ...general,
    fullFlush: BROTLI_OPERATION_FLUSH,
    memory: compresses
      ? encoderMemory(quality, Math.max(windowBits, blockBits))
      : MEMORY.brotliDecoder,
    open: () =>
      compresses ? zlibBrotliEncoder(mode, quality, windowBits, blockBits) : zlibBrotliDecoder(),
  };
}

/** What an encoder of Brotli's takes: its tables, what it remembers of the window, and what it has found out so far. */
function encoderMemory(quality, bits) {
  const size = 2 ** bits;
  const tables = TABLES[quality] ?? (2 << 20) + 8 * size;
  const window = 2.25 * size + (quality < TABLES.length ? 0 : 20 << 20);
  return (given) => tables + Math.min(160 * given, window) + Math.min(3 * given, 44 << 20);
}
