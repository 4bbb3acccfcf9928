// `node:crypto`: random values, hashes and HMACs are here, the rest in files of its own. The platform's WebCrypto is there as
// `webcrypto` and `subtle`.

import {
  hashCopy,
  hashCreate,
  hashDigest,
  hashUpdate,
  hmacCreate,
  timingSafeEqual as equalInConstantTime,
} from "ext:orilla_web/node_host.js";
import { Buffer } from "node:buffer";
import { constants } from "ext:orilla_web/node/internal/constants/crypto.js";
import absentFunctions from "ext:orilla_web/node/internal/crypto_absent.js";
import ciphers from "ext:orilla_web/node/internal/ciphers.js";
import {
  HASHES,
  bytesOf,
  bytesOfSource,
  checkHex,
  encode,
  findHash,
} from "ext:orilla_web/node/internal/crypto_input.js";
import {
  codedError,
  invalidArgType,
  invalidArgValue,
  outOfRange,
} from "ext:orilla_web/node/internal/errors.js";
import keyDerivation from "ext:orilla_web/node/internal/key_derivation.js";
import { KeyObject, bytesOfKey, createSecretKey } from "ext:orilla_web/node/internal/key_object.js";
import agreement from "ext:orilla_web/node/internal/keys/agreement.js";
import encryption from "ext:orilla_web/node/internal/keys/encryption.js";
import pair from "ext:orilla_web/node/internal/keys/pair.js";
import { createPrivateKey, createPublicKey } from "ext:orilla_web/node/internal/keys/read.js";
import signature from "ext:orilla_web/node/internal/keys/signature.js";
import { LazyTransform, kStreamOptions } from "ext:orilla_web/node/internal/lazy_transform.js";
import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";
import {
  validateFunction,
  validateInteger,
  validateNumber,
  validateObject,
  validateOneOf,
  validateString,
} from "ext:orilla_web/node/internal/validate.js";

export * from "ext:orilla_web/node/internal/ciphers.js";
export * from "ext:orilla_web/node/internal/crypto_absent.js";
export * from "ext:orilla_web/node/internal/key_derivation.js";
export * from "ext:orilla_web/node/internal/keys/agreement.js";
export * from "ext:orilla_web/node/internal/keys/encryption.js";
export * from "ext:orilla_web/node/internal/keys/signature.js";
export { KeyObject, constants, createPrivateKey, createPublicKey, createSecretKey };
export const { generateKeyPair, generateKeyPairSync, getCurves } = pair;

export const webcrypto = globalThis.crypto;
export const subtle = webcrypto.subtle;

/** Bytes that one call of the platform's generator gives at most. */
const RANDOM_BYTES_PER_CALL = 65_536;
/** Bytes in the largest random Buffer. */
const MAX_RANDOM_BYTES = 2 ** 31 - 1;
/** Numbers below this many can be drawn. */
const MAX_RANDOM_RANGE = 2 ** 48 - 1;
const AES_KEY_BITS = [128, 192, 256];
const MAX_HMAC_KEY_BITS = 2 ** 31 - 1;

/** @returns {0} */
export function getFips() {
  return 0;
}

/** @returns {string[]} */
export function getHashes() {
  return [...HASHES];
}

/** @param {{ disableEntropyCache?: boolean }} [_options] without effect @returns {string} */
export function randomUUID(_options) {
  return webcrypto.randomUUID();
}

/** @template {ArrayBufferView} T @param {T} view @returns {T} */
export function getRandomValues(view) {
  return webcrypto.getRandomValues(view);
}

/**
 * @param {ArrayBuffer | ArrayBufferView} target
 * @param {number} [offset] in elements @param {number} [size] in elements
 * @returns {typeof target} filled
 */
export function randomFillSync(target, offset = 0, size = undefined) {
  if (!ArrayBuffer.isView(target) && !(target instanceof ArrayBuffer)) {
    throw invalidArgType(
      "buf",
      "an instance of ArrayBuffer, Buffer, TypedArray, or DataView",
      target,
    );
  }
  const width = target.BYTES_PER_ELEMENT ?? 1;
  const count = target.byteLength / width;
  validateInteger(offset, "offset", 0, count);
  if (size !== undefined) validateInteger(size, "size", 0, count - offset);
  const start = (target.byteOffset ?? 0) + offset * width;
  const bytes = new Uint8Array(target.buffer ?? target, start, (size ?? count - offset) * width);
  for (let at = 0; at < bytes.length; at += RANDOM_BYTES_PER_CALL) {
    webcrypto.getRandomValues(bytes.subarray(at, at + RANDOM_BYTES_PER_CALL));
  }
  return target;
}

