// Secrets that two agree on: `diffieHellman` with keys, and `createECDH`, whose keys are plain numbers and points.

import { keyAgree, keyGenerateSync, keyOfParts, keyParts } from "ext:orilla_web/node_host.js";
import { Buffer } from "node:buffer";
import { bytesOfSource, encode, kindOnly } from "ext:orilla_web/node/internal/crypto_input.js";
import {
  codedError,
  invalidArgType,
  invalidArgValue,
} from "ext:orilla_web/node/internal/errors.js";
import { KeyObject, materialOf, wrongKeyType } from "ext:orilla_web/node/internal/key_object.js";
import { curveNamed } from "ext:orilla_web/node/internal/keys/pair.js";
import { publicKeyFrom } from "ext:orilla_web/node/internal/keys/read.js";
import { validateObject, validateString } from "ext:orilla_web/node/internal/validate.js";

/** What a point begins with in each format, before its parity is added. */
const FORMATS = { compressed: 2, uncompressed: 4, hybrid: 6 };

/**
 * @param {{ privateKey: KeyObject, publicKey: KeyObject }} options
 * @returns {Buffer}
 */
export function diffieHellman(options) {
  validateObject(options, "options");
  const { privateKey, publicKey } = options;
  for (const [name, key] of Object.entries({ privateKey, publicKey })) {
    if (!(key instanceof KeyObject)) throw invalidArgValue(`options.${name}`, kindOnly(key));
  }
  const own = materialOf(privateKey);
  if (own.type !== "private") throw wrongKeyType(own.type, "private");
  const other = publicKeyFrom(publicKey);
  const types = [privateKey.asymmetricKeyType, publicKey.asymmetricKeyType];
  if (types[0] !== types[1] || !["ec", "x25519"].includes(types[0])) {
    const message = `Incompatible key types for Diffie-Hellman: ${types.join(" and ")}`;
    throw codedError(Error, "ERR_CRYPTO_INCOMPATIBLE_KEY", message);
  }
  if (own.kind !== other.kind) {
    const message = "mismatching domain parameters: the keys are on two curves";
    throw codedError(Error, "ERR_OSSL_MISMATCHING_DOMAIN_PARAMETERS", message);
  }
  return encode(keyAgree(own.bytes, other.bytes));
}

/** The curve, and the keys that there are, as the host has them. */
const kState = Symbol("kState");

function operationFailed(message) {
  return codedError(Error, "ERR_CRYPTO_OPERATION_FAILED", message);
}

/** The point of a public key in one of the formats. */
function pointOf(key, format = "uncompressed") {
  if (!Object.hasOwn(FORMATS, format)) {
    const message = `Invalid ECDH format: ${format}`;
    throw codedError(TypeError, "ERR_CRYPTO_ECDH_INVALID_FORMAT", message);
  }
  const [x, y] = keyParts(false, key.bytes);
  const parity = format === "uncompressed" ? 0 : y[y.length - 1] & 1;
  const first = Uint8Array.of(FORMATS[format] + parity);
  return Buffer.concat(format === "compressed" ? [first, x] : [first, x, y]);
}

/** A public key, from a point in any format. */
function keyOfPoint(curve, point) {
  try {
    return keyOfParts(false, curve, [point]);
  } catch {
    throw operationFailed("Failed to convert Buffer to EC_POINT");
  }
}

/** @param {string} curve @returns {ECDH} */
export function createECDH(curve) {
  return new ECDH(curve);
}

/** @constructor @param {string} curve */
export function ECDH(curve) {
  if (!(this instanceof ECDH)) return new ECDH(curve);
  validateString(curve, "curve");
  Object.defineProperty(this, kState, { value: { curve: curveNamed(curve) } });
}

/** Whoever has a private key has the public one. */
function setPrivate(state, key) {
  const [x, y] = keyParts(true, key.bytes);
  state.privateKey = key;
  state.publicKey = keyOfParts(false, state.curve, [x, y]);
}

