// The streams of `node:zlib`. A stream works on a chunk in steps: it stops while its reader has enough, and lets others have
// their turn in between.

import { Buffer } from "node:buffer";
import { Transform, finished } from "node:stream";
import { setImmediate } from "node:timers";
import { constants } from "ext:orilla_web/node/internal/constants/zlib.js";
import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";
import { Codec } from "ext:orilla_web/node/internal/zlib/codec.js";
import {
  brotliSettings,
  levelFrom,
  strategyFrom,
  zlibSettings,
} from "ext:orilla_web/node/internal/zlib/settings.js";

/** Steps of a codec in one turn: each reads 64 KiB or gives one chunk. */
const STEPS_IN_TURN = 8;

const kCodec = Symbol("kCodec");
const kWork = Symbol("kWork");
/** On an empty chunk: how to flush. */
const kFlush = Symbol("kFlush");

/**
 * What all streams of the module are.
 * @constructor
 * @param {object} options of the user's, for the stream
 * @param {object} settings what `zlibSettings` or `brotliSettings` made of them
 */
function ZlibBase(options, settings) {
  Transform.call(this, { ...options, objectMode: false, autoDestroy: true });
  this[kWork] = null;
  this._level = settings.level;
  this._strategy = settings.strategy;
  this._chunkSize = settings.chunkSize;
  this._defaultFlushFlag = settings.flush;
  this._finishFlushFlag = settings.finishFlush;
  this._defaultFullFlushFlag = settings.fullFlush;
  this._maxOutputLength = settings.maxOutputLength;
  this._info = Boolean(options?.info);
  this[kCodec] = new Codec(settings);
}
inherit(ZlibBase, Transform);

Object.defineProperty(ZlibBase.prototype, "_closed", {
  configurable: true,
  get() {
    return !this[kCodec].isOpen;
  },
});
Object.defineProperty(ZlibBase.prototype, "bytesWritten", {
  configurable: true,
  enumerable: true,
  get() {
    return this[kCodec].bytesRead;
  },
});

ZlibBase.prototype._transform = function _transform(chunk, encoding, callback) {
  const isLast = this.writableEnded && this.writableLength === chunk.length;
  const flush = isLast ? this._finishFlushFlag : (chunk[kFlush] ?? this._defaultFlushFlag);
  const pieces = this[kCodec].pieces(flush, chunk);
  this[kWork] = { pieces, callback, isPaused: false };
  work(this);
};

ZlibBase.prototype._flush = function _flush(callback) {
  this._transform(Buffer.alloc(0), "", callback);
};

/** All is written, although not all has come out. */
ZlibBase.prototype._final = function _final(callback) {
  callback();
};

ZlibBase.prototype._read = function _read(size) {
  const current = this[kWork];
  if (!current) {
    Transform.prototype._read.call(this, size);
  } else if (current.isPaused) {
    current.isPaused = false;
    work(this);
  }
};

/** Goes on with the chunk: to its end, until the reader has enough, or until others should have their turn. */
function work(stream) {
  const current = stream[kWork];
  for (let step = 0; step < STEPS_IN_TURN; step++) {
    const { done, value, error } = nextOf(current.pieces);
    if (stream.destroyed) return;
    if (error || done) {
      stream[kWork] = null;
      // What follows the end of compressed data is left alone.
      if (!error && !value) stream.push(null);
      current.callback(error);
      return;
    }
    if (value && !stream.push(value)) {
      current.isPaused = true;
      return;
    }
  }
  setImmediate(() => {
    if (stream[kWork] === current && !stream.destroyed) work(stream);
  });
}

function nextOf(pieces) {
  try {
    return pieces.next();
  } catch (error) {
    return { error };
  }
}

ZlibBase.prototype._destroy = function _destroy(error, callback) {
  this[kWork] = null;
  this[kCodec].close();
  callback(error);
};

/**
 * Has come out what was written so far.
 * @param {number | Function} [kind] a full flush when left out
 * @param {() => void} [callback]
 */
ZlibBase.prototype.flush = function flush(kind, callback) {
  if (typeof kind === "function") return this.flush(undefined, kind);
  if (this.writableFinished) {
    if (callback) nextTick(callback);
  } else if (this.writableEnded) {
    if (callback) this.once("end", callback);
  } else {
    const mark = Object.assign(Buffer.alloc(0), { [kFlush]: kind ?? this._defaultFullFlushFlag });
    this.write(mark, "", callback);
  }
};

/** @param {(error?: Error | null) => void} [callback] */
ZlibBase.prototype.close = function close(callback) {
  if (callback) finished(this, callback);
  this.destroy();
};

/** Starts anew with what is written next. */
ZlibBase.prototype.reset = function reset() {
  this[kCodec].reset();
};

/** Those of zlib itself. */
function Zlib(options, settings) {
  ZlibBase.call(this, options, settings);
}
inherit(Zlib, ZlibBase);

/**
 * Checks and flushes as Node does; the level and the strategy stay what they are.
 * @param {number} level @param {number} strategy @param {(error?: Error | null) => void} [callback]
 */
Zlib.prototype.params = function params(level, strategy, callback) {
  levelFrom(level, "level");
  strategyFrom(strategy, "strategy");
  this.flush(constants.Z_SYNC_FLUSH, callback);
};

/** The two kinds: from options to settings, and the class that is extended. */
const KINDS = { zlib: [Zlib, zlibSettings], brotli: [ZlibBase, brotliSettings] };

/**
 * A class of streams, which programs in the old style may call without `new`.
 * @param {string} name
 * @param {"zlib" | "brotli"} kind
 * @param {{ header?: "zlib" | "gzip" | "none" | "either", compresses: boolean }} format
 */
function streamClass(name, kind, format) {
  const [Base, settingsFrom] = KINDS[kind];
  const made = {
    [name]: function (options) {
      if (!(this instanceof made)) return new made(options);
      Base.call(this, options, settingsFrom(options ?? {}, format));
    },
  }[name];
  inherit(made, Base);
  return made;
}

function inherit(made, Base) {
  Object.setPrototypeOf(made, Base);
  Object.setPrototypeOf(made.prototype, Base.prototype);
}

export const Deflate = streamClass("Deflate", "zlib", { header: "zlib", compresses: true });
export const DeflateRaw = streamClass("DeflateRaw", "zlib", { header: "none", compresses: true });
export const Gzip = streamClass("Gzip", "zlib", { header: "gzip", compresses: true });
export const Inflate = streamClass("Inflate", "zlib", { header: "zlib", compresses: false });
export const InflateRaw = streamClass("InflateRaw", "zlib", { header: "none", compresses: false });
export const Gunzip = streamClass("Gunzip", "zlib", { header: "gzip", compresses: false });
export const Unzip = streamClass("Unzip", "zlib", { header: "either", compresses: false });
export const BrotliCompress = streamClass("BrotliCompress", "brotli", { compresses: true });
export const BrotliDecompress = streamClass("BrotliDecompress", "brotli", { compresses: false });

/** @param {ZlibBase} stream @returns {Codec} for who writes to it without the stream */
export function codecOf(stream) {
  return stream[kCodec];
}

export { STEPS_IN_TURN };