/** @param {ArrayBufferView} target @param {...any} rest offset, size, then the callback */
export function randomFill(target, ...rest) {
  const callback = rest.pop();
  validateFunction(callback, "callback");
  randomFillSync(target, ...rest);
  nextTick(callback, null, target);
}

/**
 * @param {number} size
 * @param {(error: null, bytes: Buffer) => void} [callback]
 * @returns {Buffer}
 */
export function randomBytes(size, callback) {
  validateNumber(size, "size", 0, MAX_RANDOM_BYTES);
  if (callback !== undefined) validateFunction(callback, "callback");
  const bytes = randomFillSync(Buffer.alloc(size));
  if (callback === undefined) return bytes;
  nextTick(callback, null, bytes);
  return undefined;
}

/**
 * @param {number} min 0 when only one bound is given @param {number} [max] not included
 * @param {(error: null, value: number) => void} [callback]
 * @returns {number} each with the same chance
 */
export function randomInt(min, max, callback) {
  if (max === undefined || typeof max === "function") return randomInt(0, min, max);
  if (callback !== undefined) validateFunction(callback, "callback");
  for (const [name, bound] of [
    ["min", min],
    ["max", max],
  ]) {
    if (!Number.isSafeInteger(bound)) throw invalidArgType(name, "a safe integer", bound);
  }
  if (max <= min) throw outOfRange("max", `greater than the value of "min" (${min})`, max);
  const range = max - min;
  if (range > MAX_RANDOM_RANGE) throw outOfRange("max - min", `<= ${MAX_RANDOM_RANGE}`, range);
  // Numbers above the last whole multiple of the range would favour the small ones.
  const limit = 2 ** 48 - (2 ** 48 % range);
  let drawn;
  do drawn = randomBytes(6).readUIntBE(0, 6);
  while (drawn >= limit);
  const value = min + (drawn % range);
  if (callback === undefined) return value;
  nextTick(callback, null, value);
  return undefined;
}

/**
 * @param {"aes" | "hmac"} type
 * @param {{ length: number }} options bits: 128, 192 or 256 for AES
 * @returns {KeyObject}
 */
export function generateKeySync(type, options) {
  validateString(type, "type");
  validateObject(options, "options");
  const { length } = options;
  if (type === "aes") validateOneOf(length, "options.length", AES_KEY_BITS);
  else if (type === "hmac") validateInteger(length, "options.length", 8, MAX_HMAC_KEY_BITS);
  else throw invalidArgValue("type", type, "must be aes or hmac");
  return createSecretKey(randomBytes(Math.floor(length / 8)));
}

/**
 * @param {"aes" | "hmac"} type @param {{ length: number }} options
 * @param {(error: null, key: KeyObject) => void} callback
 */
export function generateKey(type, options, callback) {
  validateFunction(callback, "callback");
  nextTick(callback, null, generateKeySync(type, options));
}

/**
 * @param {ArrayBufferView} a
 * @param {ArrayBufferView} b
 * @returns {boolean} in time that tells nothing
 */
export function timingSafeEqual(a, b) {
  const expected = "an instance of ArrayBuffer, Buffer, TypedArray, or DataView";
  const [left, right] = [
    ["buf1", a],
    ["buf2", b],
  ].map(([name, value]) => {
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    if (!ArrayBuffer.isView(value)) throw invalidArgType(name, expected, value);
    return bytesOf(value);
  });
  if (left.length !== right.length) {
    const message = "Input buffers must have the same byte length";
    throw codedError(RangeError, "ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH", message);
  }
  return equalInConstantTime(left, right);
}

const kHandle = Symbol("kHandle");
const kDone = Symbol("kDone");
const kFlushed = Symbol("kFlushed");

/** What hashes and HMACs share. */
function Digest() {}
Object.setPrototypeOf(Digest.prototype, LazyTransform.prototype);

/**
 * @param {string | ArrayBufferView} data
 * @param {string} [encoding] of the text
 * @returns {Digest} this
 */
