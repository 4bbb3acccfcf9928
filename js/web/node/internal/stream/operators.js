// The array-like methods of Readable that need no knowledge of its insides: `map`, `filter`,
// `toArray` and so on. One item is worked on at a time.

import { AbortError, codedError, outOfRange } from "ext:orilla_web/node/internal/errors.js";
import { readableFrom } from "ext:orilla_web/node/internal/stream/from.js";
import {
  validateAbortSignal,
  validateFunction,
  validateInteger,
  validateObject,
} from "ext:orilla_web/node/internal/validate.js";

/**
 * @typedef {object} Options
 * @property {AbortSignal} [signal]
 * @property {number} [concurrency] checked, and without effect: one item is worked on at a time
 * @property {number} [highWaterMark] likewise
 */

/** @returns {Options} the same */
function checked(options) {
  if (options === undefined || options === null) return {};
  validateObject(options, "options");
  const { signal } = options;
  if (signal !== null) validateAbortSignal(signal, "options.signal");
  return options;
}

/** For methods that call a function. @returns {Options} the same */
function checkedForCalls(fn, options) {
  validateFunction(fn, "fn");
  const valid = checked(options);
  validateInteger(Math.floor(valid.concurrency ?? 1), "options.concurrency", 1);
  validateInteger(Math.floor(valid.highWaterMark ?? 0), "options.highWaterMark", 0);
  return valid;
}

/** How many items are meant: what is no number is none, and a part of one is one. */
function countOf(value) {
  const number = Number(value);
  if (Number.isNaN(number)) return 0;
  if (number < 0) throw outOfRange("number", ">= 0", number);
  return Math.ceil(number);
}

async function* items(stream, options) {
  const { signal } = options;
  const check = () => {
    if (signal?.aborted) throw new AbortError(undefined, { cause: signal.reason });
  };
  check();
  const abort = () => stream.destroy(new AbortError(undefined, { cause: signal.reason }));
  signal?.addEventListener("abort", abort, { once: true });
  try {
    for await (const item of stream) {
      check();
      yield item;
    }
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

const context = (options) => ({ signal: options.signal ?? new AbortController().signal });

/** Methods that make another Readable. */
export const streamOperators = {
  map(fn, options) {
    return readableFrom(mapped(this, fn, checkedForCalls(fn, options)));
  },
  filter(fn, options) {
    return readableFrom(filtered(this, fn, checkedForCalls(fn, options)));
  },
  flatMap(fn, options) {
    return readableFrom(flattened(this, fn, checkedForCalls(fn, options)));
  },
  take(count, options) {
    const valid = checked(options);
    return readableFrom(taken(this, countOf(count), valid));
  },
  drop(count, options) {
    const valid = checked(options);
    return readableFrom(dropped(this, countOf(count), valid));
  },
};

async function* mapped(stream, fn, options) {
  for await (const item of items(stream, options)) yield await fn(item, context(options));
}

async function* filtered(stream, fn, options) {
  for await (const item of items(stream, options)) if (await fn(item, context(options))) yield item;
}

async function* flattened(stream, fn, options) {
  for await (const item of items(stream, options)) yield* await fn(item, context(options));
}

async function* taken(stream, count, options) {
  let left = count;
  if (left === 0) return;
  for await (const item of items(stream, options)) {
    yield item;
    if (--left === 0) return;
  }
}

async function* dropped(stream, count, options) {
  let left = count;
  for await (const item of items(stream, options)) {
    if (left > 0) left--;
    else yield item;
  }
}

/** Methods that make a promise. */
export const promiseOperators = {
  async toArray(options) {
    const result = [];
    for await (const item of items(this, checked(options))) result.push(item);
    return result;
  },
  async forEach(fn, options) {
    const valid = checkedForCalls(fn, options);
    for await (const item of items(this, valid)) await fn(item, context(valid));
  },
  async some(fn, options) {
    const valid = checkedForCalls(fn, options);
    for await (const item of items(this, valid)) if (await fn(item, context(valid))) return true;
    return false;
  },
  async every(fn, options) {
    const valid = checkedForCalls(fn, options);
    for await (const item of items(this, valid))
      if (!(await fn(item, context(valid)))) return false;
    return true;
  },
  async find(fn, options) {
    const valid = checkedForCalls(fn, options);
    for await (const item of items(this, valid)) if (await fn(item, context(valid))) return item;
    return undefined;
  },
  async reduce(fn, ...rest) {
    validateFunction(fn, "reducer");
    let [result, options] = rest;
    options = checked(options);
    let isEmpty = rest.length === 0;
    for await (const item of items(this, options)) {
      result = isEmpty ? item : await fn(result, item, context(options));
      isEmpty = false;
    }
    if (isEmpty) {
      throw codedError(
        TypeError,
        "ERR_MISSING_ARGS",
        "Reduce of an empty stream requires an initial value",
      );
    }
    return result;
  },
};
