// The end of a stream's life, and its beginning where that takes time: `destroy`, errors, `close`,
// and `_construct`. A stream emits one error at most, and `close` after it, each on a later tick.

import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";
import { bothErrors, streamError } from "ext:orilla_web/node/internal/stream/errors.js";
import { isDestroyed } from "ext:orilla_web/node/internal/stream/kind.js";
import { AbortError } from "ext:orilla_web/node/internal/errors.js";

const kConstructed = Symbol("kConstructed");
const kDestroyAfterConstruct = Symbol("kDestroyAfterConstruct");

/** A Duplex has two states, other streams one. */
function statesOf(stream) {
  return [stream._writableState, stream._readableState].filter(Boolean);
}

function recordError(stream, error) {
  if (!error) return;
  for (const state of statesOf(stream)) state.errored ??= error;
}

/**
 * The `destroy` method of every stream.
 * @this {any}
 * @param {Error | null} [error]
 * @param {(error?: Error | null) => void} [callback]
 */
export function destroy(error, callback) {
  const states = statesOf(this);
  if (states.some((state) => state.destroyed)) {
    callback?.();
    return this;
  }
  recordError(this, error);
  for (const state of states) state.destroyed = true;
  if (states[0]?.constructed === false) {
    this.once(kDestroyAfterConstruct, (later) =>
      runDestroy(this, bothErrors(later, error), callback),
    );
  } else {
    runDestroy(this, error, callback);
  }
  return this;
}

function runDestroy(stream, error, callback) {
  let called = false;
  const done = (failure) => {
    if (called) return;
    called = true;
    recordError(stream, failure);
    for (const state of statesOf(stream)) state.closed = true;
    callback?.(failure);
    nextTick(() => {
      if (failure) emitError(stream, failure);
      emitClose(stream);
    });
  };
  try {
    stream._destroy(error || null, done);
  } catch (failure) {
    done(failure);
  }
}

function emitError(stream, error) {
  const states = statesOf(stream);
  if (states.some((state) => state.errorEmitted)) return;
  for (const state of states) state.errorEmitted = true;
  stream.emit("error", error);
}

function emitClose(stream) {
  const states = statesOf(stream);
  for (const state of states) state.closeEmitted = true;
  if (states.some((state) => state.emitClose)) stream.emit("close");
}

/**
 * Ends a stream that failed: destroyed where it destroys itself, else only told by an event.
 * @param {any} stream
 * @param {Error} error
 * @param {boolean} [sync] whether the caller is still inside the user's call
 */
export function errorOrDestroy(stream, error, sync = false) {
  const states = statesOf(stream);
  if (states.some((state) => state.destroyed)) return;
  if (states.some((state) => state.autoDestroy)) {
    stream.destroy(error);
    return;
  }
  recordError(stream, error);
  if (sync) nextTick(() => emitError(stream, error));
  else emitError(stream, error);
}

/**
 * Runs the stream's `_construct`, if it has one, before anything else reaches it.
 * @param {any} stream
 * @param {() => void} ready called when it may read and write
 */
export function construct(stream, ready) {
  if (typeof stream._construct !== "function") return;
  for (const state of statesOf(stream)) state.constructed = false;
  stream.once(kConstructed, ready);
  // Both halves of a Duplex come by here; the first one starts it.
  if (stream.listenerCount(kConstructed) === 1) nextTick(() => runConstruct(stream));
}

function runConstruct(stream) {
  let called = false;
  const done = (error) => {
    if (called) {
      errorOrDestroy(stream, error ?? streamError("ERR_MULTIPLE_CALLBACK"));
      return;
    }
    called = true;
    const states = statesOf(stream);
    for (const state of states) state.constructed = true;
    if (states[0].destroyed) stream.emit(kDestroyAfterConstruct, error);
    else if (error) errorOrDestroy(stream, error, true);
    else stream.emit(kConstructed);
  };
  try {
    stream._construct((error) => nextTick(done, error));
  } catch (error) {
    nextTick(done, error);
  }
}

/**
 * Destroys any kind of stream, also one that knows only `close`.
 * @param {any} stream
 * @param {Error | null} [error] an AbortError when left out and the stream was not finished
 */
export function destroyStream(stream, error) {
  if (!stream || isDestroyed(stream)) return;
  const isOver = statesOf(stream).every((state) => state.finished || state.endEmitted);
  const reason = error ?? (isOver ? null : new AbortError());
  if (typeof stream.destroy === "function") stream.destroy(reason);
  else if (typeof stream.close === "function") stream.close();
}