Digest.prototype.update = function update(data, encoding) {
  if (this[kDone]) throw finalized();
  checkHex(data, encoding);
  hashUpdate(this[kHandle], bytesOf(data, "data", encoding));
  return this;
};

Digest.prototype._transform = function _transform(chunk, encoding, callback) {
  hashUpdate(this[kHandle], bytesOf(chunk, "data", encoding));
  callback();
};

Digest.prototype._flush = function _flush(callback) {
  if (!this[kDone]) {
    const bytes = this.digest();
    this.push(bytes);
    // Whoever has written to it as to a stream may ask for the digest all the same, once.
    this[kFlushed] = bytes;
  }
  callback();
};

/** The digest of a stream that has come to its end, the first time. */
function takeFlushed(digest, encoding) {
  const bytes = digest[kFlushed];
  digest[kFlushed] = undefined;
  if (bytes === undefined) throw finalized();
  return encode(bytes, encoding);
}

function finalized() {
  return codedError(Error, "ERR_CRYPTO_HASH_FINALIZED", "Digest already called");
}

/**
 * @constructor
 * @param {string} algorithm @param {object} [options] of the stream
 */
export function Hash(algorithm, options) {
  if (!new.target) return new Hash(algorithm, options);
  const isCopy = algorithm instanceof Hash;
  this[kStreamOptions] = options;
  this[kHandle] = isCopy
    ? hashCopy(algorithm[kHandle])
    : hashCreate(findHash(algorithm, "algorithm"));
  this[kDone] = false;
}
Object.setPrototypeOf(Hash.prototype, Digest.prototype);

/** @param {string} [encoding] a Buffer when left out @returns {Buffer | string} */
Hash.prototype.digest = function digest(encoding) {
  if (this[kDone]) return takeFlushed(this, encoding);
  this[kDone] = true;
  return encode(hashDigest(this[kHandle]), encoding);
};

/** @param {object} [options] of the stream @returns {Hash} that has seen the same data */
Hash.prototype.copy = function copy(options) {
  if (this[kDone]) throw finalized();
  return new Hash(this, options);
};

/**
 * @constructor
 * @param {string} algorithm @param {string | ArrayBuffer | ArrayBufferView | KeyObject} key
 * @param {object} [options] of the stream, `encoding` of the key
 */
export function Hmac(algorithm, key, options) {
  if (!new.target) return new Hmac(algorithm, key, options);
  const name = findHash(algorithm, "hmac");
  const isObject = key instanceof KeyObject;
  const keyBytes = isObject ? bytesOfKey(key) : bytesOfSource(key, "key", options?.encoding);
  this[kStreamOptions] = options;
  this[kHandle] = hmacCreate(name, keyBytes);
  this[kDone] = false;
}
Object.setPrototypeOf(Hmac.prototype, Digest.prototype);

/**
 * @param {string} [encoding]
 * @returns {Buffer | string} nothing more after the first call, as in Node
 */
Hmac.prototype.digest = function digest(encoding) {
  const bytes = this[kDone] ? new Uint8Array(0) : hashDigest(this[kHandle]);
  this[kDone] = true;
  return encode(bytes, encoding);
};

/** @param {string} algorithm @param {object} [options] @returns {Hash} */
export function createHash(algorithm, options) {
  return new Hash(algorithm, options);
}

/**
 * @param {string} algorithm
 * @param {string | ArrayBufferView | KeyObject} key
 * @param {object} [options]
 * @returns {Hmac}
 */
export function createHmac(algorithm, key, options) {
  return new Hmac(algorithm, key, options);
}

/**
 * @param {string} algorithm @param {string | ArrayBufferView} data @param {string} [encoding]
 * @returns {string | Buffer} hex when left out
 */
export function hash(algorithm, data, encoding = "hex") {
  validateString(encoding, "outputEncoding");
  return new Hash(algorithm).update(data).digest(encoding);
}

export default {
  ...absentFunctions,
  ...agreement,
  ...ciphers,
  ...encryption,
  ...keyDerivation,
  ...pair,
  ...signature,
  Hash,
  Hmac,
  KeyObject,
  constants,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  generateKey,
  generateKeySync,
  getFips,
  getHashes,
  getRandomValues,
  hash,
  randomBytes,
  randomFill,
  randomFillSync,
  randomInt,
  randomUUID,
  subtle,
  timingSafeEqual,
  webcrypto,
};
