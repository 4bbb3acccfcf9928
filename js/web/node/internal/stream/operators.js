// The array-like methods of Readable that need no knowledge of its insides: `map`, `filter`,
// `toArray` and so on. One item is worked on at a time.

import { AbortError, codedError } from "ext:orilla_web/node/internal/errors.js";
import { readableFrom } from "ext:orilla_web/node/internal/stream/from.js";
import {
  validateAbortSignal,
  validateFunction,
  validateInteger,
} from "ext:orilla_web/node/internal/validate.js";

/** @typedef {{ signal?: AbortSignal }} Options */

async function* items(stream, options) {
  const { signal } = options ?? {};
  validateAbortSignal(signal, "options.signal");
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

const context = (options) => ({ signal: options?.signal ?? new AbortController().signal });

/** Methods that make another Readable. */
export const streamOperators = {
  map(fn, options) {
    validateFunction(fn, "fn");
    return readableFrom(mapped(this, fn, options));
  },
  filter(fn, options) {
    validateFunction(fn, "fn");
    return readableFrom(filtered(this, fn, options));
  },
  flatMap(fn, options) {
    validateFunction(fn, "fn");
    return readableFrom(flattened(this, fn, options));
  },
  take(count, options) {
    validateInteger(count, "number", 0);
    return readableFrom(taken(this, count, options));
  },
  drop(count, options) {
    validateInteger(count, "number", 0);
    return readableFrom(dropped(this, count, options));
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
    for await (const item of items(this, options)) result.push(item);
    return result;
  },
  async forEach(fn, options) {
    validateFunction(fn, "fn");
    for await (const item of items(this, options)) await fn(item, context(options));
  },
  async some(fn, options) {
    validateFunction(fn, "fn");
    for await (const item of items(this, options))
      if (await fn(item, context(options))) return true;
    return false;
  },
  async every(fn, options) {
    validateFunction(fn, "fn");
    for await (const item of items(this, options))
      if (!(await fn(item, context(options)))) return false;
    return true;
  },
  async find(fn, options) {
    validateFunction(fn, "fn");
    for await (const item of items(this, options))
      if (await fn(item, context(options))) return item;
    return undefined;
  },
  async reduce(fn, ...rest) {
    validateFunction(fn, "reducer");
    let [result, options] = rest;
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
