// `scrypt`, `pbkdf2` and `hkdf`. The host derives the keys: with a callback beside the isolate, and at once without one.

import {
  hkdf as hkdfInHost,
  pbkdf2 as pbkdf2InHost,
  pbkdf2Sync as pbkdf2InHostSync,
  scrypt as scryptInHost,
  scryptSync as scryptInHostSync,
} from "ext:orilla_web/node_host.js";
import { bytesOfSource, encode, findHash } from "ext:orilla_web/node/internal/crypto_input.js";
import { codedError, outOfRange } from "ext:orilla_web/node/internal/errors.js";
import { KeyObject, bytesOfKey } from "ext:orilla_web/node/internal/key_object.js";
import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";
import {
  validateFunction,
  validateInteger,
  validateString,
} from "ext:orilla_web/node/internal/validate.js";

const MAX_INT32 = 2 ** 31 - 1;
const MAX_UINT32 = 2 ** 32 - 1;
/** Bytes of the largest Buffer. */
const MAX_LENGTH = 2 ** 53 - 1;
const MAX_INFO_BYTES = 1024;

const SCRYPT_DEFAULTS = { N: 16_384, r: 8, p: 1, maxmem: 32 << 20 };
const SCRYPT_LONG_NAMES = { N: "cost", r: "blockSize", p: "parallelization" };

function giveTo(callback, derived) {
  derived.then(
    (bytes) => nextTick(callback, null, encode(bytes)),
    (error) => nextTick(callback, error),
  );
}

function invalidScrypt(reason) {
  const message = `Invalid scrypt params: ${reason}`;
  return codedError(RangeError, "ERR_CRYPTO_INVALID_SCRYPT_PARAMS", message);
}

function checkScrypt(password, salt, length, options) {
  const passwordBytes = bytesOfSource(password, "password");
  const saltBytes = bytesOfSource(salt, "salt");
  validateInteger(length, "keylen", 0, MAX_INT32);
  const { N, r, p, maxmem } = scryptOptions(options);
  if (N < 2 || (N & (N - 1)) !== 0) throw invalidScrypt("N is no power of two above 1");
  if (p * r > 2 ** 30 - 1) throw invalidScrypt("p * r is too large");
  if (128 * r * (N + 2 + p) > maxmem) throw invalidScrypt("memory limit exceeded (maxmem)");
  return [passwordBytes, saltBytes, N, r, p, length];
}

/** A number of 0 stands for the default. */
function scryptOptions(options) {
  const found = { ...SCRYPT_DEFAULTS };
  if (!options) return found;
  for (const [name, longName] of Object.entries(SCRYPT_LONG_NAMES)) {
    const [short, long] = [options[name], options[longName]];
    if (short !== undefined) validateInteger(short, name, 0, MAX_UINT32);
    if (long !== undefined) {
      if (short !== undefined) {
        const message = `Options ${name} and ${longName} are the same: give one of them`;
        throw codedError(Error, "ERR_CRYPTO_SCRYPT_INVALID_PARAMETER", message);
      }
      validateInteger(long, longName, 0, MAX_UINT32);
    }
    found[name] = (short ?? long) || found[name];
  }
  if (options.maxmem !== undefined) {
    validateInteger(options.maxmem, "maxmem", 0);
    found.maxmem = options.maxmem || found.maxmem;
  }
  return found;
}

/**
 * @param {string | ArrayBuffer | ArrayBufferView} password
 * @param {string | ArrayBuffer | ArrayBufferView} salt
 * @param {number} keylen bytes
 * @param {{ N?: number, r?: number, p?: number, cost?: number, blockSize?: number, parallelization?: number,
 *   maxmem?: number }} [options] `maxmem` is 32 MiB when left out
 * @param {(error: Error | null, key?: Buffer) => void} callback
 */
export function scrypt(password, salt, keylen, options, callback) {
  if (callback === undefined) [options, callback] = [undefined, options];
  const checked = checkScrypt(password, salt, keylen, options);
  validateFunction(callback, "callback");
  giveTo(callback, scryptInHost(...checked));
}

