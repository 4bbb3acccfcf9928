// How a Readable's data reaches its reader: told by `readable` and fetched by `read` (paused), or
// handed out as `data` (flowing). Listening for one of the two events chooses the mode.

import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";
import { Stream } from "ext:orilla_web/node/internal/stream/legacy.js";

/** @param {any} stream emits `readable` on the next tick, once */
export function announceReadable(stream) {
  const state = stream._readableState;
  state.needReadable = false;
  if (state.emittedReadable) return;
  state.emittedReadable = true;
  nextTick(emitReadable, stream);
}

/** @param {any} stream emits `readable` now, and goes on flowing */
export function emitReadable(stream) {
  const state = stream._readableState;
  if (!state.destroyed && !state.errored && (state.length > 0 || state.ended)) {
    stream.emit("readable");
    state.emittedReadable = false;
  }
  state.needReadable = !state.flowing && !state.ended && state.length <= state.highWaterMark;
  flow(stream);
}

/** Methods of every Readable. */
export const flowMethods = {
  on(type, listener) {
    const result = Stream.prototype.on.call(this, type, listener);
    const state = this._readableState;
    if (type === "data") {
      state.readableListening = this.listenerCount("readable") > 0;
      if (state.flowing !== false) this.resume();
    } else if (type === "readable" && !state.endEmitted && !state.readableListening) {
      state.readableListening = true;
      state.needReadable = true;
      state.flowing = false;
      state.emittedReadable = false;
      if (state.length > 0) announceReadable(this);
      else if (!state.reading) nextTick(() => this.read(0));
    }
    return result;
  },

  removeListener(type, listener) {
    const result = Stream.prototype.removeListener.call(this, type, listener);
    if (type === "readable") nextTick(updateReadableListening, this);
    return result;
  },

  removeAllListeners(...types) {
    const result = Stream.prototype.removeAllListeners.apply(this, types);
    if (types.length === 0 || types[0] === "readable") nextTick(updateReadableListening, this);
    return result;
  },

  /** @returns {Readable} this, flowing unless somebody listens for `readable` */
  resume() {
    const state = this._readableState;
    if (!state.flowing) {
      state.flowing = !state.readableListening;
      if (!state.resumeScheduled) {
        state.resumeScheduled = true;
        nextTick(startFlowing, this, state);
      }
    }
    state.paused = false;
    return this;
  },

  /** @returns {Readable} this */
  pause() {
    const state = this._readableState;
    if (state.flowing !== false) {
      state.flowing = false;
      this.emit("pause");
    }
    state.paused = true;
    return this;
  },

  /** @returns {boolean} */
  isPaused() {
    return this._readableState.paused || this._readableState.flowing === false;
  },
};
flowMethods.addListener = flowMethods.on;
flowMethods.off = flowMethods.removeListener;

function updateReadableListening(stream) {
  const state = stream._readableState;
  state.readableListening = stream.listenerCount("readable") > 0;
  if (state.resumeScheduled && !state.paused) state.flowing = true;
  else if (stream.listenerCount("data") > 0) stream.resume();
  else if (!state.readableListening) state.flowing = null;
}

function startFlowing(stream, state) {
  if (!state.reading) stream.read(0);
  state.resumeScheduled = false;
  stream.emit("resume");
  flow(stream);
  if (state.flowing && !state.reading) stream.read(0);
}

function flow(stream) {
  const state = stream._readableState;
  while (state.flowing && stream.read() !== null);
}
