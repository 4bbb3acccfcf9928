// Signatures: `createSign` and `createVerify`, which are streams too, and `sign` and `verify` of data as a whole.

import {
  hashCreate,
  hashDigest,
  hashUpdate,
  keySign,
  keyVerify,
} from "ext:orilla_web/node_host.js";
import { constants } from "ext:orilla_web/node/internal/constants/crypto.js";
import {
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
} from "ext:orilla_web/node/internal/errors.js";
import { privateKeyFrom, publicKeyFrom } from "ext:orilla_web/node/internal/keys/read.js";
import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";
import { Writable } from "ext:orilla_web/node/internal/stream/writable.js";
import { validateFunction } from "ext:orilla_web/node/internal/validate.js";

const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_AUTO } = constants;
/** What data is hashed with when nothing is said. */
const DEFAULT_HASH = "sha256";
/** Kinds of keys that hash data themselves, or sign nothing. */
const UNHASHED = ["ed25519", "x25519"];

const BYTES = "an instance of ArrayBuffer, Buffer, TypedArray, or DataView";

const kHash = Symbol("kHash");
const kHandle = Symbol("kHandle");

/** What both streams share. */
function Signature(stream, algorithm, options) {
  stream[kHash] = findHash(algorithm, "algorithm");
  stream[kHandle] = hashCreate(stream[kHash]);
  Writable.call(stream, options);
}

function update(stream, data, encoding) {
  checkHex(data, encoding);
  const bytes = bytesOf(data, "data", encoding);
  if (stream[kHandle] === undefined) throw notInitialised();
  hashUpdate(stream[kHandle], bytes);
  return stream;
}

function write(stream, chunk, encoding, callback) {
  update(stream, chunk, encoding);
  callback();
}

function notInitialised() {
  return codedError(Error, "ERR_CRYPTO_INVALID_STATE", "Not initialised");
}

/** What was hashed; the stream takes no more. */
function hashed(stream) {
  const handle = stream[kHandle];
  if (handle === undefined) throw notInitialised();
  stream[kHandle] = undefined;
  return hashDigest(handle);
}

/** How to sign, from the options that come with a key. */
function mannerFrom(options, key) {
  const dsaEncoding = options?.dsaEncoding ?? "der";
  if (dsaEncoding !== "der" && dsaEncoding !== "ieee-p1363") {
    throw invalidArgValue("options.dsaEncoding", dsaEncoding);
  }
  const padding = integerOption(options, "padding") ?? RSA_PKCS1_PADDING;
  const saltLength = integerOption(options, "saltLength") ?? RSA_PSS_SALTLEN_AUTO;
  if (key.kind === "rsa") checkPadding(padding, saltLength);
  return [padding, saltLength, dsaEncoding === "ieee-p1363"];
}

function integerOption(options, name) {
  const value = options?.[name];
  if (value === undefined || value === null || value === value >> 0) return value;
  throw invalidArgValue(`options.${name}`, value);
}

function checkPadding(padding, saltLength) {
  if (padding !== RSA_PKCS1_PADDING && padding !== RSA_PKCS1_PSS_PADDING) {
    const code = "ERR_OSSL_ILLEGAL_OR_UNSUPPORTED_PADDING_MODE";
    throw codedError(Error, code, "illegal or unsupported padding mode");
  }
  if (padding === RSA_PKCS1_PSS_PADDING && saltLength < RSA_PSS_SALTLEN_AUTO) {
    throw codedError(Error, "ERR_OSSL_INVALID_SALT_LENGTH", "invalid salt length");
  }
}

/** @param {import("./read.js").Key} key that signs or verifies as a stream does */
function checkHashes({ kind }) {
  if (!UNHASHED.includes(kind)) return;
  const message = "Unsupported crypto operation: use crypto.sign() and crypto.verify()";
  throw codedError(Error, "ERR_CRYPTO_UNSUPPORTED_OPERATION", message);
}

function signingKeyFrom(given) {
  if (given) return privateKeyFrom(given);
  throw codedError(Error, "ERR_CRYPTO_SIGN_KEY_REQUIRED", "No key provided to sign");
}

/** @constructor @param {string} algorithm @param {object} [options] of the stream */
export function Sign(algorithm, options) {
  if (!new.target) return new Sign(algorithm, options);
  Signature(this, algorithm, options);
}
Object.setPrototypeOf(Sign.prototype, Writable.prototype);
Object.setPrototypeOf(Sign, Writable);

/** @param {string | ArrayBufferView} data @param {string} [encoding] of text @returns {Sign} this */
Sign.prototype.update = function (data, encoding) {
  return update(this, data, encoding);
};

Sign.prototype._write = function _write(chunk, encoding, callback) {
  write(this, chunk, encoding, callback);
};

