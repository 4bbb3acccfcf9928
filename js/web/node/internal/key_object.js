// Keys as objects. A key is plain bytes, so that it can be in a snapshot: a secret one its own, a private one PKCS #8, a public one a
// SubjectPublicKeyInfo. It shows them only when it is asked to.

import { cryptoKeyImport, cryptoKeyMaterial, keyParts, keyRead } from "ext:orilla_web/node_host.js";
import { Buffer } from "node:buffer";
import { isCryptoKey } from "node:util/types";
import { codedError, invalidArgType, notSupported } from "ext:orilla_web/node/internal/errors.js";
import { brandKey } from "ext:orilla_web/node/internal/key_brand.js";
import { exportKey } from "ext:orilla_web/node/internal/keys/export.js";
import { validateOneOf } from "ext:orilla_web/node/internal/validate.js";

/**
 * @typedef {object} Material what a key is made of
 * @property {"secret" | "private" | "public"} type
 * @property {Uint8Array} bytes
 * @property {string} [kind] rsa, ed25519, x25519 or the name of a curve
 * @property {boolean} isExtractable
 */

let materialIn;
let isMaking = false;

/** What all keys are. */
export class KeyObject {
  #material;

  static {
    materialIn = (key) => key.#material;
  }

  /** Made by functions of this module only. @param {Material} material */
  constructor(material) {
    if (!isMaking) {
      const advice = "use createSecretKey(), createPublicKey() or createPrivateKey()";
      throw notSupported("new crypto.KeyObject()", advice);
    }
    this.#material = material;
    brandKey(this);
  }

  /** @param {CryptoKey} key @returns {KeyObject} */
  static from(key) {
    if (!isCryptoKey(key)) throw invalidArgType("key", "an instance of CryptoKey", key);
    const { type, data } = cryptoKeyMaterial(key);
    const isExtractable = key.extractable;
    if (type === "secret") return make(SecretKeyObject, { type, bytes: data, isExtractable });
    const isPrivate = type === "private";
    return keyObjectOf(type, keyRead(isPrivate, isPrivate ? "pkcs8" : "spki", data), isExtractable);
  }

  /** @returns {"secret" | "private" | "public"} */
  get type() {
    return this.#material.type;
  }

  /** @param {KeyObject} other @returns {boolean} */
  equals(other) {
    if (!(other instanceof KeyObject)) {
      throw invalidArgType("otherKeyObject", "an instance of KeyObject", other);
    }
    const [mine, others] = [this.#material, other.#material];
    return mine.type === others.type && Buffer.compare(mine.bytes, others.bytes) === 0;
  }

  /**
   * @param {string | object} algorithm of WebCrypto @param {boolean} extractable @param {string[]} usages
   * @returns {CryptoKey}
   */
  toCryptoKey(algorithm, extractable, usages) {
    const { type, bytes, isExtractable } = this.#material;
    const format = { secret: "raw", private: "pkcs8", public: "spki" }[type];
    const asked = Boolean(extractable) && isExtractable;
    return cryptoKeyImport(format, bytes, algorithmFrom(algorithm), asked, [...usages]);
  }

  get [Symbol.toStringTag]() {
    return "KeyObject";
  }
}

class SecretKeyObject extends KeyObject {
  /** @returns {number} bytes */
  get symmetricKeySize() {
    return materialIn(this).bytes.length;
  }

