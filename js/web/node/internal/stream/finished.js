// `finished`: tells once when a stream is over, by whichever of its events says so first.

import { AbortError, invalidArgType } from "ext:orilla_web/node/internal/errors.js";
import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";
import { streamError } from "ext:orilla_web/node/internal/stream/errors.js";
import {
  errorOf,
  isClosed,
  isNodeStream,
  isReadable,
  isReadableFinished,
  isReadableNodeStream,
  isReadableWebStream,
  isWritable,
  isWritableFinished,
  isWritableNodeStream,
  isWritableWebStream,
  willEmitClose,
} from "ext:orilla_web/node/internal/stream/kind.js";
import {
  validateAbortSignal,
  validateFunction,
  validateObject,
} from "ext:orilla_web/node/internal/validate.js";

/**
 * @param {any} stream
 * @param {{ readable?: boolean, writable?: boolean, error?: boolean, signal?: AbortSignal }}
 *   options
 *   the halves to wait for
 * @param {(error?: Error | null) => void} callback
 * @returns {() => void} stops waiting
 */
export function finished(stream, options, callback) {
  if (typeof options === "function") return finished(stream, {}, options);
  const settings = options ?? {};
  validateObject(settings, "options");
  validateFunction(callback, "callback");
  validateAbortSignal(settings.signal, "options.signal");
  if (isReadableWebStream(stream) || isWritableWebStream(stream)) {
    throw invalidArgType("stream", "an instance of Stream; await a web stream's `closed`", stream);
  }
  if (!isNodeStream(stream)) throw invalidArgType("stream", "an instance of Stream", stream);
  return new Watch(stream, settings, callback).start();
}

/** One wait for the end of one stream. */
class Watch {
  constructor(stream, options, callback) {
    this.stream = stream;
    this.options = options;
    this.callback = callback;
    this.readable = options.readable ?? isReadableNodeStream(stream);
    this.writable = options.writable ?? isWritableNodeStream(stream);
    this.readableDone = isReadableFinished(stream, false);
    this.writableDone = isWritableFinished(stream, false);
    // `close` is worth waiting for only when both halves are waited for.
    this.awaitsClose =
      willEmitClose(stream) &&
      isReadableNodeStream(stream) === this.readable &&
      isWritableNodeStream(stream) === this.writable;
    this.listeners = [];
  }

  start() {
    const { stream, options } = this;
    this.listen(stream, "end", () => this.onEnd());
    this.listen(stream, "finish", () => this.onFinish());
    if (options.error !== false) this.listen(stream, "error", (error) => this.done(error));
    this.listen(stream, "close", () => this.onClose());
    if (!stream._writableState && !stream._readableState) this.listenToLegacy();

    if (this.isOver()) nextTick(() => this.onClose());
    if (options.signal) this.watchSignal(options.signal);
    return () => this.stop();
  }

  listen(emitter, type, listener) {
    emitter.on(type, listener);
    this.listeners.push(() => emitter.removeListener(type, listener));
  }

  /** Streams of the old kind say by `writable` whether their end has come. */
  listenToLegacy() {
    const check = () => {
      if (this.writable && !this.stream.writable) this.onFinish();
    };
    this.listen(this.stream, "end", check);
    this.listen(this.stream, "close", check);
  }

  /** Whether what is waited for has already happened, so that no event will tell. */
  isOver() {
    const { stream, readable, writable, awaitsClose } = this;
    if (isClosed(stream)) return true;
    const states = [stream._writableState, stream._readableState];
    if (states.some((state) => state?.errorEmitted)) return !awaitsClose;
    if (!readable && (!awaitsClose || isReadable(stream))) {
      if (this.writableDone || (stream._writableState && !isWritable(stream))) return true;
    }
    if (!writable && (!awaitsClose || isWritable(stream))) {
      if (this.readableDone || (stream._readableState && !isReadable(stream))) return true;
    }
    return false;
  }

  watchSignal(signal) {
    const abort = () => this.done(new AbortError(undefined, { cause: signal.reason }));
    if (signal.aborted) {
      nextTick(abort);
      return;
    }
    signal.addEventListener("abort", abort);
    this.listeners.push(() => signal.removeEventListener("abort", abort));
  }

  onEnd() {
    this.readableDone = true;
    if (this.stream.destroyed) this.awaitsClose = false;
    if (this.awaitsClose && (!this.stream.readable || this.writable)) return;
    if (!this.writable || this.writableDone) this.done();
  }

  onFinish() {
    this.writableDone = true;
    if (this.stream.destroyed) this.awaitsClose = false;
    if (this.awaitsClose && (!this.stream.writable || this.readable)) return;
    if (!this.readable || this.readableDone) this.done();
  }

  onClose() {
    const { stream } = this;
    const error = errorOf(stream);
    if (error && typeof error !== "boolean") {
      this.done(error);
      return;
    }
    const readsCutShort = this.readable && !this.readableDone && !isReadableFinished(stream, false);
    const writesCutShort =
      this.writable && !this.writableDone && !isWritableFinished(stream, false);
    const isCutShort = (readsCutShort && isReadableNodeStream(stream)) || writesCutShort;
    this.done(isCutShort ? streamError("ERR_STREAM_PREMATURE_CLOSE") : undefined);
  }

  done(error) {
    const { callback } = this;
    if (callback === null) return;
    this.callback = null;
    // The error listener stays: errors that come after the end must not be fatal.
    if (error) callback.call(this.stream, error);
    else callback.call(this.stream);
  }

  stop() {
    this.callback = null;
    for (const remove of this.listeners.splice(0)) remove();
  }
}
