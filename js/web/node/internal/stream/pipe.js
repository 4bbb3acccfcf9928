// Readable's `pipe` and `unpipe`: data flows to every target until one of them asks to wait.

import { errorOrDestroy } from "ext:orilla_web/node/internal/stream/destroy.js";
import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";

/**
 * @this {any}
 * @param {any} target
 * @param {{ end?: boolean }} [options] `end: false` leaves the target open
 * @returns {any} the target
 */
export function pipe(target, options) {
  const source = this;
  const state = source._readableState;
  state.pipes.push(target);
  const endsTarget = options?.end !== false && !target._isStdio;
  const onEnd = endsTarget ? () => target.end() : () => source.unpipe(target);
  if (state.endEmitted) nextTick(onEnd);
  else source.once("end", onEnd);

  let drains = false;
  const onDrain = () => {
    state.awaitDrainWriters.delete(target);
    if (state.awaitDrainWriters.size === 0 && source.listenerCount("data") > 0) source.resume();
  };
  const wait = () => {
    if (state.pipes.includes(target)) {
      state.awaitDrainWriters.add(target);
      source.pause();
    }
    if (drains) return;
    drains = true;
    target.on("drain", onDrain);
  };
  const onData = (chunk) => {
    if (target.write(chunk) === false) wait();
  };
  const onError = (error) => {
    source.unpipe(target);
    target.removeListener("error", onError);
    if (target.listenerCount("error") > 0) return;
    const targetState = target._writableState ?? target._readableState;
    if (targetState && !targetState.errorEmitted) errorOrDestroy(target, error);
    else target.emit("error", error);
  };
  const onClose = () => {
    target.removeListener("finish", onFinish);
    source.unpipe(target);
  };
  const onFinish = () => {
    target.removeListener("close", onClose);
    source.unpipe(target);
  };
  const onUnpipe = (other, info) => {
    if (other !== source || info?.hasUnpiped) return;
    info.hasUnpiped = true;
    target.removeListener("close", onClose);
    target.removeListener("finish", onFinish);
    target.removeListener("drain", onDrain);
    target.removeListener("error", onError);
    target.removeListener("unpipe", onUnpipe);
    source.removeListener("end", onEnd);
    source.removeListener("data", onData);
    // A target that is gone must not keep the source waiting for it.
    const isWaitedFor = state.awaitDrainWriters.has(target);
    if (isWaitedFor && (!target._writableState || target._writableState.needDrain)) onDrain();
  };
  target.on("unpipe", onUnpipe);
  source.on("data", onData);
  target.prependListener("error", onError);
  target.once("close", onClose);
  target.once("finish", onFinish);
  target.emit("pipe", source);
  if (target.writableNeedDrain === true) wait();
  else if (!state.flowing) source.resume();
  return target;
}

/**
 * @this {any}
 * @param {any} [target] all of them when left out
 * @returns {any} the source
 */
export function unpipe(target) {
  const state = this._readableState;
  if (state.pipes.length === 0) return this;
  const targets =
    target === undefined ? state.pipes : state.pipes.filter((pipe) => pipe === target).slice(0, 1);
  if (targets.length === 0) return this;
  state.pipes = state.pipes.toSpliced(state.pipes.indexOf(targets[0]), targets.length);
  if (state.pipes.length === 0) this.pause();
  for (const each of targets) each.emit("unpipe", this, { hasUnpiped: false });
  return this;
}
