// `node:assert`.

import { AssertionError } from "ext:orilla_web/node/internal/assertion_error.js";
import { isDeepLooseEqual, isDeepStrictEqual } from "ext:orilla_web/node/internal/deep_equal.js";
import {
  codedError,
  invalidArgType,
  invalidArgValue,
} from "ext:orilla_web/node/internal/errors.js";
import { inspect } from "ext:orilla_web/node/internal/inspect.js";

export { AssertionError };

function raise(details, message) {
  if (message instanceof Error) throw message;
  throw new AssertionError({ ...details, message });
}

/** @param {unknown} value @param {string | Error} [message] */
export function ok(value, message) {
  if (value) return;
  const generated =
    arguments.length === 0 ? "No value argument passed to `assert.ok()`" : undefined;
  const text = generated ?? `The expression evaluated to a falsy value: ${inspect(value)}`;
  const details = { actual: value, expected: true, operator: "==", stackStartFn: ok };
  if (message !== undefined) raise(details, message);
  throw Object.assign(new AssertionError({ ...details, message: text }), {
    generatedMessage: true,
  });
}

/** Makes an assertion out of a relation between two values. */
function relation(operator, holds) {
  return function assertion(actual, expected, message) {
    if (arguments.length < 2) {
      const text = 'The "actual" and "expected" arguments must be specified';
      throw codedError(TypeError, "ERR_MISSING_ARGS", text);
    }
    if (holds(actual, expected)) return;
    raise({ actual, expected, operator, stackStartFn: assertion }, message);
  };
}

const not = (holds) => (a, b) => !holds(a, b);
const looselyEqual = (a, b) => a == b || (a !== a && b !== b);

export const equal = relation("==", looselyEqual);
export const notEqual = relation("!=", not(looselyEqual));
export const strictEqual = relation("strictEqual", Object.is);
export const notStrictEqual = relation("notStrictEqual", not(Object.is));
export const deepEqual = relation("deepEqual", isDeepLooseEqual);
export const notDeepEqual = relation("notDeepEqual", not(isDeepLooseEqual));
export const deepStrictEqual = relation("deepStrictEqual", isDeepStrictEqual);
export const notDeepStrictEqual = relation("notDeepStrictEqual", not(isDeepStrictEqual));

/** @param {string | Error} [message] */
export function fail(message = "Failed") {
  const isGenerated = arguments.length === 0;
  if (message instanceof Error) throw message;
  const error = new AssertionError({ message, operator: "fail", stackStartFn: fail });
  throw Object.assign(error, { generatedMessage: isGenerated });
}

/** @param {unknown} value throws it unless it is null or undefined */
export function ifError(value) {
  if (value === null || value === undefined) return;
  const shown = value instanceof Error ? value.message : inspect(value);
  const details = { actual: value, expected: null, operator: "ifError", stackStartFn: ifError };
  const error = new AssertionError({
    ...details,
    message: `ifError got unwanted exception: ${shown}`,
  });
  throw Object.assign(error, { generatedMessage: true });
}

function mismatch(text, pattern, wanted = true) {
  const relation = wanted ? "did not match" : "was expected to not match";
  return `The input ${relation} the regular expression ${pattern}. Input:\n\n${inspect(text)}\n`;
}

function matching(operator, wanted) {
  return function assertion(text, pattern, message) {
    if (!(pattern instanceof RegExp))
      throw invalidArgType("regexp", "an instance of RegExp", pattern);
    if (typeof text === "string" && (pattern.exec(text) !== null) === wanted) return;
    const problem =
      typeof text === "string"
        ? mismatch(text, pattern, wanted)
        : `The "string" argument must be of type string. Received ${inspect(text)}`;
    const details = { actual: text, expected: pattern, operator, stackStartFn: assertion };
    if (message !== undefined) raise(details, message);
    throw Object.assign(new AssertionError({ ...details, message: problem }), {
      generatedMessage: true,
    });
  };
}
export const match = matching("match", true);
export const doesNotMatch = matching("doesNotMatch", false);

