// Writable: a sink that takes one chunk at a time. What is written meanwhile waits in order;
// `write` answers false once more than the high-water mark is held, and `drain` says when to go on.

import { Buffer } from "node:buffer";
import { captureRejectionSymbol } from "node:events";
import { AbortError, codedError, invalidArgType } from "ext:orilla_web/node/internal/errors.js";
import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";
import { addAbortSignal } from "ext:orilla_web/node/internal/stream/abort_signal.js";
import { construct, destroy, errorOrDestroy } from "ext:orilla_web/node/internal/stream/destroy.js";
import { nullValueError, streamError } from "ext:orilla_web/node/internal/stream/errors.js";
import { finishIfDone, settleFinished } from "ext:orilla_web/node/internal/stream/finish.js";
import { finished } from "ext:orilla_web/node/internal/stream/finished.js";
import { highWaterMarkFrom } from "ext:orilla_web/node/internal/stream/high_water_mark.js";
import { Stream } from "ext:orilla_web/node/internal/stream/legacy.js";
import {
  lifeProperties,
  writableProperties,
} from "ext:orilla_web/node/internal/stream/properties.js";

const ignore = () => {};

/** What a Writable knows about itself. */
export class WritableState {
  constructor(options, stream, isDuplex) {
    this.objectMode = Boolean(options?.objectMode || (isDuplex && options?.writableObjectMode));
    const side = isDuplex ? "writableHighWaterMark" : null;
    this.highWaterMark = highWaterMarkFrom(options, this.objectMode, side);
    this.decodeStrings = options?.decodeStrings !== false;
    this.defaultEncoding = options?.defaultEncoding || "utf8";
    /** Bytes or objects held, the one being written included. */
    this.length = 0;
    this.buffered = [];
    this.needDrain = false;
    this.corked = 0;
    this.clearing = false;
    this.writing = false;
    /** Whether `_write` is on the call stack: then callbacks wait for a later tick. */
    this.sync = true;
    this.current = null;
    this.onwrite = (error) => onWritten(stream, this, error);
    /** Callbacks of writes that were done at once, called together on the next tick. */
    this.settled = null;
    this.pendingCallbacks = 0;
    this.constructed = true;
    this.ending = false;
    this.ended = false;
    this.finalCalled = false;
    this.prefinished = false;
    this.finished = false;
    this.onFinished = [];
    this.errored = null;
    this.errorEmitted = false;
    this.emitClose = options?.emitClose !== false;
    this.autoDestroy = options?.autoDestroy !== false;
    this.destroyed = false;
    this.closed = false;
    this.closeEmitted = false;
  }

  getBuffer() {
    return this.buffered;
  }
}

/**
 * @constructor
 * @param {object} [options] `write`, `writev`, `final`, `destroy`, `construct`, `highWaterMark`,
 *   `objectMode`, `decodeStrings`, `defaultEncoding`, `autoDestroy`, `emitClose`, `signal`
 */
export function Writable(options) {
  const isDuplex = Boolean(this?._readableState);
  if (!isDuplex && !(this instanceof Writable)) return new Writable(options);
  takeWritableMethods(this, options);
  if (typeof options?.destroy === "function") this._destroy = options.destroy;
  if (typeof options?.construct === "function") this._construct = options.construct;
  this._writableState = new WritableState(options, this, isDuplex);
  Stream.call(this, options);
  if (options?.signal) addAbortSignal(options.signal, this);
  constructWritable(this);
}
Object.setPrototypeOf(Writable.prototype, Stream.prototype);
Object.setPrototypeOf(Writable, Stream);

// A Duplex inherits from Readable, but is a Writable too.
Object.defineProperty(Writable, Symbol.hasInstance, {
  value(object) {
    if (Function.prototype[Symbol.hasInstance].call(this, object)) return true;
    return this === Writable && object?._writableState instanceof WritableState;
  },
});

/** @param {any} stream @param {any} options */
export function takeWritableMethods(stream, options) {
  if (typeof options?.write === "function") stream._write = options.write;
  if (typeof options?.writev === "function") stream._writev = options.writev;
  if (typeof options?.final === "function") stream._final = options.final;
}

/** @param {any} stream writes what waited once it is constructed */
export function constructWritable(stream) {
  construct(stream, () => {
    const state = stream._writableState;
    if (!state.writing) writeBuffered(stream, state);
    finishIfDone(stream, state);
  });
}

