// Readable: a source that is read on demand. `_read` is asked for more while less than the
// high-water mark is held. Data leaves it by `read()` (paused mode) or by `data` events (flowing
// mode).

import { Buffer } from "node:buffer";
import { captureRejectionSymbol } from "node:events";
import { AbortError, invalidArgType } from "ext:orilla_web/node/internal/errors.js";
import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";
import { addAbortSignal } from "ext:orilla_web/node/internal/stream/abort_signal.js";
import { ChunkQueue } from "ext:orilla_web/node/internal/stream/chunk_queue.js";
import { construct, destroy, errorOrDestroy } from "ext:orilla_web/node/internal/stream/destroy.js";
import { streamError } from "ext:orilla_web/node/internal/stream/errors.js";
import { finished } from "ext:orilla_web/node/internal/stream/finished.js";
import {
  announceReadable,
  emitReadable,
  flowMethods,
} from "ext:orilla_web/node/internal/stream/flow.js";
import { highWaterMarkFrom } from "ext:orilla_web/node/internal/stream/high_water_mark.js";
import { Stream } from "ext:orilla_web/node/internal/stream/legacy.js";
import { pipe, unpipe } from "ext:orilla_web/node/internal/stream/pipe.js";
import {
  lifeProperties,
  readableProperties,
} from "ext:orilla_web/node/internal/stream/properties.js";
import { iterate } from "ext:orilla_web/node/internal/stream/readable_iterator.js";
import { validateObject } from "ext:orilla_web/node/internal/validate.js";
import { StringDecoder } from "node:string_decoder";

/** No read asks for more than this at once. */
const MAX_HIGH_WATER_MARK = 1024 ** 3;

/** What a Readable knows about itself; `flowing` is null until somebody chooses a mode. */
export class ReadableState {
  constructor(options, isDuplex) {
    this.objectMode = Boolean(options?.objectMode || (isDuplex && options?.readableObjectMode));
    const side = isDuplex ? "readableHighWaterMark" : null;
    this.highWaterMark = highWaterMarkFrom(options, this.objectMode, side);
    this.buffer = new ChunkQueue();
    this.length = 0;
    this.pipes = [];
    /** Pipe targets that asked to wait. */
    this.awaitDrainWriters = new Set();
    this.flowing = null;
    this.paused = false;
    this.ended = false;
    this.endEmitted = false;
    this.reading = false;
    this.constructed = true;
    /** Whether `_read` is on the call stack: then events wait for a later tick. */
    this.sync = true;
    this.needReadable = false;
    this.emittedReadable = false;
    this.readableListening = false;
    this.resumeScheduled = false;
    this.readingMore = false;
    this.dataEmitted = false;
    this.errored = null;
    this.errorEmitted = false;
    this.emitClose = options?.emitClose !== false;
    this.autoDestroy = options?.autoDestroy !== false;
    this.destroyed = false;
    this.closed = false;
    this.closeEmitted = false;
    this.defaultEncoding = options?.defaultEncoding || "utf8";
    this.decoder = null;
    this.encoding = null;
    if (options?.encoding) {
      this.decoder = new StringDecoder(options.encoding);
      this.encoding = this.decoder.encoding;
    }
  }
}

/**
 * @constructor
 * @param {object} [options] `read`, `destroy`, `construct`, `highWaterMark`, `objectMode`,
 *   `encoding`,
 *   `autoDestroy`, `emitClose`, `signal`
 */
export function Readable(options) {
  if (!(this instanceof Readable)) return new Readable(options);
  if (typeof options?.read === "function") this._read = options.read;
  if (typeof options?.destroy === "function") this._destroy = options.destroy;
  if (typeof options?.construct === "function") this._construct = options.construct;
  this._readableState = new ReadableState(options, false);
  Stream.call(this, options);
  if (options?.signal) addAbortSignal(options.signal, this);
  constructReadable(this);
}
Object.setPrototypeOf(Readable.prototype, Stream.prototype);
Object.setPrototypeOf(Readable, Stream);

/** @param {any} stream starts reading once it is constructed, if reads were waiting */
export function constructReadable(stream) {
  construct(stream, () => {
    if (stream._readableState.needReadable) readMoreLater(stream, stream._readableState);
  });
}

Readable.prototype.destroy = destroy;

Readable.prototype._destroy = function _destroy(error, callback) {
  callback(error);
};

Readable.prototype[captureRejectionSymbol] = function onRejection(error) {
  this.destroy(error);
};

Readable.prototype._read = function _read() {
  throw streamError("ERR_METHOD_NOT_IMPLEMENTED", "_read()");
};

/**
 * @param {unknown} chunk null ends the stream
 * @param {string} [encoding]
 * @returns {boolean} want more
 */
