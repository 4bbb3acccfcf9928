// Deep equality in its two strengths: strict (`Object.is`, same prototype) as in
// `util.isDeepStrictEqual`, and loose (`==`) as in the old `assert.deepEqual`.

import * as types from "node:util/types";

/** @param {unknown} a @param {unknown} b @returns {boolean} */
export function isDeepStrictEqual(a, b) {
  return new Comparison(true).equal(a, b);
}

/** @param {unknown} a @param {unknown} b @returns {boolean} */
export function isDeepLooseEqual(a, b) {
  return new Comparison(false).equal(a, b);
}

/** One comparison: its strength, and the pairs it is in the middle of. */
class Comparison {
  constructor(strict) {
    this.strict = strict;
    this.underway = new Map();
  }

  equal(a, b) {
    if (Object.is(a, b)) return true;
    if (a === b) return !this.strict; // 0 and -0
    if (!isObject(a) || !isObject(b)) {
      if (this.strict || isObject(a) || isObject(b)) return false;
      return a == b || (a !== a && b !== b);
    }
    if (typeof a === "function" || typeof b === "function") return false;
    if (this.strict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
    return this.sameKind(a, b) && this.withPair(a, b, () => this.equalContents(a, b));
  }

  /** A pair that is met again while it is being compared is equal if the rest of it is. */
  withPair(a, b, compare) {
    const known = this.underway.get(a);
    if (known !== undefined) return known === b;
    this.underway.set(a, b);
    const result = compare();
    this.underway.delete(a);
    return result;
  }

  /** Compares what sits in internal slots: class, and the value of boxed and built-in objects. */
  sameKind(a, b) {
    if (objectTag(a) !== objectTag(b)) return false;
    if (Array.isArray(a) !== Array.isArray(b)) return false;
    for (const [is, same] of SLOTS) {
      if (is(a) !== is(b)) return false;
      if (is(a) && !same(a, b, this)) return false;
    }
    return true;
  }

  equalContents(a, b) {
    if (Array.isArray(a) && a.length !== b.length) return false;
    if (types.isSet(a) && !this.equalSets(a, b)) return false;
    if (types.isMap(a) && !this.equalMaps(a, b)) return false;
    const keys = this.comparedKeys(a);
    if (keys.length !== this.comparedKeys(b).length) return false;
    return keys.every(
      (key) => Object.hasOwn(b, key) && isEnumerable(b, key) && this.equal(a[key], b[key]),
    );
  }

  comparedKeys(value) {
    const skipIndices = types.isTypedArray(value);
    return Reflect.ownKeys(value).filter((key) => {
      if (typeof key === "symbol") return this.strict && isEnumerable(value, key);
      return isEnumerable(value, key) && !(skipIndices && /^\d+$/.test(key));
    });
  }

  equalSets(a, b) {
    if (a.size !== b.size) return false;
    const unmatched = new Set(b);
    const left = [...a].filter((item) => !unmatched.delete(item));
    return left.every((item) => this.take(unmatched, (other) => this.canMatch(item, other)));
  }

  equalMaps(a, b) {
    if (a.size !== b.size) return false;
    const unmatched = new Map(b);
    const left = [...a].filter(([key, value]) => {
      const found = unmatched.has(key) && this.equal(value, unmatched.get(key));
      return !(found && unmatched.delete(key));
    });
    return left.every(([key, value]) =>
      this.take(unmatched, ([otherKey, otherValue]) => {
        return this.canMatch(key, otherKey) && this.equal(value, otherValue);
      }),
    );
  }

  /** Members are matched by content only where identity cannot tell them apart. */
  canMatch(a, b) {
    if (this.strict && (!isObject(a) || !isObject(b))) return false;
    return this.equal(a, b);
  }

  /** Removes the first entry that passes, so that no entry is matched twice. */
  take(collection, passes) {
    for (const entry of collection) {
      if (passes(entry)) {
        return collection.delete(collection instanceof Map ? entry[0] : entry);
      }
    }
    return false;
  }
}

function isObject(value) {
  return value !== null && (typeof value === "object" || typeof value === "function");
}

function objectTag(value) {
  return Object.prototype.toString.call(value);
}

function isEnumerable(object, key) {
  return Object.prototype.propertyIsEnumerable.call(object, key);
}

function sameBytes(a, b) {
  if (a.byteLength !== b.byteLength) return false;
  const left = new Uint8Array(a.buffer ?? a, a.byteOffset ?? 0, a.byteLength);
  const right = new Uint8Array(b.buffer ?? b, b.byteOffset ?? 0, b.byteLength);
  return left.every((byte, i) => byte === right[i]);
}

// Floats are compared as numbers: +0 is -0 when loose, and every NaN is the same.
function sameElements(a, b, { strict }) {
  if (a.length !== b.length) return false;
  const isFloat = typeof a[0] === "number" && !Number.isInteger(a[0] * 0 + 0.5);
  if (!isFloat) return sameBytes(a, b);
  return a.every((item, i) => Object.is(item, b[i]) || (!strict && item === b[i]));
}

function sameErrors(a, b, comparison) {
  if (a.message !== b.message || a.name !== b.name) return false;
  return ["cause", "errors"].every((key) => {
    return Object.hasOwn(a, key) === Object.hasOwn(b, key) && comparison.equal(a[key], b[key]);
  });
}

const same = () => true;
const never = () => false;

/** Pairs of "is it of that kind" and "do the slots of two such agree". */
const SLOTS = [
  [types.isDate, (a, b) => Object.is(a.getTime(), b.getTime())],
  [types.isRegExp, (a, b) => String(a) === String(b) && a.lastIndex === b.lastIndex],
  [types.isNativeError, sameErrors],
  [types.isTypedArray, sameElements],
  [types.isDataView, sameBytes],
  [types.isAnyArrayBuffer, sameBytes],
  [types.isSet, same],
  [types.isMap, same],
  [
    types.isBoxedPrimitive,
    (a, b) => typeof a.valueOf() === typeof b.valueOf() && Object.is(a.valueOf(), b.valueOf()),
  ],
  [types.isPromise, never],
  [types.isWeakMap, never],
  [types.isWeakSet, never],
  [(value) => typeof URL === "function" && value instanceof URL, (a, b) => a.href === b.href],
];
