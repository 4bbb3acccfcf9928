// The errors that only streams throw.

import { codedError } from "ext:orilla_web/node/internal/errors.js";

const MESSAGES = {
  ERR_METHOD_NOT_IMPLEMENTED: (name) => `The ${name} method is not implemented`,
  ERR_MULTIPLE_CALLBACK: () => "Callback called multiple times",
  ERR_STREAM_ALREADY_FINISHED: (name) => `Cannot call ${name} after a stream was finished`,
  ERR_STREAM_CANNOT_PIPE: () => "Cannot pipe, not readable",
  ERR_STREAM_DESTROYED: (name) => `Cannot call ${name} after a stream was destroyed`,
  ERR_STREAM_PREMATURE_CLOSE: () => "Premature close",
  ERR_STREAM_PUSH_AFTER_EOF: () => "stream.push() after EOF",
  ERR_STREAM_UNSHIFT_AFTER_END_EVENT: () => "stream.unshift() after end event",
  ERR_STREAM_WRITE_AFTER_END: () => "write after end",
};

/** @param {keyof typeof MESSAGES} code @param {string} [name] the method @returns {Error} */
export function streamError(code, name) {
  return codedError(Error, code, MESSAGES[code](name));
}

/** @returns {TypeError} for `null`, which means the end and is never data */
export function nullValueError() {
  return codedError(TypeError, "ERR_STREAM_NULL_VALUES", "May not write null values to stream");
}

/**
 * Keeps a later error together with the one that came first.
 * @param {Error | null | undefined} first
 * @param {Error | null | undefined} second
 * @returns {Error | null | undefined}
 */
export function bothErrors(first, second) {
  if (!first || !second || first === second) return first || second;
  if (Array.isArray(second.errors)) {
    second.errors.push(first);
    return second;
  }
  return Object.assign(new AggregateError([second, first], second.message), { code: second.code });
}