const nothing = Symbol("nothing thrown");

function callAndCatch(fn) {
  if (typeof fn !== "function") throw invalidArgType("fn", "of type function", fn);
  try {
    fn();
    return nothing;
  } catch (error) {
    return error;
  }
}

/** What only has `then` may never answer. */
function isPromiseLike(value) {
  return typeof value?.then === "function" && typeof value.catch === "function";
}

async function awaitAndCatch(promiseOrFn) {
  let promise = promiseOrFn;
  if (typeof promise === "function") {
    promise = promise();
    if (!isPromiseLike(promise)) {
      const message = 'Expected instance of Promise to be returned from the "promiseFn" function';
      throw codedError(TypeError, "ERR_INVALID_RETURN_VALUE", message);
    }
  }
  if (!isPromiseLike(promise)) {
    throw invalidArgType("promiseFn", "of type function or an instance of Promise", promise);
  }
  try {
    await promise;
    return nothing;
  } catch (error) {
    return error;
  }
}

/** Checks what was thrown, or that something was. */
function expectError(caught, expected, givenMessage, operator, stackStartFn) {
  let [wanted, message] = [expected ?? undefined, givenMessage];
  if (!["string", "function", "object", "undefined"].includes(typeof wanted))
    throw wrongKind(wanted);
  if (typeof wanted === "string") {
    if (givenMessage !== undefined) {
      throw wrongKind(wanted);
    }
    // Whoever wrote it took the message for what the error is compared with.
    const isObject = caught !== null && typeof caught === "object";
    if ((isObject ? caught.message : caught) === wanted) {
      const what = isObject ? "error message" : "error";
      const text = `The "error/message" argument is ambiguous. The ${what} "${wanted}" is identical to the message.`;
      throw codedError(TypeError, "ERR_AMBIGUOUS_ARGUMENT", text);
    }
    [wanted, message] = [undefined, wanted];
  }
  if (caught === nothing) {
    const kind = operator === "rejects" ? "rejection" : "exception";
    const name = wanted?.name ? ` (${wanted.name})` : "";
    const text = `Missing expected ${kind}${name}${message ? `: ${message}` : "."}`;
    const details = { expected: wanted, operator, stackStartFn };
    if (message instanceof Error) throw message;
    throw Object.assign(new AssertionError({ ...details, message: text }), {
      generatedMessage: !message,
    });
  }
  if (wanted !== undefined) checkError(caught, wanted, message, operator, stackStartFn);
}

function checkError(caught, wanted, message, operator, stackStartFn) {
  const details = { actual: caught, expected: wanted, operator, stackStartFn };
  const complain = (text) => {
    if (message !== undefined) raise(details, message);
    throw Object.assign(new AssertionError({ ...details, message: text }), {
      generatedMessage: true,
    });
  };
  if (wanted instanceof RegExp) {
    if (wanted.exec(String(caught)) === null) complain(mismatch(String(caught), wanted));
  } else if (typeof wanted === "function") {
    if (wanted.prototype !== undefined && caught instanceof wanted) return;
    // Another class of errors: what was thrown is not to be swallowed.
    if (Object.prototype.isPrototypeOf.call(Error, wanted)) {
      const found = caught?.constructor?.name ?? inspect(caught);
      complain(`The error is expected to be an instance of "${wanted.name}". Received "${found}"`);
    }
    if (wanted.call({}, caught) !== true) {
      const name = wanted.name ? `"${wanted.name}" ` : "";
      const rule = `The ${name}validation function is expected to return "true"`;
      complain(`${rule}. Caught error:\n\n${inspect(caught)}`);
    }
  } else if (wanted !== null && typeof wanted === "object") {
    checkProperties(caught, wanted, complain);
  } else {
    throw wrongKind(wanted);
  }
}

function wrongKind(wanted) {
  const kinds = "of type function or an instance of Error, RegExp, or Object";
  return invalidArgType("error", kinds, wanted);
}