/**
 * @param {string | ArrayBuffer | ArrayBufferView} password
 * @param {string | ArrayBuffer | ArrayBufferView} salt
 * @param {number} keylen bytes
 * @param {object} [options] as for `scrypt`
 * @returns {Buffer}
 */
export function scryptSync(password, salt, keylen, options) {
  return encode(scryptInHostSync(...checkScrypt(password, salt, keylen, options)));
}

function checkPbkdf2(password, salt, iterations, length, digest) {
  validateString(digest, "digest");
  const passwordBytes = bytesOfSource(password, "password");
  const saltBytes = bytesOfSource(salt, "salt");
  validateInteger(iterations, "iterations", 1, MAX_INT32);
  validateInteger(length, "keylen", 0, MAX_INT32);
  return [findHash(digest, "digest"), passwordBytes, saltBytes, iterations, length];
}

/**
 * @param {string | ArrayBuffer | ArrayBufferView} password
 * @param {string | ArrayBuffer | ArrayBufferView} salt
 * @param {number} iterations @param {number} keylen bytes @param {string} digest
 * @param {(error: Error | null, key?: Buffer) => void} callback
 */
export function pbkdf2(password, salt, iterations, keylen, digest, callback) {
  if (typeof digest === "function") [digest, callback] = [undefined, digest];
  const checked = checkPbkdf2(password, salt, iterations, keylen, digest);
  validateFunction(callback, "callback");
  giveTo(callback, pbkdf2InHost(...checked));
}

/**
 * @param {string | ArrayBuffer | ArrayBufferView} password
 * @param {string | ArrayBuffer | ArrayBufferView} salt
 * @param {number} iterations @param {number} keylen bytes @param {string} digest
 * @returns {Buffer}
 */
export function pbkdf2Sync(password, salt, iterations, keylen, digest) {
  return encode(pbkdf2InHostSync(...checkPbkdf2(password, salt, iterations, keylen, digest)));
}

function runHkdf(digest, key, salt, info, length) {
  validateString(digest, "digest");
  const keyBytes = key instanceof KeyObject ? bytesOfKey(key) : bytesOfSource(key, "ikm");
  const [saltBytes, infoBytes] = [bytesOfSource(salt, "salt"), bytesOfSource(info, "info")];
  validateInteger(length, "length", 0, MAX_LENGTH);
  if (infoBytes.length > MAX_INFO_BYTES) {
    throw outOfRange("info", `at most ${MAX_INFO_BYTES} bytes`, infoBytes.length);
  }
  const hash = findHash(digest, "digest");
  if (length > MAX_UINT32)
    throw codedError(RangeError, "ERR_CRYPTO_INVALID_KEYLEN", "Invalid key length");
  return hkdfInHost(hash, keyBytes, saltBytes, infoBytes, length).buffer;
}

/**
 * @param {string} digest @param {string | ArrayBuffer | ArrayBufferView | KeyObject} key
 * @param {string | ArrayBuffer | ArrayBufferView} salt @param {string | ArrayBuffer | ArrayBufferView} info
 * @param {number} length bytes
 * @param {(error: null, key: ArrayBuffer) => void} callback
 */
export function hkdf(digest, key, salt, info, length, callback) {
  validateFunction(callback, "callback");
  nextTick(callback, null, runHkdf(digest, key, salt, info, length));
}

/**
 * @param {string} digest @param {string | ArrayBuffer | ArrayBufferView | KeyObject} key
 * @param {string | ArrayBuffer | ArrayBufferView} salt @param {string | ArrayBuffer | ArrayBufferView} info
 * @param {number} length bytes
 * @returns {ArrayBuffer}
 */
export function hkdfSync(digest, key, salt, info, length) {
  return runHkdf(digest, key, salt, info, length);
}

export default {
  hkdf,
  hkdfSync,
  pbkdf2,
  pbkdf2Sync,
  scrypt,
  scryptSync,
};