/**
 * @param {string} [encoding] a Buffer when left out @param {"compressed" | "uncompressed" | "hybrid"} [format]
 * @returns {Buffer | string} the new public key
 */
ECDH.prototype.generateKeys = function generateKeys(encoding, format) {
  const state = this[kState];
  setPrivate(state, keyGenerateSync(state.curve, 0, 0));
  return this.getPublicKey(encoding, format);
};

/**
 * @param {string | ArrayBuffer | ArrayBufferView} otherPublicKey @param {string} [inputEncoding] of text
 * @param {string} [outputEncoding] a Buffer when left out
 * @returns {Buffer | string}
 */
ECDH.prototype.computeSecret = function computeSecret(
  otherPublicKey,
  inputEncoding,
  outputEncoding,
) {
  const { curve, privateKey } = this[kState];
  const point = bytesOfSource(otherPublicKey, "otherPublicKey", inputEncoding);
  if (privateKey === undefined) {
    throw codedError(RangeError, "ERR_CRYPTO_INVALID_KEYPAIR", "Invalid key pair");
  }
  let other;
  try {
    other = keyOfParts(false, curve, [point]);
  } catch {
    const message = "Public key is not valid for specified curve";
    throw codedError(Error, "ERR_CRYPTO_ECDH_INVALID_PUBLIC_KEY", message);
  }
  return encode(keyAgree(privateKey.bytes, other.bytes), outputEncoding);
};

/** @param {string} [encoding] a Buffer when left out @returns {Buffer | string} */
ECDH.prototype.getPrivateKey = function getPrivateKey(encoding) {
  const { privateKey } = this[kState];
  if (privateKey === undefined) throw operationFailed("Failed to get ECDH private key");
  return encode(keyParts(true, privateKey.bytes)[2], encoding);
};

/**
 * @param {string} [encoding] a Buffer when left out @param {"compressed" | "uncompressed" | "hybrid"} [format]
 * @returns {Buffer | string}
 */
ECDH.prototype.getPublicKey = function getPublicKey(encoding, format) {
  const { publicKey } = this[kState];
  if (publicKey === undefined) throw operationFailed("Failed to get ECDH public key");
  return encode(pointOf(publicKey, format), encoding);
};

/** @param {string | ArrayBuffer | ArrayBufferView} key @param {string} [encoding] of text @returns {ECDH} this */
ECDH.prototype.setPrivateKey = function setPrivateKey(key, encoding) {
  const number = bytesOfSource(key, "key", encoding);
  const state = this[kState];
  let privateKey;
  try {
    privateKey = keyOfParts(true, state.curve, [number]);
  } catch {
    const message = "Private key is not valid for specified curve.";
    throw codedError(RangeError, "ERR_CRYPTO_INVALID_KEYTYPE", message);
  }
  setPrivate(state, privateKey);
  return this;
};

/** @param {string | ArrayBuffer | ArrayBufferView} key @param {string} [encoding] of text @returns {ECDH} this */
ECDH.prototype.setPublicKey = function setPublicKey(key, encoding) {
  const state = this[kState];
  state.publicKey = keyOfPoint(state.curve, bytesOfSource(key, "key", encoding));
  return this;
};

/**
 * @param {string | ArrayBuffer | ArrayBufferView} key a point @param {string} curve @param {string} [inputEncoding] of text
 * @param {string} [outputEncoding] a Buffer when left out @param {"compressed" | "uncompressed" | "hybrid"} [format]
 * @returns {Buffer | string}
 */
ECDH.convertKey = function convertKey(key, curve, inputEncoding, outputEncoding, format) {
  validateString(curve, "curve");
  if (typeof key !== "string" && !ArrayBuffer.isView(key) && !(key instanceof ArrayBuffer)) {
    const expected =
      "of type string or an instance of ArrayBuffer, Buffer, TypedArray, or DataView";
    throw invalidArgType("key", expected, key);
  }
  const point = bytesOfSource(key, "key", inputEncoding);
  return encode(pointOf(keyOfPoint(curveNamed(curve), point), format), outputEncoding);
};

export default { ECDH, createECDH, diffieHellman };
