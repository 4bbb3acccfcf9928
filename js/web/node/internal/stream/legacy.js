// `stream.Stream`, what every stream inherits from: an emitter with the old `pipe`, which knows
// events only. Readable has a better one.

import { EventEmitter } from "node:events";

/**
 * @constructor
 * @param {object} [options] as of EventEmitter
 */
export function Stream(options) {
  EventEmitter.call(this, options);
}
Object.setPrototypeOf(Stream.prototype, EventEmitter.prototype);
Object.setPrototypeOf(Stream, EventEmitter);

/** @param {any} target @param {{ end?: boolean }} [options] @returns {any} the target */
Stream.prototype.pipe = function pipe(target, options) {
  const onData = (chunk) => {
    if (target.writable && target.write(chunk) === false) this.pause?.();
  };
  const onDrain = () => {
    if (this.readable) this.resume?.();
  };
  let ended = false;
  const finish = (end) => () => {
    if (ended) return;
    ended = true;
    end();
  };
  const onEnd = finish(() => target.end());
  const onClose = finish(() => target.destroy?.());
  const onError = function (error) {
    cleanUp();
    // Nobody else would hear of it.
    if (EventEmitter.listenerCount(this, "error") === 0) this.emit("error", error);
  };
  const endsTarget = options?.end !== false && !target._isStdio;
  const listeners = [
    [this, "data", onData],
    [target, "drain", onDrain],
    ...(endsTarget
      ? [
          [this, "end", onEnd],
          [this, "close", onClose],
        ]
      : []),
    [this, "error", onError],
    [target, "error", onError],
  ];
  const cleanUp = () => {
    for (const [emitter, type, listener] of listeners) emitter.removeListener(type, listener);
  };
  for (const end of [
    [this, "end", cleanUp],
    [this, "close", cleanUp],
    [target, "close", cleanUp],
  ]) {
    listeners.push(end);
  }
  for (const [emitter, type, listener] of listeners) {
    if (type === "error") emitter.prependListener(type, listener);
    else emitter.on(type, listener);
  }
  target.emit("pipe", this);
  return target;
};
