// Streams made from other things: `Readable.from` and `Duplex.from`.

import { codedError, invalidArgType } from "ext:orilla_web/node/internal/errors.js";
import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";
import { destroyStream } from "ext:orilla_web/node/internal/stream/destroy.js";
import { Duplex, PassThrough } from "ext:orilla_web/node/internal/stream/duplex.js";
import { nullValueError } from "ext:orilla_web/node/internal/stream/errors.js";
import { finished } from "ext:orilla_web/node/internal/stream/finished.js";
import {
  isIterable,
  isReadableNodeStream,
  isReadableWebStream,
  isTransformWebStream,
  isWritableNodeStream,
  isWritableWebStream,
} from "ext:orilla_web/node/internal/stream/kind.js";
import { Readable } from "ext:orilla_web/node/internal/stream/readable.js";
import {
  duplexFromWeb,
  readableFromWeb,
  writableFromWeb,
} from "ext:orilla_web/node/internal/stream/web.js";

/**
 * @param {Iterable<unknown> | AsyncIterable<unknown>} source text and bytes are one chunk
 * @param {object} [options] those of Readable; object mode unless it says otherwise
 * @returns {Readable}
 */
export function readableFrom(source, options) {
  if (typeof source === "string" || source instanceof Uint8Array) {
    return new Readable({
      objectMode: true,
      ...options,
      read() {
        this.push(source);
        this.push(null);
      },
    });
  }
  const isAsync = typeof source?.[Symbol.asyncIterator] === "function";
  const iterator = isAsync ? source[Symbol.asyncIterator]() : source?.[Symbol.iterator]?.();
  if (iterator === undefined) throw invalidArgType("iterable", "an instance of Iterable", source);
  let pulling = false;
  const stream = new Readable({ objectMode: true, highWaterMark: 1, ...options });
  stream._read = () => {
    if (!pulling) pull();
  };
  stream._destroy = (error, callback) => {
    close(error).then(
      () => nextTick(callback, error),
      (failure) => nextTick(callback, failure ?? error),
    );
  };
  return stream;

  /** Pushes until the stream has enough; without a pause as long as nothing has to be awaited. */
  async function pull() {
    pulling = true;
    try {
      while (true) {
        const { value, done } = isAsync ? await iterator.next() : iterator.next();
        if (done) {
          stream.push(null);
          return;
        }
        const chunk = typeof value?.then === "function" ? await value : value;
        if (chunk === null) throw nullValueError();
        if (!stream.push(chunk)) break;
      }
      pulling = false;
    } catch (error) {
      stream.destroy(error);
    }
  }

  /** Lets the source clean up; a generator that was left midway runs its `finally`. */
  async function close(error) {
    if (error && typeof iterator.throw === "function") {
      const { value, done } = await iterator.throw(error);
      await value;
      if (done) return;
    }
    if (typeof iterator.return === "function") {
      const { value } = await iterator.return();
      await value;
    }
  }
}

/**
 * @param {any} body a stream of either kind, an iterable, a promise, an async function or generator
 *   over the written chunks, a Blob, or `{ readable, writable }`
 * @returns {Duplex}
 */
export function duplexFrom(body) {
  if (body instanceof Duplex) return body;
  if (isTransformWebStream(body)) return duplexFromWeb(body);
  if (isReadableWebStream(body)) return joinHalves(readableFromWeb(body), null);
  if (isWritableWebStream(body)) return joinHalves(null, writableFromWeb(body));
  if (isReadableNodeStream(body) && isWritableNodeStream(body)) return joinHalves(body, body);
  if (isReadableNodeStream(body)) return joinHalves(body, null);
  if (isWritableNodeStream(body)) return joinHalves(null, body);
  if (typeof body === "function") return duplexFromFunction(body);
  if (body instanceof Blob) return joinHalves(readableFromWeb(body.stream()), null);
  if (isIterable(body)) return joinHalves(readableFrom(body), null);
  if (typeof body?.then === "function") return joinHalves(readableFrom(resolved(body)), null);
  if (body && (body.readable || body.writable)) {
    const side = (half) => (half ? duplexFrom(half) : null);
    return joinHalves(side(body.readable), side(body.writable));
  }
  const expected = "a stream, an iterable, a promise, a function or { readable, writable }";
  throw invalidArgType("body", expected, body);
}

async function* resolved(promise) {
  const value = await promise;
  if (value !== null && value !== undefined) yield value;
}

function duplexFromFunction(transform) {
  const input = new PassThrough({ objectMode: true });
  const { signal, abort } = abortable();
  const result = transform(input, { signal });
  if (isIterable(result)) {
    const duplex = joinHalves(readableFrom(result), input);
    duplex.once("close", abort);
    return duplex;
  }
  if (typeof result?.then !== "function") {
    const message = "Expected Iterable, AsyncIterable or AsyncFunction to be returned";
    throw codedError(TypeError, "ERR_INVALID_RETURN_VALUE", message);
  }
  const duplex = joinHalves(null, input);
  result.then(
    (value) => {
      if (value === null || value === undefined) return;
      const message = "Expected nully to be returned from the function";
      duplex.destroy(codedError(TypeError, "ERR_INVALID_RETURN_VALUE", message));
    },
    (error) => duplex.destroy(error),
  );
  return duplex;
}

function abortable() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

/** One Duplex over two streams, either of which may be missing. */
function joinHalves(source, target) {
  let resumeRead = null;
  let resumeWrite = null;
  const duplex = new Duplex({
    objectMode: true,
    readable: source !== null,
    writable: target !== null,
    autoDestroy: true,
    write(chunk, encoding, callback) {
      if (target.write(chunk, encoding)) callback();
      else resumeWrite = callback;
    },
    final(callback) {
      target.end();
      resumeWrite = callback;
    },
    read() {
      resumeRead = null;
      for (let chunk = source.read(); chunk !== null; chunk = source.read()) {
        if (!this.push(chunk)) return;
      }
      resumeRead = () => this._read();
    },
    destroy(error, callback) {
      resumeRead = null;
      resumeWrite = null;
      for (const half of new Set([source, target])) {
        if (half) destroyStream(half, error);
      }
      callback(error);
    },
  });
  if (target) {
    target.on("drain", () => call(resumeWrite, () => (resumeWrite = null)));
    finished(target, { readable: false }, (error) => {
      if (error) duplex.destroy(error);
      else call(resumeWrite, () => (resumeWrite = null));
    });
  }
  if (source) {
    source.on("readable", () => call(resumeRead, () => (resumeRead = null)));
    finished(source, { writable: false }, (error) => {
      if (error) duplex.destroy(error);
      else duplex.push(null);
    });
  }
  return duplex;
}

/** Calls what waits, once. */
function call(waiting, clear) {
  if (waiting === null) return;
  clear();
  waiting();
}
