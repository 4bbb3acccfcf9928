// Ciphers: AES with CBC, CTR and GCM, in pieces and as streams. The host encrypts; what may be called when is decided here.

import {
  cipherAdditionalData,
  cipherCreate,
  cipherFinal,
  cipherTag,
  cipherUpdate,
  cipherVerify,
} from "ext:orilla_web/node_host.js";
import { Buffer } from "node:buffer";
import { StringDecoder } from "node:string_decoder";
import {
  bytesOf,
  bytesOfSource,
  checkHex,
  encode,
} from "ext:orilla_web/node/internal/crypto_input.js";
import {
  codedError,
  invalidArgType,
  invalidArgValue,
} from "ext:orilla_web/node/internal/errors.js";
import { KeyObject, bytesOfKey } from "ext:orilla_web/node/internal/key_object.js";
import { LazyTransform, kStreamOptions } from "ext:orilla_web/node/internal/lazy_transform.js";
import { validateObject, validateString } from "ext:orilla_web/node/internal/validate.js";

const BLOCK_BYTES = 16;
/** Bytes of the vector that GCM is meant for; it takes others. */
const GCM_VECTOR_BYTES = 12;
const MAX_GCM_VECTOR_BYTES = 128;
const TAG_BYTES = 16;
const TAG_LENGTHS = [4, 8, 12, 13, 14, 15, 16];

/** The numbers that OpenSSL has for each mode, by the length of the key in bits. */
const NUMBERS = {
  cbc: { 128: 419, 192: 423, 256: 427 },
  ctr: { 128: 904, 192: 905, 256: 906 },
  gcm: { 128: 895, 192: 898, 256: 901 },
};

const CIPHERS = Object.entries(NUMBERS).flatMap(([mode, numbers]) =>
  Object.entries(numbers).map(([bits, nid]) => ({
    mode,
    name: mode === "gcm" ? `id-aes${bits}-gcm` : `aes-${bits}-${mode}`,
    nid,
    blockSize: mode === "cbc" ? BLOCK_BYTES : 1,
    ivLength: mode === "gcm" ? GCM_VECTOR_BYTES : BLOCK_BYTES,
    keyLength: bits / 8,
  })),
);

/** By each of their names in lower case. */
const BY_NAME = new Map(CIPHERS.map((cipher) => [cipher.name, cipher]));
for (const cipher of CIPHERS) {
  const { mode } = cipher;
  const bits = cipher.keyLength * 8;
  BY_NAME.set(`aes-${bits}-${mode}`, cipher);
  if (mode === "cbc") BY_NAME.set(`aes${bits}`, cipher);
}

/** @returns {string[]} */
export function getCiphers() {
  return [...BY_NAME.keys()]
    .map((name) => name.replace("-gcm", name.startsWith("id") ? "-GCM" : "-gcm"))
    .sort();
}

/**
 * @param {string | number} nameOrNid
 * @param {{ keyLength?: number, ivLength?: number }} [options] that the cipher must be able to have
 * @returns {{ name: string, nid: number, mode: string, blockSize: number, ivLength: number, keyLength: number } | undefined}
 */
export function getCipherInfo(nameOrNid, options = {}) {
  if (typeof nameOrNid !== "string" && typeof nameOrNid !== "number") {
    throw invalidArgType("nameOrNid", "of type string or number", nameOrNid);
  }
  validateObject(options, "options");
  const found =
    typeof nameOrNid === "string"
      ? BY_NAME.get(nameOrNid.toLowerCase())
      : CIPHERS.find(({ nid }) => nid === nameOrNid);
  const { keyLength, ivLength = found?.ivLength } = options;
  if (found === undefined) return undefined;
  if (keyLength !== undefined && keyLength !== found.keyLength) return undefined;
  return takesVector(found, ivLength) ? { ...found, ivLength } : undefined;
}

function takesVector({ mode, ivLength }, length) {
  return mode === "gcm" ? length > 0 && length <= MAX_GCM_VECTOR_BYTES : length === ivLength;
}

const kState = Symbol("kState");

/** What is known of a cipher that is under way. */
class State {
  handle;
  isAuthenticated;
  isDecryption;
  isPadded = true;
  hasBegun = false;
  hasEnded = false;
  tagLength;
  tag;
  decoder;

