// `pipeline`: connects streams, iterables and functions, and makes sure that when one of them
// fails, all of them are destroyed and the caller hears of it once.

import { AbortError, codedError, invalidArgType } from "ext:orilla_web/node/internal/errors.js";
import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";
import { destroyStream } from "ext:orilla_web/node/internal/stream/destroy.js";
import { PassThrough } from "ext:orilla_web/node/internal/stream/duplex.js";
import { streamError } from "ext:orilla_web/node/internal/stream/errors.js";
import { finished } from "ext:orilla_web/node/internal/stream/finished.js";
import { duplexFrom } from "ext:orilla_web/node/internal/stream/from.js";
import {
  isIterable,
  isNodeStream,
  isReadable,
  isReadableFinished,
  isReadableNodeStream,
  isReadableWebStream,
  isTransformWebStream,
  isWritableFinished,
  isWritableWebStream,
} from "ext:orilla_web/node/internal/stream/kind.js";
import { Readable } from "ext:orilla_web/node/internal/stream/readable.js";
import { validateAbortSignal, validateFunction } from "ext:orilla_web/node/internal/validate.js";

/**
 * @param {...any} args source, transforms, target, then the callback
 *   `(error?: Error | null, value?: unknown) => void`
 * @returns {any} the last stream
 */
export function pipeline(...args) {
  const callback = args.pop();
  validateFunction(callback, "streams[stream.length - 1]");
  return connect(args, {}, callback);
}

/**
 * @param {any[]} args one array of streams, or the streams
 * @param {{ signal?: AbortSignal, end?: boolean }} options
 * @param {(error?: Error | null, value?: unknown) => void} callback
 * @returns {any} the last stream
 */
export function connect(args, options, callback) {
  const streams = args.length === 1 && Array.isArray(args[0]) ? args[0] : args;
  if (streams.length < 2) {
    throw codedError(TypeError, "ERR_MISSING_ARGS", 'The "streams" argument must be specified');
  }
  validateAbortSignal(options.signal, "options.signal");
  return new Pipeline(options, callback).run(streams);
}

class Pipeline {
  constructor(options, callback) {
    this.endsTarget = options.end !== false;
    this.outerSignal = options.signal;
    this.callback = callback;
    this.controller = new AbortController();
    /** Connections still at work. */
    this.open = 0;
    this.error = undefined;
    this.value = undefined;
    this.destroys = [];
    this.cleanUps = [];
    this.ended = false;
  }

  /** Whether a stream is ended with what comes before it: `end: false` spares the last one alone. */
  ends(isLast) {
    return !isLast || this.endsTarget;
  }

  run(streams) {
    const abort = () => this.finish(new AbortError(undefined, { cause: this.outerSignal?.reason }));
    if (this.outerSignal) {
      this.outerSignal.addEventListener("abort", abort);
      this.cleanUps.push(() => this.outerSignal.removeEventListener("abort", abort));
    }
    let current;
    streams.forEach((stream, i) => {
      const isLast = i === streams.length - 1;
      if (isNodeStream(stream) && this.ends(isLast)) {
        this.watch(stream, { reading: !isLast, writing: i > 0 });
      }
      if (i === 0) current = this.source(stream);
      else if (typeof stream === "function") current = this.call(stream, current, isLast);
      else current = this.pass(current, stream, isLast);
    });
    if (this.outerSignal?.aborted) nextTick(abort);
    return current;
  }

  /** Destroys the stream when the pipeline fails, and hears of its own failure. */
  watch(stream, { reading, writing }) {
    let isOver = false;
    finished(stream, { readable: reading, writable: writing }, (error) => {
      isOver = !error;
    });
    this.destroys.push((error) => {
      if (isOver) return;
      isOver = true;
      destroyStream(stream, error ?? streamCutShort());
    });
    stream.on("error", (error) => {
      const isEcho = error?.name === "AbortError" || error?.code === "ERR_STREAM_PREMATURE_CLOSE";
      if (error && !isEcho) this.fail(error);
    });
  }

  source(stream) {
    if (typeof stream === "function") {
      const made = stream({ signal: this.controller.signal });
      if (!isIterable(made)) throw returnError("Iterable, AsyncIterable or Stream", "source", made);
      return made;
    }
    const isUsable = isIterable(stream) || isReadableNodeStream(stream);
    return isUsable || isTransformWebStream(stream) || isReadableWebStream(stream)
      ? stream
      : duplexFrom(stream);
  }

  /**
   * A function in the middle makes an iterable; the last one may also make a promise of a value.
   */
  call(fn, input, isLast) {
    const made = fn(asIterable(input), { signal: this.controller.signal });
    if (!isLast) {
      if (!isIterable(made)) throw returnError("AsyncIterable", "transform", made);
      return made;
    }
    const output = new PassThrough({ objectMode: true });
    if (typeof made?.then === "function") {
      this.open++;
      made.then(
        (value) => {
          this.value = value;
          if (value !== null && value !== undefined) output.write(value);
          if (this.endsTarget) output.end();
          nextTick(() => this.finish());
        },
        (error) => {
          output.destroy(error);
          nextTick(() => this.finish(error));
        },
      );
    } else if (isIterable(made)) {
      this.open++;
      pumpToNode(made, output, { end: this.endsTarget }).then(
        () => this.finish(),
        (e) => this.finish(e),
      );
    } else {
      throw returnError("AsyncIterable or Promise", "destination", made);
    }
    this.watch(output, { reading: false, writing: true });
    return output;
  }