Readable.prototype.push = function push(chunk, encoding) {
  return add(this, chunk, encoding, false);
};

/**
 * @param {unknown} chunk goes to the front
 * @param {string} [encoding]
 * @returns {boolean} want more
 */
Readable.prototype.unshift = function unshift(chunk, encoding) {
  return add(this, chunk, encoding, true);
};

function add(stream, given, encoding, toFront) {
  const state = stream._readableState;
  if (given === null) {
    state.reading = false;
    endOfData(stream, state);
    return false;
  }
  let chunk = given;
  if (!state.objectMode) {
    chunk = bytesOrText(state, given, encoding || state.defaultEncoding, toFront);
    if (chunk === undefined) {
      const expected = "of type string or an instance of Buffer, TypedArray, or DataView";
      errorOrDestroy(stream, invalidArgType("chunk", expected, given));
      return false;
    }
  }
  const isEmpty = !state.objectMode && chunk.length === 0;
  if (isEmpty) {
    if (!toFront) {
      state.reading = false;
      readMoreLater(stream, state);
    }
  } else if (toFront && state.endEmitted) {
    errorOrDestroy(stream, streamError("ERR_STREAM_UNSHIFT_AFTER_END_EVENT"));
  } else if (!toFront && state.ended) {
    errorOrDestroy(stream, streamError("ERR_STREAM_PUSH_AFTER_EOF"));
  } else if (state.destroyed || state.errored) {
    return false;
  } else {
    if (!toFront) state.reading = false;
    if (!toFront && state.decoder && typeof chunk !== "string") chunk = state.decoder.write(chunk);
    if (state.objectMode || chunk.length > 0) deliver(stream, state, chunk, toFront);
    else readMoreLater(stream, state);
  }
  return !state.ended && (state.length < state.highWaterMark || state.length === 0);
}

/** A chunk as the stream keeps it: a Buffer, or text already in the stream's own encoding. */
function bytesOrText(state, chunk, encoding, toFront) {
  if (typeof chunk === "string") {
    if (state.encoding === encoding) return chunk;
    const bytes = Buffer.from(chunk, encoding);
    return toFront && state.encoding ? bytes.toString(state.encoding) : bytes;
  }
  if (chunk instanceof Buffer) return chunk;
  if (ArrayBuffer.isView(chunk))
    return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  return chunk === undefined ? Buffer.alloc(0) : undefined;
}

function deliver(stream, state, chunk, toFront) {
  const atOnce =
    state.flowing && state.length === 0 && !state.sync && stream.listenerCount("data") > 0;
  if (atOnce) {
    state.awaitDrainWriters.clear();
    state.dataEmitted = true;
    stream.emit("data", chunk);
  } else {
    state.length += state.objectMode ? 1 : chunk.length;
    if (toFront) state.buffer.unshift(chunk);
    else state.buffer.push(chunk);
    if (state.needReadable) announceReadable(stream);
  }
  readMoreLater(stream, state);
}

function endOfData(stream, state) {
  if (state.ended) return;
  const rest = state.decoder?.end();
  if (rest) {
    state.buffer.push(rest);
    state.length += state.objectMode ? 1 : rest.length;
  }
  state.ended = true;
  if (state.sync) {
    announceReadable(stream);
  } else {
    state.needReadable = false;
    state.emittedReadable = true;
    emitReadable(stream);
  }
}

/**
 * @param {number} [size] all that is there when left out
 * @returns {unknown} null when there is less
 */
Readable.prototype.read = function read(size) {
  const state = this._readableState;
  const wanted =
    size === undefined ? NaN : Number.isInteger(size) ? size : Number.parseInt(size, 10);
  if (wanted > state.highWaterMark) state.highWaterMark = raisedHighWaterMark(wanted);
  if (wanted !== 0) state.emittedReadable = false;

  const isFull = state.highWaterMark === 0 ? state.length > 0 : state.length >= state.highWaterMark;
  if (wanted === 0 && state.needReadable && (isFull || state.ended)) {
    if (state.length === 0 && state.ended) endReadable(this);
    else announceReadable(this);
    return null;
  }
  let count = available(state, wanted);
  if (count === 0 && state.ended) {
    if (state.length === 0) endReadable(this);
    return null;
  }
  if (fillBeforeRead(this, state, count)) count = available(state, wanted);

  const chunk = count > 0 ? take(state, count) : null;
  if (chunk === null) {
    state.needReadable = state.length <= state.highWaterMark;
    count = 0;
  } else {
    state.length -= count;
    state.awaitDrainWriters.clear();
  }
  if (state.length === 0) {
    if (!state.ended) state.needReadable = true;
    if (wanted !== count && state.ended) endReadable(this);
  }
  if (chunk !== null && !state.errored && !state.closeEmitted) {
    state.dataEmitted = true;
    this.emit("data", chunk);
  }
  return chunk;
};