  /** @param {{ format?: "buffer" | "jwk" }} [options] @returns {Buffer | { kty: "oct", k: string }} */
  export({ format } = {}) {
    validateOneOf(format, "options.format", [undefined, "buffer", "jwk"]);
    const copy = Buffer.from(extractableOf(this).bytes);
    return format === "jwk" ? { kty: "oct", k: copy.toString("base64url") } : copy;
  }
}

/** Of an algorithm what counts for keys, which stays what it is from now on. */
function algorithmFrom(given) {
  if (typeof given !== "object" || given === null) return { name: String(given) };
  const { name, hash, length, namedCurve } = given;
  const read = { name, hash: hash?.name ?? hash, length, namedCurve };
  return Object.fromEntries(Object.entries(read).filter(([, value]) => value !== undefined));
}

const TYPES_OF_KINDS = { rsa: "rsa", ed25519: "ed25519", x25519: "x25519" };

class AsymmetricKeyObject extends KeyObject {
  /** @returns {"rsa" | "ec" | "ed25519" | "x25519"} */
  get asymmetricKeyType() {
    return TYPES_OF_KINDS[materialIn(this).kind] ?? "ec";
  }

  /** @returns {{ modulusLength?: number, publicExponent?: bigint, namedCurve?: string }} */
  get asymmetricKeyDetails() {
    const { type, kind, bytes } = materialIn(this);
    if (kind in TYPES_OF_KINDS && kind !== "rsa") return {};
    if (kind !== "rsa") return { namedCurve: kind };
    const [modulus, exponent] = keyParts(type === "private", bytes);
    return {
      modulusLength: modulus.length * 8 - (Math.clz32(modulus[0]) - 24),
      publicExponent: BigInt(`0x${Buffer.from(exponent).toString("hex")}`),
    };
  }

  /**
   * @param {{ format: "pem" | "der" | "jwk", type?: "pkcs1" | "pkcs8" | "sec1" | "spki", cipher?: string,
   *   passphrase?: string | ArrayBufferView }} options
   * @returns {string | Buffer | object}
   */
  export(options) {
    return exportKey(extractableOf(this), options);
  }
}

class PublicKeyObject extends AsymmetricKeyObject {}
class PrivateKeyObject extends AsymmetricKeyObject {}

function make(Class, material) {
  isMaking = true;
  try {
    return new Class(material);
  } finally {
    isMaking = false;
  }
}

function extractableOf(key) {
  const material = materialIn(key);
  if (material.isExtractable) return material;
  const message = "The key comes from a CryptoKey that is not extractable";
  throw codedError(Error, "ERR_CRYPTO_OPERATION_FAILED", message);
}

/** @param {KeyObject} key @returns {Material} nobody may change it */
export function materialOf(key) {
  return materialIn(key);
}

/** @param {KeyObject} key @returns {Uint8Array} of a secret key */
export function bytesOfKey(key) {
  const { type, bytes } = materialIn(key);
  if (type === "secret") return bytes;
  throw wrongKeyType(type, "secret");
}

/** @param {string} type @param {string} expected @returns {TypeError} */
export function wrongKeyType(type, expected) {
  const message = `Invalid key object type ${type}, expected ${expected}.`;
  return codedError(TypeError, "ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE", message);
}

/**
 * @param {"private" | "public"} type @param {{ kind: string, bytes: Uint8Array }} key that the host has read
 * @param {boolean} [isExtractable]
 * @returns {KeyObject}
 */
export function keyObjectOf(type, { kind, bytes }, isExtractable = true) {
  const Class = type === "private" ? PrivateKeyObject : PublicKeyObject;
  return make(Class, { type, kind, bytes, isExtractable });
}

/**
 * @param {string | ArrayBuffer | ArrayBufferView} key
 * @param {string} [encoding] of text
 * @returns {KeyObject}
 */
export function createSecretKey(key, encoding) {
  const made = (bytes) => make(SecretKeyObject, { type: "secret", bytes, isExtractable: true });
  if (typeof key === "string") return made(Buffer.from(key, encoding));
  if (key instanceof ArrayBuffer) return made(new Uint8Array(key.slice(0)));
  if (ArrayBuffer.isView(key)) {
    const { buffer, byteOffset, byteLength } = key;
    return made(new Uint8Array(buffer, byteOffset, byteLength).slice());
  }
  const expected = "of type string or an instance of ArrayBuffer, Buffer, TypedArray, or DataView";
  throw invalidArgType("key", expected, key);
}
