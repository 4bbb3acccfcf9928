// The async context: which invocation the running code belongs to, and the values AsyncLocalStorage carries.
// A frame rides in V8's continuation-preserved embedder data, so it follows promises by itself. Frames never change and
// user code never holds one; Rust reads `invocation` from the current frame to find the caller of an op.
import { core } from "ext:core/mod.js";

const { getAsyncContext, setAsyncContext } = core;

export { getAsyncContext, setAsyncContext };

/** What the running code belongs to. A class, so that V8 knows its shape; apps cannot reach it by any prototype. */
class Frame {
  /**
   * @param {number} invocation The opaque handle of the invocation; 0 outside any.
   * @param {Map<object, unknown> | null} values What AsyncLocalStorage instances hold, by instance.
   */
  constructor(invocation, values) {
    this.invocation = invocation;
    this.values = values;
  }
}
Object.setPrototypeOf(Frame.prototype, null);

/**
 * The frame an invocation starts with.
 * @param {number} invocation
 * @returns {Frame}
 */
export function invocationFrame(invocation) {
  return new Frame(invocation, null);
}

/**
 * The frame of the running code; undefined at module scope.
 * @returns {Frame | undefined}
 */
export function currentFrame() {
  return getAsyncContext();
}

/**
 * A frame like the current one in which `key` maps to `value`; undefined removes the mapping.
 * @param {object} key
 * @param {unknown} value
 * @returns {Frame}
 */
export function frameWith(key, value) {
  const frame = getAsyncContext();
  const values = new Map(frame?.values);
  if (value === undefined) values.delete(key);
  else values.set(key, value);
  return new Frame(frame?.invocation ?? 0, values);
}

/**
 * What `key` maps to in the current frame.
 * @param {object} key
 * @returns {unknown}
 */
export function frameGet(key) {
  return getAsyncContext()?.values?.get(key);
}

/**
 * Calls `fn` with the values of `frame`, and puts the former ones back whatever happens. The invocation stays the
 * current one: code bound in one request and called in another acts for the other.
 * @template T
 * @param {Frame | undefined} frame
 * @param {(...args: any[]) => T} fn
 * @param {unknown} [thisArg]
 * @param {unknown[]} [args]
 * @returns {T}
 */
export function runInFrame(frame, fn, thisArg, args = []) {
  const previous = getAsyncContext();
  setAsyncContext(new Frame(previous?.invocation ?? 0, frame?.values ?? null));
  try {
    return Reflect.apply(fn, thisArg, args);
  } finally {
    setAsyncContext(previous);
  }
}