Writable.prototype.pipe = function pipe() {
  errorOrDestroy(this, streamError("ERR_STREAM_CANNOT_PIPE"));
};

/**
 * @param {unknown} chunk @param {string | Function} [encoding]
 * @param {(error?: Error | null) => void} [callback]
 * @returns {boolean} false: wait for `drain` before writing more
 */
Writable.prototype.write = function write(chunk, encoding, callback) {
  return accept(this, chunk, encoding, callback) === true;
};

/** @returns {boolean | Error} as `write` does; the error when nothing more may be written */
function accept(stream, given, givenEncoding, givenCallback) {
  const state = stream._writableState;
  let [encoding, callback] = [givenEncoding, givenCallback];
  if (typeof encoding === "function") [encoding, callback] = [undefined, encoding];
  encoding ||= state.defaultEncoding;
  if (encoding !== "buffer" && !Buffer.isEncoding(encoding)) {
    throw codedError(TypeError, "ERR_UNKNOWN_ENCODING", `Unknown encoding: ${encoding}`);
  }
  if (typeof callback !== "function") callback = ignore;

  if (given === null) throw nullValueError();
  let chunk = given;
  if (!state.objectMode) {
    if (typeof chunk === "string") {
      if (state.decodeStrings) [chunk, encoding] = [Buffer.from(chunk, encoding), "buffer"];
    } else if (ArrayBuffer.isView(chunk)) {
      if (!(chunk instanceof Buffer)) {
        chunk = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      }
      encoding = "buffer";
    } else {
      const expected = "of type string or an instance of Buffer, TypedArray, or DataView";
      throw invalidArgType("chunk", expected, chunk);
    }
  }
  let error;
  if (state.ending) error = streamError("ERR_STREAM_WRITE_AFTER_END");
  else if (state.destroyed) error = streamError("ERR_STREAM_DESTROYED", "write");
  if (error) {
    nextTick(callback, error);
    errorOrDestroy(stream, error, true);
    return error;
  }
  state.pendingCallbacks++;
  return writeOrBuffer(stream, state, { chunk, encoding, callback });
}

function writeOrBuffer(stream, state, entry) {
  state.length += sizeOf(state, entry);
  if (state.writing || state.corked > 0 || state.errored || !state.constructed) {
    state.buffered.push(entry);
  } else {
    writeNow(stream, state, [entry], false);
  }
  // What `_write` finished at once is not held: nobody has to wait for it.
  const hasRoom = state.length < state.highWaterMark || state.length === 0;
  if (!hasRoom) state.needDrain = true;
  return hasRoom && !state.errored && !state.destroyed;
}

function sizeOf(state, entry) {
  return state.objectMode ? 1 : entry.chunk.length;
}

function writeNow(stream, state, entries, together) {
  state.current = entries;
  state.writing = true;
  state.sync = true;
  if (state.destroyed) state.onwrite(streamError("ERR_STREAM_DESTROYED", "write"));
  else if (together) stream._writev(entries, state.onwrite);
  else stream._write(entries[0].chunk, entries[0].encoding, state.onwrite);
  state.sync = false;
}

/** The callback of every `_write` and `_writev`. */
function onWritten(stream, state, error) {
  const entries = state.current;
  if (entries === null) {
    errorOrDestroy(stream, streamError("ERR_MULTIPLE_CALLBACK"));
    return;
  }
  const { sync } = state;
  state.writing = false;
  state.current = null;
  for (const entry of entries) state.length -= sizeOf(state, entry);
  if (error) {
    state.errored ??= error;
    if (stream._readableState) stream._readableState.errored ??= error;
    const fail = () => {
      state.pendingCallbacks -= entries.length;
      for (const { callback } of entries) callback(error);
      dropBuffered(state);
      errorOrDestroy(stream, error);
    };
    if (sync) nextTick(fail);
    else fail();
    return;
  }
  if (state.buffered.length > 0) writeBuffered(stream, state);
  if (!sync) {
    settle(stream, state, entries);
  } else if (state.settled === null) {
    state.settled = [...entries];
    nextTick(() => {
      const { settled } = state;
      state.settled = null;
      settle(stream, state, settled);
    });
  } else {
    state.settled.push(...entries);
  }
}

function settle(stream, state, entries) {
  const drained = !state.ending && !stream.destroyed && state.length === 0 && state.needDrain;
  if (drained) {
    state.needDrain = false;
    stream.emit("drain");
  }
  for (const { callback } of entries) {
    state.pendingCallbacks--;
    callback(null);
  }
  if (state.destroyed) dropBuffered(state);
  finishIfDone(stream, state);
}

