// Between Node's streams and the web's: each keeps the other's backpressure, errors and
// cancellation.

import { Buffer } from "node:buffer";
import { AbortError, invalidArgType } from "ext:orilla_web/node/internal/errors.js";
import { destroyStream } from "ext:orilla_web/node/internal/stream/destroy.js";
import { Duplex } from "ext:orilla_web/node/internal/stream/duplex.js";
import { finished } from "ext:orilla_web/node/internal/stream/finished.js";
import {
  isDestroyed,
  isNodeStream,
  isReadable,
  isReadableWebStream,
  isTransformWebStream,
  isWritable,
  isWritableWebStream,
} from "ext:orilla_web/node/internal/stream/kind.js";
import { Readable } from "ext:orilla_web/node/internal/stream/readable.js";
import { Writable } from "ext:orilla_web/node/internal/stream/writable.js";

function checkNode(stream, name) {
  if (!isNodeStream(stream)) throw invalidArgType(name, "an instance of Stream", stream);
}

/**
 * @param {Readable} stream
 * @param {{ strategy?: QueuingStrategy }} [options] by default the stream's own high-water mark
 * @returns {ReadableStream}
 */
export function readableToWeb(stream, options) {
  checkNode(stream, "streamReadable");
  if (isDestroyed(stream) || !isReadable(stream)) {
    const closed = new ReadableStream();
    closed.cancel();
    return closed;
  }
  const strategy = options?.strategy ?? {
    highWaterMark: stream.readableHighWaterMark,
    size: sizeFor(stream.readableObjectMode),
  };
  let cancelled = false;
  return new ReadableStream(
    {
      start(controller) {
        stream.pause();
        stream.on("data", (chunk) => {
          // Web readers take the memory for theirs, and a Buffer's methods differ from an array's.
          const isBytes = Buffer.isBuffer(chunk) && !stream.readableObjectMode;
          controller.enqueue(isBytes ? new Uint8Array(chunk) : chunk);
          if (controller.desiredSize <= 0) stream.pause();
        });
        finished(stream, { writable: false }, (error) => {
          if (error?.code === "ERR_STREAM_PREMATURE_CLOSE") {
            error = new AbortError(undefined, { cause: error });
          }
          if (cancelled) return;
          cancelled = true;
          if (error) controller.error(error);
          else controller.close();
        });
        stream.on("error", () => {});
      },
      pull: () => void stream.resume(),
      cancel(reason) {
        cancelled = true;
        destroyStream(stream, reason ?? new AbortError());
      },
    },
    strategy,
  );
}

/**
 * @param {ReadableStream} stream
 * @param {object} [options] those of Readable
 * @returns {Readable}
 */
export function readableFromWeb(stream, options = {}) {
  if (!isReadableWebStream(stream)) {
    throw invalidArgType("readableStream", "an instance of ReadableStream", stream);
  }
  const reader = stream.getReader();
  let closed = false;
  reader.closed.then(
    () => (closed = true),
    (error) => {
      closed = true;
      readable.destroy(error);
    },
  );
  const readable = new Readable({
    objectMode: options.objectMode ?? false,
    highWaterMark: options.highWaterMark,
    encoding: options.encoding,
    signal: options.signal,
    read() {
      reader.read().then(
        ({ value, done }) => this.push(done ? null : value),
        (error) => this.destroy(error),
      );
    },
    destroy(error, callback) {
      if (closed) {
        callback(error);
        return;
      }
      closed = true;
      const done = () => callback(error);
      reader.cancel(error ?? undefined).then(done, done);
    },
  });
  return readable;
}

