// Errors with the `code` property that Node programs switch on. Nothing here prints or exits.

/**
 * Makes an error that carries a stable code.
 * @template {Error} T
 * @param {new (message: string) => T} Base the class to instantiate
 * @param {string} code for instance `ERR_INVALID_ARG_TYPE`
 * @param {string} message
 * @returns {T & { code: string }}
 */
export function codedError(Base, code, message) {
  const error = new Base(message);
  error.code = code;
  Error.captureStackTrace?.(error, codedError);
  return error;
}

/** @param {unknown} value @returns {string} what was received, as error messages put it */
export function describeReceived(value) {
  if (value === null || value === undefined) return `Received ${value}`;
  if (typeof value === "function") return `Received function ${value.name}`;
  if (typeof value === "object") {
    const name = value.constructor?.name;
    return name ? `Received an instance of ${name}` : "Received an object";
  }
  const text = typeof value === "string" ? `'${value}'` : String(value);
  const shown = text.length > 28 ? `${text.slice(0, 25)}...` : text;
  return `Received type ${typeof value} (${shown}${typeof value === "bigint" ? "n" : ""})`;
}

/**
 * @param {string} name argument or `options.x` property
 * @param {string} expected a phrase such as `of type string` or `an instance of Buffer`
 * @param {unknown} value
 */
export function invalidArgType(name, expected, value) {
  const kind = name.includes(".") ? "property" : "argument";
  const message = `The "${name}" ${kind} must be ${expected}. ${describeReceived(value)}`;
  return codedError(TypeError, "ERR_INVALID_ARG_TYPE", message);
}

/** @param {string} name @param {unknown} value @param {string} [reason] */
export function invalidArgValue(name, value, reason = "is invalid") {
  const kind = name.includes(".") ? "property" : "argument";
  const message = `The ${kind} '${name}' ${reason}. ${describeReceived(value)}`;
  return codedError(TypeError, "ERR_INVALID_ARG_VALUE", message);
}

/**
 * @param {string} name
 * @param {string} range a phrase such as `>= 0 && <= 10`
 * @param {unknown} value
 */
export function outOfRange(name, range, value) {
  const shown = typeof value === "bigint" ? `${value}n` : String(value);
  const message = `The value of "${name}" is out of range. It must be ${range}. Received ${shown}`;
  return codedError(RangeError, "ERR_OUT_OF_RANGE", message);
}

/** The error of a cancelled operation. */
export class AbortError extends Error {
  /** @param {string} [message] @param {{ cause?: unknown }} [options] */
  constructor(message = "The operation was aborted", options = undefined) {
    super(message, options);
    this.name = "AbortError";
    this.code = "ABORT_ERR";
  }
}

/**
 * Says that this runtime leaves out a part of Node's API.
 * @param {string} feature for instance `process.exit()`
 * @param {string} advice what to do instead
 */
export function notSupported(feature, advice) {
  return codedError(Error, "NODE_API_NOT_SUPPORTED", `${feature} is not available: ${advice}`);
}