  constructor(cipher, key, iv, options, isDecryption) {
    this.isAuthenticated = cipher.mode === "gcm";
    this.isDecryption = isDecryption;
    this.tagLength = this.isAuthenticated ? tagLengthOf(options) : undefined;
    this.handle = cipherCreate(cipher.mode, key, iv, isDecryption);
  }

  /** @throws where a call comes too late, or is none for this cipher */
  check(isPossible, operation) {
    if (isPossible && !this.hasEnded) return;
    const what = operation === undefined ? "" : ` for operation ${operation}`;
    throw codedError(Error, "ERR_CRYPTO_INVALID_STATE", `Invalid state${what}`);
  }
}

function tagLengthOf(options) {
  const length = options?.authTagLength;
  if (length === undefined || length === null) return undefined;
  if (typeof length !== "number" || length < 0 || (length | 0) !== length) {
    throw invalidArgValue("options.authTagLength", length);
  }
  checkTagLength(length);
  return length;
}

function checkTagLength(length, isAllowed = TAG_LENGTHS.includes(length)) {
  if (isAllowed) return;
  const message = `Invalid authentication tag length: ${length}`;
  throw codedError(TypeError, "ERR_CRYPTO_INVALID_AUTH_TAG", message);
}

function begin(stream, [name, key, iv, options], isDecryption) {
  validateString(name, "cipher");
  const keyBytes =
    key instanceof KeyObject ? bytesOfKey(key) : bytesOfSource(key, "key", options?.encoding);
  const vector = iv === null ? new Uint8Array(0) : bytesOfSource(iv, "iv");
  const cipher = BY_NAME.get(name.toLowerCase());
  if (cipher === undefined) {
    throw codedError(
      Error,
      "ERR_CRYPTO_UNKNOWN_CIPHER",
      `Unknown cipher: ${name}. See crypto.getCiphers()`,
    );
  }
  if (keyBytes.length !== cipher.keyLength) {
    throw codedError(RangeError, "ERR_CRYPTO_INVALID_KEYLEN", "Invalid key length");
  }
  if (!takesVector(cipher, vector.length)) {
    throw codedError(TypeError, "ERR_CRYPTO_INVALID_IV", "Invalid initialization vector");
  }
  stream[kStreamOptions] = options;
  stream[kState] = new State(cipher, keyBytes, vector, options, isDecryption);
}

/** What ciphers and deciphers share. */
function Cipher() {}
Object.setPrototypeOf(Cipher.prototype, LazyTransform.prototype);

/**
 * @param {string | ArrayBufferView} data @param {string} [inputEncoding] of the text
 * @param {string} [outputEncoding] a Buffer when left out
 * @returns {Buffer | string}
 */
Cipher.prototype.update = function update(data, inputEncoding, outputEncoding) {
  checkHex(data, inputEncoding);
  return decode(
    this,
    updated(this[kState], bytesOf(data, "data", inputEncoding)),
    outputEncoding,
    "write",
  );
};

function updated(state, bytes) {
  if (state.hasEnded) throw new Error("Trying to add data in unsupported state");
  state.hasBegun = true;
  return cipherUpdate(state.handle, bytes, state.isPadded);
}

/**
 * @param {string} [outputEncoding] a Buffer when left out
 * @returns {Buffer | string} what is left
 */
Cipher.prototype.final = function final(outputEncoding) {
  return decode(this, finished(this[kState]), outputEncoding, "end");
};

function finished(state) {
  state.check(true);
  state.hasEnded = true;
  if (!state.isAuthenticated) return cipherFinal(state.handle, state.isPadded);
  if (state.isDecryption) cipherVerify(state.handle, state.tag ?? new Uint8Array(0));
  else state.tag = cipherTag(state.handle).subarray(0, state.tagLength ?? TAG_BYTES);
  return new Uint8Array(0);
}

/** Text may end within a character, whose rest comes with the next piece. */
function decode(cipher, bytes, encoding, step) {
  if (!encoding || encoding === "buffer") return encode(bytes);
  const state = cipher[kState];
  state.decoder ??= new StringDecoder(encoding);
  if (state.decoder.encoding !== new StringDecoder(encoding).encoding) {
    throw codedError(Error, "ERR_INTERNAL_ASSERTION", "Cannot change encoding");
  }
  return state.decoder[step](encode(bytes));
}

