// The way of a Writable from `end` to `finish`.

import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";
import { errorOrDestroy } from "ext:orilla_web/node/internal/stream/destroy.js";
import { streamError } from "ext:orilla_web/node/internal/stream/errors.js";

function isDone(state) {
  const isIdle = state.length === 0 && state.buffered.length === 0 && !state.writing;
  const isSound = !state.destroyed && !state.errored && !state.errorEmitted && !state.closeEmitted;
  return state.ending && state.constructed && isIdle && isSound && !state.finished;
}

/**
 * Takes the steps to `finish` that are due: `_final`, `prefinish`, then the event itself.
 * @param {any} stream
 * @param {object} state its writable state
 * @param {boolean} [sync] whether the caller is still inside the user's call
 */
export function finishIfDone(stream, state, sync = false) {
  if (!isDone(state)) return;
  if (!state.prefinished && !state.finalCalled) {
    if (typeof stream._final === "function" && !state.destroyed) {
      state.finalCalled = true;
      callFinal(stream, state);
    } else {
      state.prefinished = true;
      stream.emit("prefinish");
    }
  }
  if (state.pendingCallbacks > 0 || !isDone(state)) return;
  state.pendingCallbacks++;
  if (!sync) {
    finish(stream, state);
    return;
  }
  nextTick(() => {
    if (isDone(state)) finish(stream, state);
    else state.pendingCallbacks--;
  });
}

function callFinal(stream, state) {
  let called = false;
  const done = (error) => {
    if (called) {
      errorOrDestroy(stream, error ?? streamError("ERR_MULTIPLE_CALLBACK"));
      return;
    }
    called = true;
    state.pendingCallbacks--;
    if (error) {
      settleFinished(state, error);
      errorOrDestroy(stream, error, state.sync);
    } else if (isDone(state)) {
      state.prefinished = true;
      stream.emit("prefinish");
      state.pendingCallbacks++;
      nextTick(finish, stream, state);
    }
  };
  state.sync = true;
  state.pendingCallbacks++;
  try {
    stream._final(done);
  } catch (error) {
    done(error);
  }
  state.sync = false;
}

function finish(stream, state) {
  state.pendingCallbacks--;
  state.finished = true;
  settleFinished(state, null);
  stream.emit("finish");
  if (!state.autoDestroy) return;
  const readable = stream._readableState;
  const isOver =
    !readable || (readable.autoDestroy && (readable.endEmitted || readable.readable === false));
  if (isOver) stream.destroy();
}

/** @param {object} state @param {Error | null} error for whoever waits for `end` */
export function settleFinished(state, error) {
  for (const callback of state.onFinished.splice(0)) callback(error);
}
