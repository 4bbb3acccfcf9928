// Duplex: a Readable and a Writable in one. Transform: a Duplex whose output is made from its
// input.

import { addAbortSignal } from "ext:orilla_web/node/internal/stream/abort_signal.js";
import { streamError } from "ext:orilla_web/node/internal/stream/errors.js";
import { writableProperties } from "ext:orilla_web/node/internal/stream/properties.js";
import {
  constructReadable,
  Readable,
  ReadableState,
} from "ext:orilla_web/node/internal/stream/readable.js";
import {
  constructWritable,
  takeWritableMethods,
  Writable,
  WritableState,
} from "ext:orilla_web/node/internal/stream/writable.js";
import { Stream } from "ext:orilla_web/node/internal/stream/legacy.js";

/**
 * @constructor
 * @param {object} [options] those of Readable and Writable, `allowHalfOpen` (yes), `readable:
 *   false` or
 *   `writable: false` for one half only, and `readable…` and `writable…` forms for one half each
 */
export function Duplex(options) {
  if (!(this instanceof Duplex)) return new Duplex(options);
  this.allowHalfOpen = options?.allowHalfOpen !== false;
  this._readableState = new ReadableState(options, true);
  this._writableState = new WritableState(options, this, true);
  if (options?.readable === false) closeReadableHalf(this._readableState);
  if (options?.writable === false) closeWritableHalf(this._writableState);
  if (typeof options?.read === "function") this._read = options.read;
  takeWritableMethods(this, options);
  if (typeof options?.destroy === "function") this._destroy = options.destroy;
  if (typeof options?.construct === "function") this._construct = options.construct;
  Stream.call(this, options);
  if (options?.signal) addAbortSignal(options.signal, this);
  constructReadable(this);
  constructWritable(this);
}
Object.setPrototypeOf(Duplex.prototype, Readable.prototype);
Object.setPrototypeOf(Duplex, Readable);

function closeReadableHalf(state) {
  state.readable = false;
  state.ended = true;
  state.endEmitted = true;
}

function closeWritableHalf(state) {
  state.writable = false;
  state.ending = true;
  state.ended = true;
  state.finished = true;
}

const OWN = new Set(["constructor", "pipe", "destroyed", "closed", "errored"]);
for (const key of Reflect.ownKeys(Writable.prototype)) {
  if (OWN.has(key) || Object.hasOwn(Duplex.prototype, key)) continue;
  if (key in Readable.prototype && key !== "destroy") continue;
  Object.defineProperty(
    Duplex.prototype,
    key,
    Object.getOwnPropertyDescriptor(Writable.prototype, key),
  );
}
Object.defineProperties(Duplex.prototype, writableProperties);

const kCallback = Symbol("kCallback");

/**
 * @constructor
 * @param {object} [options] those of Duplex, `transform` and `flush`
 */
export function Transform(options) {
  if (!(this instanceof Transform)) return new Transform(options);
  // What a transform holds for its readers counts once: the writable half waits for the readable
  // one.
  const readableMark = options?.readableHighWaterMark;
  const settings =
    readableMark === 0
      ? {
          ...options,
          highWaterMark: undefined,
          readableHighWaterMark: readableMark,
          writableHighWaterMark: options.writableHighWaterMark || 0,
        }
      : options;
  Duplex.call(this, settings);
  this._readableState.sync = false;
  this[kCallback] = null;
  if (typeof options?.transform === "function") this._transform = options.transform;
  if (typeof options?.flush === "function") this._flush = options.flush;
  // A `_final` of the user's own runs instead of ours, which then still has to flush.
  this.on("prefinish", () => {
    if (this._final !== flush) flush.call(this);
  });
}
Object.setPrototypeOf(Transform.prototype, Duplex.prototype);
Object.setPrototypeOf(Transform, Duplex);

Transform.prototype._transform = function _transform() {
  throw streamError("ERR_METHOD_NOT_IMPLEMENTED", "_transform()");
};

/** Ends the readable half with what the transform still had. */
function flush(callback) {
  if (typeof this._flush !== "function" || this.destroyed) {
    this.push(null);
    callback?.();
    return;
  }
  this._flush((error, data) => {
    if (error) {
      if (callback) callback(error);
      else this.destroy(error);
      return;
    }
    if (data !== null && data !== undefined) this.push(data);
    this.push(null);
    callback?.();
  });
}
Transform.prototype._final = flush;

Transform.prototype._write = function _write(chunk, encoding, callback) {
  const readable = this._readableState;
  const writable = this._writableState;
  const before = readable.length;
  this._transform(chunk, encoding, (error, data) => {
    if (error) {
      callback(error);
      return;
    }
    if (data !== null && data !== undefined) this.push(data);
    const hasRoom = before === readable.length || readable.length < readable.highWaterMark;
    if (writable.ended || hasRoom) callback();
    else this[kCallback] = callback;
  });
};

Transform.prototype._read = function _read() {
  const callback = this[kCallback];
  if (callback === null) return;
  this[kCallback] = null;
  callback();
};

/**
 * @constructor
 * @param {object} [options] those of Transform
 */
export function PassThrough(options) {
  if (!(this instanceof PassThrough)) return new PassThrough(options);
  Transform.call(this, options);
}
Object.setPrototypeOf(PassThrough.prototype, Transform.prototype);
Object.setPrototypeOf(PassThrough, Transform);

PassThrough.prototype._transform = function _transform(chunk, encoding, callback) {
  callback(null, chunk);
};