  pass(from, to, isLast) {
    if (isNodeStream(to)) {
      if (isReadableNodeStream(from)) this.pipe(from, to, isLast);
      else this.pump(pumpToNode(asIterable(from), to, { end: this.ends(isLast) }));
      return to;
    }
    if (isTransformWebStream(to) || isWritableWebStream(to)) {
      const sink = isWritableWebStream(to) ? to : to.writable;
      this.pump(pumpToWeb(asIterable(from), sink, { end: this.ends(isLast) }));
      return to;
    }
    const duplex = duplexFrom(to);
    this.watch(duplex, { reading: !isLast, writing: true });
    return this.pass(from, duplex, isLast);
  }

  pump(promise) {
    this.open++;
    promise.then(
      () => this.finish(),
      (error) => this.finish(error),
    );
  }

  pipe(from, to, isLast) {
    this.open += 2;
    from.pipe(to, { end: false });
    const ends = this.ends(isLast);
    if (ends) {
      const end = () => to.end();
      if (isReadableFinished(from)) nextTick(end);
      else from.once("end", end);
    } else {
      nextTick(() => this.finish());
    }
    finished(from, { readable: true, writable: false }, (error) => {
      const state = from._readableState;
      // Its data may have all been read although it was then destroyed before `end`.
      if (
        error?.code === "ERR_STREAM_PREMATURE_CLOSE" &&
        state?.ended &&
        !state.errored &&
        !state.errorEmitted
      ) {
        from.once("end", () => this.finish()).once("error", (e) => this.finish(e));
      } else {
        this.finish(error);
      }
    });
    const wasOver = isWritableFinished(to);
    const stop = finished(to, { readable: false, writable: true }, (error) => {
      if (ends || (wasOver && !error)) this.finish(error);
      else if (error) this.fail(error);
      // Somebody else ended it, and what is still to come has nowhere to go.
      else if (!isReadableFinished(from)) this.fail(streamError("ERR_STREAM_PREMATURE_CLOSE"));
    });
    if (isLast && isReadable(to)) this.cleanUps.push(stop);
  }

  /** One connection is done. */
  finish(error) {
    this.open--;
    this.settle(error, this.open === 0);
  }

  /** A failure beside the connections. */
  fail(error) {
    this.settle(error, false);
  }

  settle(error, isFinal) {
    const isBetter = !this.error || this.error.code === "ERR_STREAM_PREMATURE_CLOSE";
    if (error && isBetter) this.error = error;
    if (!this.error && !isFinal) return;
    for (const destroy of this.destroys.splice(0)) destroy(this.error);
    this.controller.abort();
    if (!isFinal || this.ended) return;
    this.ended = true;
    for (const cleanUp of this.cleanUps.splice(0)) cleanUp();
    nextTick(this.callback, this.error, this.value);
  }
}

function streamCutShort() {
  return codedError(Error, "ERR_STREAM_DESTROYED", "Cannot call pipe after a stream was destroyed");
}

function returnError(expected, name, value) {
  const rule = `Expected ${expected} to be returned from the "${name}" function`;
  const message = `${rule} but got type ${typeof value}.`;
  return codedError(TypeError, "ERR_INVALID_RETURN_VALUE", message);
}

/** What a function in a pipeline is given to read. */
function asIterable(value) {
  if (isTransformWebStream(value)) return readWeb(value.readable);
  if (isReadableWebStream(value)) return readWeb(value);
  if (isIterable(value)) return value;
  if (isReadableNodeStream(value)) return new Readable({ objectMode: true }).wrap(value);
  throw invalidArgType("val", "a Readable, an Iterable or an AsyncIterable", value);
}

async function* readWeb(stream) {
  const reader = stream.getReader();
  try {
    while (true) {
      const { value, done } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    await reader.cancel(error).catch(() => {});
    throw error;
  } finally {
    reader.releaseLock();
  }
}

/** Writes every item, waiting where the target asks for it, and until it has taken them all. */
async function pumpToNode(iterable, target, { end }) {
  let failure;
  let wake = null;
  const resume = (error) => {
    if (error) failure = error;
    wake?.();
    wake = null;
  };
  const wait = () =>
    new Promise((resolve, reject) => {
      if (failure) reject(failure);
      else wake = () => (failure ? reject(failure) : resolve());
    });
  target.on("drain", resume);
  const stop = finished(target, { readable: false }, resume);
  try {
    if (target.writableNeedDrain) await wait();
    for await (const chunk of iterable) {
      if (!target.write(chunk)) await wait();
    }
    if (end) {
      target.end();
      await wait();
    }
  } catch (error) {
    throw failure ?? error;
  } finally {
    stop();
    target.removeListener("drain", resume);
  }
}

async function pumpToWeb(iterable, sink, { end }) {
  const writer = sink.getWriter();
  try {
    for await (const chunk of iterable) {
      await writer.ready;
      // A failed write also fails `ready` or `close`, which are awaited.
      writer.write(chunk).catch(() => {});
    }
    await writer.ready;
    if (end) await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => {});
    throw error;
  }
}
