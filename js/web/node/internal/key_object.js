// Secret keys as objects, which HMACs, ciphers and `hkdf` take. Other keys are WebCrypto's.

import { Buffer } from "node:buffer";
import { invalidArgType, notSupported } from "ext:orilla_web/node/internal/errors.js";

let bytesIn;

/** A key that shows its bytes only when it is asked to. */
export class KeyObject {
  #bytes;

  static {
    bytesIn = (key) => key.#bytes;
  }

  /** @param {"secret"} type @param {Uint8Array} bytes of its own */
  constructor(type, bytes) {
    if (type !== "secret" || !(bytes instanceof Uint8Array))
      throw notSupported("new crypto.KeyObject()", "use createSecretKey(), or crypto.subtle");
    this.#bytes = bytes;
  }

  static from() {
    throw notSupported("crypto.KeyObject.from()", "give the key to crypto.subtle");
  }

  get type() {
    return "secret";
  }

  /** @returns {number} bytes */
  get symmetricKeySize() {
    return this.#bytes.length;
  }

  /** @param {{ format?: "buffer" | "jwk" }} [options] @returns {Buffer | { kty: "oct", k: string }} */
  export({ format = "buffer" } = {}) {
    const copy = Buffer.from(this.#bytes);
    return format === "jwk" ? { kty: "oct", k: copy.toString("base64url") } : copy;
  }

  /** @param {KeyObject} other @returns {boolean} */
  equals(other) {
    if (!(other instanceof KeyObject)) {
      throw invalidArgType("otherKeyObject", "an instance of KeyObject", other);
    }
    return Buffer.compare(this.#bytes, other.#bytes) === 0;
  }

  get [Symbol.toStringTag]() {
    return "KeyObject";
  }
}

/** @param {KeyObject} key @returns {Uint8Array} */
export function bytesOfKey(key) {
  return bytesIn(key);
}

/**
 * @param {string | ArrayBuffer | ArrayBufferView} key
 * @param {string} [encoding] of text
 * @returns {KeyObject}
 */
export function createSecretKey(key, encoding) {
  if (typeof key === "string") return new KeyObject("secret", Buffer.from(key, encoding));
  if (key instanceof ArrayBuffer) return new KeyObject("secret", new Uint8Array(key.slice(0)));
  if (ArrayBuffer.isView(key)) {
    const { buffer, byteOffset, byteLength } = key;
    return new KeyObject("secret", new Uint8Array(buffer, byteOffset, byteLength).slice());
  }
  const expected = "of type string or an instance of ArrayBuffer, Buffer, TypedArray, or DataView";
  throw invalidArgType("key", expected, key);
}