/** Tells everybody whose chunk will never be written. */
function dropBuffered(state) {
  if (state.writing) return;
  for (const entry of state.buffered.splice(0)) {
    state.length -= sizeOf(state, entry);
    entry.callback(state.errored ?? streamError("ERR_STREAM_DESTROYED", "write"));
  }
  settleFinished(state, state.errored ?? streamError("ERR_STREAM_DESTROYED", "end"));
}

function writeBuffered(stream, state) {
  if (state.corked > 0 || state.clearing || state.destroyed || !state.constructed) return;
  if (state.buffered.length === 0) return;
  state.clearing = true;
  if (state.buffered.length > 1 && stream._writev) {
    const entries = state.buffered;
    entries.allBuffers = entries.every(({ encoding }) => encoding === "buffer");
    state.buffered = [];
    writeNow(stream, state, entries, true);
  } else {
    let next = 0;
    while (next < state.buffered.length && !state.writing) {
      writeNow(stream, state, [state.buffered[next++]], false);
    }
    state.buffered = state.buffered.slice(next);
  }
  state.clearing = false;
}

Writable.prototype._write = function _write(chunk, encoding, callback) {
  if (!this._writev) throw streamError("ERR_METHOD_NOT_IMPLEMENTED", "_write()");
  this._writev([{ chunk, encoding }], callback);
};
Writable.prototype._writev = null;

/** Holds writes back until `uncork`, to write them together. */
Writable.prototype.cork = function cork() {
  this._writableState.corked++;
};

Writable.prototype.uncork = function uncork() {
  const state = this._writableState;
  if (state.corked === 0) return;
  state.corked--;
  if (!state.writing) writeBuffered(this, state);
};

/** @param {string} encoding @returns {Writable} this */
Writable.prototype.setDefaultEncoding = function setDefaultEncoding(encoding) {
  const name = typeof encoding === "string" ? encoding.toLowerCase() : encoding;
  if (!Buffer.isEncoding(name)) {
    throw codedError(TypeError, "ERR_UNKNOWN_ENCODING", `Unknown encoding: ${encoding}`);
  }
  this._writableState.defaultEncoding = name;
  return this;
};

/**
 * @param {unknown} [chunk] a last one @param {string | Function} [encoding]
 * @param {(error?: Error) => void} [callback]
 * @returns {Writable} this
 */
Writable.prototype.end = function end(chunk, encoding, callback) {
  if (typeof chunk === "function") return this.end(null, null, chunk);
  if (typeof encoding === "function") return this.end(chunk, null, encoding);
  const state = this._writableState;
  let error;
  if (chunk !== null && chunk !== undefined) {
    const result = accept(this, chunk, encoding);
    if (result instanceof Error) error = result;
  }
  if (state.corked > 0) {
    state.corked = 1;
    this.uncork();
  }
  if (!error) {
    if (!state.errored && !state.ending) {
      state.ending = true;
      finishIfDone(this, state, true);
      state.ended = true;
    } else if (state.finished) {
      error = streamError("ERR_STREAM_ALREADY_FINISHED", "end");
    } else if (state.destroyed) {
      error = streamError("ERR_STREAM_DESTROYED", "end");
    }
  }
  if (typeof callback === "function") {
    if (error || state.errored) nextTick(callback, error ?? state.errored);
    else if (state.finished) nextTick(callback);
    else state.onFinished.push(callback);
  }
  return this;
};

/**
 * @param {Error} [error]
 * @param {(error?: Error | null) => void} [callback]
 * @returns {Writable} this
 */
Writable.prototype.destroy = function destroyWritable(error, callback) {
  const state = this._writableState;
  if (!state.destroyed && (state.buffered.length > 0 || state.onFinished.length > 0)) {
    nextTick(dropBuffered, state);
  }
  return destroy.call(this, error, callback);
};

Writable.prototype._destroy = function _destroy(error, callback) {
  callback(error);
};

Writable.prototype[captureRejectionSymbol] = function onRejection(error) {
  this.destroy(error);
};

if (Symbol.asyncDispose) {
  Writable.prototype[Symbol.asyncDispose] = async function asyncDispose() {
    if (!this.destroyed) this.destroy(this.writableFinished ? null : new AbortError());
    await new Promise((resolve) => finished(this, () => resolve()));
  };
}

Object.defineProperties(Writable.prototype, { ...writableProperties, ...lifeProperties });
