// `node:stream`.

import { Buffer } from "node:buffer";
import { addAbortSignal } from "ext:orilla_web/node/internal/stream/abort_signal.js";
import { destroyStream } from "ext:orilla_web/node/internal/stream/destroy.js";
import { Duplex, PassThrough, Transform } from "ext:orilla_web/node/internal/stream/duplex.js";
import { finished } from "ext:orilla_web/node/internal/stream/finished.js";
import { duplexFrom, readableFrom } from "ext:orilla_web/node/internal/stream/from.js";
import {
  getDefaultHighWaterMark,
  setDefaultHighWaterMark,
} from "ext:orilla_web/node/internal/stream/high_water_mark.js";
import {
  isDestroyed,
  isDisturbed,
  isErrored,
  isReadable,
  isWritable,
} from "ext:orilla_web/node/internal/stream/kind.js";
import { Stream } from "ext:orilla_web/node/internal/stream/legacy.js";
import {
  promiseOperators,
  streamOperators,
} from "ext:orilla_web/node/internal/stream/operators.js";
import { pipeline } from "ext:orilla_web/node/internal/stream/pipeline.js";
import { Readable, ReadableState } from "ext:orilla_web/node/internal/stream/readable.js";
import * as web from "ext:orilla_web/node/internal/stream/web.js";
import { Writable, WritableState } from "ext:orilla_web/node/internal/stream/writable.js";
import promises from "node:stream/promises";
import { isArrayBufferView, isUint8Array } from "node:util/types";

Object.assign(Readable, {
  ReadableState,
  from: readableFrom,
  fromWeb: web.readableFromWeb,
  toWeb: web.readableToWeb,
  wrap: (source, options) =>
    new Readable({ objectMode: source.readableObjectMode, ...options }).wrap(source),
});
Object.assign(Writable, { WritableState, fromWeb: web.writableFromWeb, toWeb: web.writableToWeb });
Object.assign(Duplex, { from: duplexFrom, fromWeb: web.duplexFromWeb, toWeb: web.duplexToWeb });
for (const [name, value] of Object.entries({ ...streamOperators, ...promiseOperators })) {
  Object.defineProperty(Readable.prototype, name, { value, writable: true, configurable: true });
}

const promisify = Symbol.for("nodejs.util.promisify.custom");
Object.defineProperty(finished, promisify, { value: promises.finished });
Object.defineProperty(pipeline, promisify, { value: promises.pipeline });

/** @param {Uint8Array} bytes @returns {Buffer} over the same memory */
function toBuffer(bytes) {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

// The module is the old base class, with everything else on it.
Object.assign(Stream, {
  Duplex,
  PassThrough,
  Readable,
  Stream,
  Transform,
  Writable,
  _isArrayBufferView: isArrayBufferView,
  _isUint8Array: isUint8Array,
  _uint8ArrayToBuffer: toBuffer,
  addAbortSignal,
  destroy: destroyStream,
  finished,
  getDefaultHighWaterMark,
  isDestroyed,
  isDisturbed,
  isErrored,
  isReadable,
  isWritable,
  pipeline,
  promises,
  setDefaultHighWaterMark,
});

export {
  Duplex,
  PassThrough,
  Readable,
  Stream,
  Transform,
  Writable,
  isArrayBufferView as _isArrayBufferView,
  isUint8Array as _isUint8Array,
  toBuffer as _uint8ArrayToBuffer,
  addAbortSignal,
  destroyStream as destroy,
  finished,
  getDefaultHighWaterMark,
  isDestroyed,
  isDisturbed,
  isErrored,
  isReadable,
  isWritable,
  pipeline,
  promises,
  setDefaultHighWaterMark,
};
export default Stream;