/**
 * @param {unknown} privateKey with options for the signature or without
 * @param {string} [encoding] a Buffer when left out
 * @returns {Buffer | string}
 */
Sign.prototype.sign = function (privateKey, encoding) {
  const key = signingKeyFrom(privateKey);
  const manner = mannerFrom(privateKey, key);
  const digest = hashed(this);
  checkHashes(key);
  return encode(keySign(key.bytes, digest, this[kHash], ...manner), encoding);
};

/** @constructor @param {string} algorithm @param {object} [options] of the stream */
export function Verify(algorithm, options) {
  if (!new.target) return new Verify(algorithm, options);
  Signature(this, algorithm, options);
}
Object.setPrototypeOf(Verify.prototype, Writable.prototype);
Object.setPrototypeOf(Verify, Writable);

/** @param {string | ArrayBufferView} data @param {string} [encoding] of text @returns {Verify} this */
Verify.prototype.update = function (data, encoding) {
  return update(this, data, encoding);
};

Verify.prototype._write = function _write(chunk, encoding, callback) {
  write(this, chunk, encoding, callback);
};

/**
 * @param {unknown} publicKey or a private one, or a certificate, with options for the signature or without
 * @param {string | ArrayBuffer | ArrayBufferView} signature @param {string} [encoding] of text
 * @returns {boolean}
 */
Verify.prototype.verify = function (publicKey, signature, encoding) {
  const key = publicKeyFrom(publicKey);
  const manner = mannerFrom(publicKey, key);
  const signed = bytesOfSource(signature, "signature", encoding);
  const digest = hashed(this);
  checkHashes(key);
  return keyVerify(key.bytes, digest, signed, this[kHash], ...manner);
};

/** @param {string} algorithm of the digest @param {object} [options] of the stream @returns {Sign} */
export function createSign(algorithm, options) {
  return new Sign(algorithm, options);
}

/** @param {string} algorithm of the digest @param {object} [options] of the stream @returns {Verify} */
export function createVerify(algorithm, options) {
  return new Verify(algorithm, options);
}

/** What is signed with the key, and the digest that made it of the data. */
function prepared(algorithm, data, { kind }) {
  const hash = algorithm == null ? undefined : findHash(algorithm, "algorithm");
  const bytes = bytesOfSource(data, "data");
  if (!UNHASHED.includes(kind)) {
    const handle = hashCreate(hash ?? DEFAULT_HASH);
    hashUpdate(handle, bytes);
    return [hashDigest(handle), hash ?? DEFAULT_HASH];
  }
  if (hash === undefined) return [bytes, ""];
  throw codedError(Error, "ERR_OSSL_INVALID_DIGEST", "invalid digest: the key hashes data itself");
}

/** Gives a result at once, or in the next tick to a callback, with what goes wrong in the work itself. */
function give(work, callback) {
  if (callback === undefined) return work();
  try {
    nextTick(callback, null, work());
  } catch (error) {
    nextTick(callback, error);
  }
  return undefined;
}

/**
 * @param {string | null | undefined} algorithm of the digest; none for Ed25519
 * @param {string | ArrayBuffer | ArrayBufferView} data
 * @param {unknown} privateKey with options for the signature or without
 * @param {(error: Error | null, signature?: Buffer) => void} [callback]
 * @returns {Buffer}
 */
export function sign(algorithm, data, privateKey, callback) {
  if (callback !== undefined) validateFunction(callback, "callback");
  const key = signingKeyFrom(privateKey);
  const manner = mannerFrom(privateKey, key);
  const [bytes, hash] = prepared(algorithm, data, key);
  return give(() => encode(keySign(key.bytes, bytes, hash, ...manner)), callback);
}

/**
 * @param {string | null | undefined} algorithm of the digest; none for Ed25519
 * @param {string | ArrayBuffer | ArrayBufferView} data
 * @param {unknown} publicKey or a private one, or a certificate, with options for the signature or without
 * @param {ArrayBuffer | ArrayBufferView} signature
 * @param {(error: Error | null, isGenuine?: boolean) => void} [callback]
 * @returns {boolean}
 */
export function verify(algorithm, data, publicKey, signature, callback) {
  if (callback !== undefined) validateFunction(callback, "callback");
  const key = publicKeyFrom(publicKey);
  const manner = mannerFrom(publicKey, key);
  if (typeof signature === "string") throw invalidArgType("signature", BYTES, signature);
  const signed = bytesOfSource(signature, "signature");
  const [bytes, hash] = prepared(algorithm, data, key);
  return give(() => keyVerify(key.bytes, bytes, signed, hash, ...manner), callback);
}

export default { Sign, Verify, createSign, createVerify, sign, verify };