/** @param {Writable} stream @returns {WritableStream} */
export function writableToWeb(stream) {
  checkNode(stream, "streamWritable");
  if (isDestroyed(stream) || !isWritable(stream)) {
    const closed = new WritableStream();
    closed.close();
    return closed;
  }
  let drained = null;
  let done = false;
  return new WritableStream(
    {
      start(controller) {
        stream.on("drain", () => drained?.resolve());
        finished(stream, { readable: false }, (error) => {
          const failure =
            error?.code === "ERR_STREAM_PREMATURE_CLOSE"
              ? new AbortError(undefined, { cause: error })
              : error;
          if (!done && failure) controller.error(failure);
          done = true;
          if (failure) drained?.reject(failure);
          else drained?.resolve();
        });
        stream.on("error", () => {});
      },
      async write(chunk) {
        const needsDrain = stream.writableNeedDrain || !stream.write(chunk);
        if (!needsDrain) return;
        await new Promise((resolve, reject) => {
          drained = { resolve, reject };
        });
        drained = null;
      },
      abort: (reason) => destroyStream(stream, reason ?? new AbortError()),
      close() {
        if (done) return undefined;
        done = true;
        return new Promise((resolve, reject) => {
          stream.once("error", reject);
          stream.end(() => resolve());
        });
      },
    },
    { highWaterMark: stream.writableHighWaterMark, size: sizeFor(stream.writableObjectMode) },
  );
}

function sizeFor(objectMode) {
  return objectMode ? () => 1 : (chunk) => chunk?.byteLength ?? chunk?.length ?? 1;
}

/**
 * @param {WritableStream} stream
 * @param {object} [options] those of Writable
 * @returns {Writable}
 */
export function writableFromWeb(stream, options = {}) {
  if (!isWritableWebStream(stream)) {
    throw invalidArgType("writableStream", "an instance of WritableStream", stream);
  }
  const writer = stream.getWriter();
  let closed = false;
  const writable = new Writable({
    objectMode: options.objectMode ?? false,
    highWaterMark: options.highWaterMark,
    decodeStrings: options.decodeStrings,
    signal: options.signal,
    write(chunk, _encoding, callback) {
      const toBytes = Buffer.isBuffer(chunk) && !options.objectMode;
      writer.ready
        .then(() => writer.write(toBytes ? new Uint8Array(chunk) : chunk))
        .then(() => callback(), callback);
    },
    final(callback) {
      if (closed) {
        callback();
        return;
      }
      writer.close().then(() => callback(), callback);
    },
    destroy(error, callback) {
      const done = () => callback(error);
      if (closed || (error === null && this.writableFinished)) done();
      else writer.abort(error ?? undefined).then(done, done);
    },
  });
  writer.closed.then(
    () => {
      closed = true;
      // Closed from the other side, before everything was written.
      if (!writable.writableEnded) writable.destroy();
    },
    (error) => {
      closed = true;
      writable.destroy(error);
    },
  );
  return writable;
}

/** @param {Duplex} stream @returns {{ readable: ReadableStream, writable: WritableStream }} */
export function duplexToWeb(stream) {
  checkNode(stream, "duplex");
  return { readable: readableToWeb(stream), writable: writableToWeb(stream) };
}

/**
 * @param {{ readable: ReadableStream, writable: WritableStream }} pair
 * @param {object} [options] those of Duplex
 * @returns {Duplex}
 */
export function duplexFromWeb(pair, options = {}) {
  if (!isTransformWebStream(pair)) {
    throw invalidArgType("pair", "{ readable: ReadableStream, writable: WritableStream }", pair);
  }
  const source = readableFromWeb(pair.readable, options);
  const target = writableFromWeb(pair.writable, options);
  const duplex = new Duplex({
    ...options,
    read: () => void source.resume(),
    write: (chunk, encoding, callback) => void target.write(chunk, encoding, callback),
    final: (callback) => void target.end(callback),
    destroy(error, callback) {
      destroyStream(source, error);
      destroyStream(target, error);
      callback(error);
    },
  });
  source.on("data", (chunk) => {
    if (!duplex.push(chunk)) source.pause();
  });
  source.on("end", () => duplex.push(null));
  source.pause();
  for (const half of [source, target]) half.on("error", (error) => duplex.destroy(error));
  return duplex;
}