Cipher.prototype._transform = function _transform(chunk, encoding, callback) {
  this.push(encode(updated(this[kState], bytesOf(chunk, "data", encoding))));
  callback();
};

Cipher.prototype._flush = function _flush(callback) {
  try {
    this.push(encode(finished(this[kState])));
  } catch (error) {
    return callback(error);
  }
  return callback();
};

/** @param {boolean} [isPadded] whether the last block is filled up; so it is unless this says otherwise @returns {Cipher} this */
Cipher.prototype.setAutoPadding = function setAutoPadding(isPadded = true) {
  this[kState].check(true, "setAutoPadding");
  this[kState].isPadded = Boolean(isPadded);
  return this;
};

/**
 * @param {string | ArrayBuffer | ArrayBufferView} data that is authenticated and not encrypted
 * @param {{ encoding?: string }} [options] of the text
 * @returns {Cipher} this
 */
Cipher.prototype.setAAD = function setAAD(data, options) {
  const bytes = bytesOfSource(data, "aadbuf", options?.encoding);
  const state = this[kState];
  state.check(state.isAuthenticated && !state.hasBegun, "setAAD");
  cipherAdditionalData(state.handle, bytes);
  return this;
};

/**
 * @constructor
 * @param {string} cipher @param {string | ArrayBuffer | ArrayBufferView | KeyObject} key
 * @param {string | ArrayBuffer | ArrayBufferView | null} iv
 * @param {{ authTagLength?: number, encoding?: string }} [options] of the stream too
 */
export function Cipheriv(...args) {
  if (!new.target) return new Cipheriv(...args);
  begin(this, args, false);
}
Object.setPrototypeOf(Cipheriv.prototype, Cipher.prototype);
Object.setPrototypeOf(Cipheriv, LazyTransform);

/** @returns {Buffer} once it has ended */
Cipheriv.prototype.getAuthTag = function getAuthTag() {
  const { tag } = this[kState];
  if (tag !== undefined) return Buffer.from(tag);
  throw codedError(Error, "ERR_CRYPTO_INVALID_STATE", "Invalid state for operation getAuthTag");
};

/**
 * @constructor
 * @param {string} cipher @param {string | ArrayBuffer | ArrayBufferView | KeyObject} key
 * @param {string | ArrayBuffer | ArrayBufferView | null} iv
 * @param {{ authTagLength?: number, encoding?: string }} [options] of the stream too
 */
export function Decipheriv(...args) {
  if (!new.target) return new Decipheriv(...args);
  begin(this, args, true);
}
Object.setPrototypeOf(Decipheriv.prototype, Cipher.prototype);
Object.setPrototypeOf(Decipheriv, LazyTransform);

/**
 * @param {string | ArrayBuffer | ArrayBufferView} tag before it ends
 * @param {string} [encoding] of the text
 * @returns {Decipheriv} this
 */
Decipheriv.prototype.setAuthTag = function setAuthTag(tag, encoding) {
  const bytes = bytesOfSource(tag, "buffer", encoding);
  const state = this[kState];
  state.check(state.isAuthenticated && state.tag === undefined, "setAuthTag");
  if (state.tagLength === undefined) checkTagLength(bytes.length);
  else checkTagLength(bytes.length, bytes.length === state.tagLength);
  state.tag = bytes.slice();
  return this;
};

/**
 * @param {string} cipher @param {string | ArrayBuffer | ArrayBufferView | KeyObject} key
 * @param {string | ArrayBuffer | ArrayBufferView | null} iv @param {object} [options]
 * @returns {Cipheriv}
 */
export function createCipheriv(cipher, key, iv, options) {
  return new Cipheriv(cipher, key, iv, options);
}

/**
 * @param {string} cipher @param {string | ArrayBuffer | ArrayBufferView | KeyObject} key
 * @param {string | ArrayBuffer | ArrayBufferView | null} iv @param {object} [options]
 * @returns {Decipheriv}
 */
export function createDecipheriv(cipher, key, iv, options) {
  return new Decipheriv(cipher, key, iv, options);
}

export default {
  Cipheriv,
  Decipheriv,
  createCipheriv,
  createDecipheriv,
  getCipherInfo,
  getCiphers,
};