function checkProperties(caught, wanted, complain) {
  if (caught === null || typeof caught !== "object")
    complain(`${inspect(caught)} is no error object`);
  const keys = Object.keys(wanted);
  if (wanted instanceof Error) keys.push("name", "message");
  else if (keys.length === 0) throw invalidArgValue("error", wanted, "may not be an empty object");
  for (const key of keys) {
    const isPattern = wanted[key] instanceof RegExp && typeof caught[key] === "string";
    if (
      isPattern
        ? wanted[key].exec(caught[key]) !== null
        : key in caught && isDeepStrictEqual(caught[key], wanted[key])
    ) {
      continue;
    }
    const [found, hoped] = [caught, wanted].map((error) =>
      Object.fromEntries(keys.filter((k) => k in error).map((k) => [k, error[k]])),
    );
    complain(
      new AssertionError({ actual: found, expected: hoped, operator: "deepStrictEqual" }).message,
    );
  }
}

function expectNoError(caught, expected, givenMessage, operator, stackStartFn) {
  if (caught === nothing) return;
  const isUsable = expected === undefined || expected === null || expected instanceof RegExp;
  if (!isUsable && typeof expected !== "string" && typeof expected !== "function") {
    throw invalidArgType("expected", "of type function or an instance of RegExp", expected);
  }
  const [wanted, message] =
    typeof expected === "string" ? [undefined, expected] : [expected ?? undefined, givenMessage];
  const isMeant =
    wanted === undefined ||
    (wanted instanceof RegExp
      ? wanted.test(String(caught))
      : typeof wanted === "function" && caught instanceof wanted);
  if (!isMeant) throw caught;
  const kind = operator === "doesNotReject" ? "rejection" : "exception";
  const heading = `Got unwanted ${kind}${message ? `: ${message}` : "."}`;
  const text = `${heading}\nActual message: "${caught?.message}"`;
  throw new AssertionError({
    actual: caught,
    expected: wanted,
    operator,
    message: text,
    stackStartFn,
  });
}

/**
 * @param {() => unknown} fn
 * @param {unknown} [expected] class, pattern, object or check
 * @param {string | Error} [message]
 */
export function throws(fn, expected, message) {
  expectError(callAndCatch(fn), expected, message, "throws", throws);
}

/** @param {Promise<unknown> | (() => Promise<unknown>)} promiseOrFn @returns {Promise<void>} */
export async function rejects(promiseOrFn, expected, message) {
  expectError(await awaitAndCatch(promiseOrFn), expected, message, "rejects", rejects);
}

/** @param {() => unknown} fn @param {unknown} [expected] @param {string | Error} [message] */
export function doesNotThrow(fn, expected, message) {
  expectNoError(callAndCatch(fn), expected, message, "doesNotThrow", doesNotThrow);
}

/** @param {Promise<unknown> | (() => Promise<unknown>)} promiseOrFn @returns {Promise<void>} */
export async function doesNotReject(promiseOrFn, expected, message) {
  expectNoError(
    await awaitAndCatch(promiseOrFn),
    expected,
    message,
    "doesNotReject",
    doesNotReject,
  );
}

const shared = {
  AssertionError,
  deepStrictEqual,
  doesNotMatch,
  doesNotReject,
  doesNotThrow,
  fail,
  ifError,
  match,
  notDeepStrictEqual,
  notStrictEqual,
  ok,
  rejects,
  strictEqual,
  throws,
};

/** The same, with the strict relations under the short names. @param {unknown} value */
export const strict = Object.assign((...args) => ok(...args), shared, {
  deepEqual: deepStrictEqual,
  equal: strictEqual,
  notDeepEqual: notDeepStrictEqual,
  notEqual: notStrictEqual,
});
strict.strict = strict;

/** @param {unknown} value @param {string | Error} [message] */
const assert = Object.assign((...args) => ok(...args), shared, {
  deepEqual,
  equal,
  notDeepEqual,
  notEqual,
  strict,
});
export default assert;
