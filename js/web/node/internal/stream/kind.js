// What a stream is and where it stands, asked by duck typing, so that it also holds for streams of
// other implementations.

const isObject = (value) => value !== null && typeof value === "object";

/** @param {any} value @returns {boolean} */
export function isReadableNodeStream(value) {
  if (typeof value?.pipe !== "function" || typeof value.on !== "function") return false;
  const hasReadableSide = value._readableState ? value._readableState.readable !== false : true;
  return hasReadableSide && (!value._writableState || Boolean(value._readableState));
}

/** @param {any} value @returns {boolean} */
export function isWritableNodeStream(value) {
  if (typeof value?.write !== "function" || typeof value.on !== "function") return false;
  return (
    !value._readableState ||
    (value._writableState ? value._writableState.writable !== false : false)
  );
}

/** @param {any} value @returns {boolean} */
export function isNodeStream(value) {
  if (!isObject(value) || typeof value.on !== "function") return false;
  return Boolean(
    value._readableState ||
    value._writableState ||
    typeof value.write === "function" ||
    typeof value.pipe === "function",
  );
}

/** @param {any} value @returns {value is ReadableStream} */
export function isReadableWebStream(value) {
  return (
    isObject(value) && typeof value.getReader === "function" && typeof value.cancel === "function"
  );
}

/** @param {any} value @returns {value is WritableStream} */
export function isWritableWebStream(value) {
  return (
    isObject(value) && typeof value.getWriter === "function" && typeof value.abort === "function"
  );
}

/** @param {any} value @returns {value is TransformStream} */
export function isTransformWebStream(value) {
  return isReadableWebStream(value?.readable) && isWritableWebStream(value?.writable);
}

/** @param {any} value @returns {boolean} */
export function isIterable(value) {
  return (
    value !== null &&
    value !== undefined &&
    (typeof value[Symbol.asyncIterator] === "function" ||
      typeof value[Symbol.iterator] === "function")
  );
}

/** @param {any} stream @returns {boolean} */
export function isDestroyed(stream) {
  const state = stream._writableState ?? stream._readableState;
  return Boolean(stream.destroyed || state?.destroyed);
}

/**
 * @param {any} stream
 * @returns {boolean} whether its data ended, seen by `end` or not when not `strict`
 */
export function isReadableFinished(stream, strict = true) {
  const state = stream._readableState;
  if (state?.errored) return false;
  if (typeof state?.endEmitted !== "boolean") return false;
  return state.endEmitted || (!strict && state.ended === true && state.length === 0);
}

/** @param {any} stream @returns {boolean} */
export function isWritableFinished(stream, strict = true) {
  if (stream.writableFinished === true) return true;
  const state = stream._writableState;
  if (state?.errored) return false;
  if (typeof state?.finished !== "boolean") return false;
  return state.finished || (!strict && state.ended === true && state.length === 0);
}

/** @param {any} stream @returns {boolean} whether more can be read */
export function isReadable(stream) {
  if (isReadableWebStream(stream)) return true;
  if (typeof stream?.readable !== "boolean" || isDestroyed(stream)) return false;
  return isReadableNodeStream(stream) && stream.readable && !isReadableFinished(stream);
}

/** @param {any} stream @returns {boolean} whether more can be written */
export function isWritable(stream) {
  if (typeof stream?.writable !== "boolean" || isDestroyed(stream)) return false;
  return isWritableNodeStream(stream) && stream.writable && !stream._writableState?.ending;
}

/** @param {any} stream @returns {boolean} */
export function isErrored(stream) {
  return Boolean(errorOf(stream));
}

/** @param {any} stream @returns {Error | null} what it failed with */
export function errorOf(stream) {
  return (
    stream?._writableState?.errored ?? stream?._readableState?.errored ?? stream?.errored ?? null
  );
}

/** @param {any} stream @returns {boolean} whether it was destroyed or failed before it was read */
export function isDisturbed(stream) {
  return Boolean(stream?.readableDidRead || stream?.readableAborted || stream?.locked);
}

/** @param {any} stream @returns {boolean} */
export function isClosed(stream) {
  const states = [stream._writableState, stream._readableState].filter(Boolean);
  if (states.some((state) => typeof state.closed === "boolean"))
    return states.some((s) => s.closed);
  return stream.closed === true;
}

/** @param {any} stream @returns {boolean} whether a `close` event is still to come */
export function willEmitClose(stream) {
  const state = stream._writableState ?? stream._readableState;
  return Boolean(state && state.autoDestroy && state.emitClose && state.closed === false);
}