/** Asks the source for more where the read would leave too little; true if it answered at once. */
function fillBeforeRead(stream, state, count) {
  const leavesLittle = state.length === 0 || state.length - count < state.highWaterMark;
  const mayRead =
    !state.ended && !state.reading && !state.destroyed && !state.errored && state.constructed;
  if (!mayRead || !(state.needReadable || leavesLittle)) return false;
  state.reading = true;
  state.sync = true;
  if (state.length === 0) state.needReadable = true;
  try {
    stream._read(state.highWaterMark);
  } catch (error) {
    errorOrDestroy(stream, error);
  }
  state.sync = false;
  return !state.reading;
}

function raisedHighWaterMark(wanted) {
  return Math.min(2 ** Math.ceil(Math.log2(wanted)), MAX_HIGH_WATER_MARK);
}

function available(state, wanted) {
  if (wanted <= 0 || (state.length === 0 && state.ended)) return 0;
  if (state.objectMode) return 1;
  if (Number.isNaN(wanted)) {
    return state.flowing && state.length > 0 ? state.buffer.peek().length : state.length;
  }
  if (wanted <= state.length) return wanted;
  return state.ended ? state.length : 0;
}

function take(state, count) {
  if (state.length === 0) return null;
  if (state.objectMode) return state.buffer.shift();
  const asText = state.decoder !== null;
  return count >= state.length ? state.buffer.takeAll(asText) : state.buffer.take(count, asText);
}

/** Keeps the source busy between reads, up to the high-water mark. */
function readMoreLater(stream, state) {
  if (state.readingMore || !state.constructed) return;
  state.readingMore = true;
  nextTick(() => {
    const hasRoom = () =>
      state.length < state.highWaterMark || (state.flowing && state.length === 0);
    while (!state.reading && !state.ended && hasRoom()) {
      const before = state.length;
      stream.read(0);
      if (state.length === before) break;
    }
    state.readingMore = false;
  });
}

function endReadable(stream) {
  const state = stream._readableState;
  if (state.endEmitted) return;
  state.ended = true;
  nextTick(() => {
    if (state.errored || state.closeEmitted || state.endEmitted || state.length > 0) return;
    state.endEmitted = true;
    stream.emit("end");
    const writable = stream._writableState;
    if (stream.writable && stream.allowHalfOpen === false) {
      nextTick(() => {
        if (stream.writable && !stream.writableEnded && !stream.destroyed) stream.end();
      });
    } else if (state.autoDestroy) {
      const isDone =
        !writable || (writable.autoDestroy && (writable.finished || writable.writable === false));
      if (isDone) stream.destroy();
    }
  });
}

/** @param {string} encoding chunks become text @returns {Readable} this */
Readable.prototype.setEncoding = function setEncoding(encoding) {
  const state = this._readableState;
  const decoder = new StringDecoder(encoding);
  state.decoder = decoder;
  state.encoding = decoder.encoding;
  const text = Array.from(state.buffer, (chunk) => decoder.write(chunk)).join("");
  state.buffer.clear();
  if (text !== "") state.buffer.push(text);
  state.length = text.length;
  return this;
};

Object.assign(Readable.prototype, flowMethods);

Readable.prototype.pipe = pipe;
Readable.prototype.unpipe = unpipe;

Readable.prototype[Symbol.asyncIterator] = function asyncIterator() {
  return iterate(this);
};

/** @param {{ destroyOnReturn?: boolean }} [options] @returns {AsyncGenerator<unknown>} */
Readable.prototype.iterator = function iterator(options) {
  if (options !== undefined) validateObject(options, "options");
  return iterate(this, options);
};

/**
 * @param {any} source a stream of the old kind: events, `pause` and `resume`
 * @returns {Readable} this
 */
Readable.prototype.wrap = function wrap(source) {
  source.on("data", (chunk) => {
    if (!this.push(chunk)) source.pause?.();
  });
  source.on("end", () => this.push(null));
  source.on("error", (error) => errorOrDestroy(this, error));
  source.on("close", () => this.destroy());
  source.on("destroy", () => this.destroy());
  this._read = () => source.resume?.();
  return this;
};

if (Symbol.asyncDispose) {
  Readable.prototype[Symbol.asyncDispose] = async function asyncDispose() {
    if (!this.destroyed) this.destroy(this.readableEnded ? null : new AbortError());
    await new Promise((resolve) => finished(this, () => resolve()));
  };
}

Object.defineProperties(Readable.prototype, { ...readableProperties, ...lifeProperties });
