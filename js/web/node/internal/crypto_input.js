// What the parts of `node:crypto` take from their callers: bytes in all forms, and names of digests.

import { Buffer } from "node:buffer";
import { isAnyArrayBuffer } from "node:util/types";
import {
  codedError,
  invalidArgType,
  invalidArgValue,
} from "ext:orilla_web/node/internal/errors.js";
import { validateString } from "ext:orilla_web/node/internal/validate.js";

/** The digests that there are. */
export const HASHES = Object.freeze(["md5", "sha1", "sha256", "sha384", "sha512"]);

/**
 * @param {string | ArrayBufferView} value
 * @param {string} [name] of the argument
 * @param {string} [encoding] of the text
 * @returns {Uint8Array}
 */
export function bytesOf(value, name = "data", encoding = undefined) {
  if (typeof value === "string")
    return Buffer.from(value, encoding === "buffer" ? "utf8" : encoding);
  if (ArrayBuffer.isView(value))
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  const expected = "of type string or an instance of Buffer, TypedArray, or DataView";
  throw invalidArgType(name, expected, value);
}

/**
 * As `bytesOf`, and buffers that are no views.
 * @param {string | ArrayBufferLike | ArrayBufferView} value
 * @param {string} name of the argument
 * @param {string} [encoding] of the text
 * @returns {Uint8Array}
 */
export function bytesOfSource(value, name, encoding) {
  return isAnyArrayBuffer(value) ? new Uint8Array(value) : bytesOf(value, name, encoding);
}

/**
 * Half a byte at the end of hex digits would be left out.
 * @param {unknown} data @param {unknown} encoding of the text
 */
export function checkHex(data, encoding) {
  const isHex = typeof encoding === "string" && encoding.toLowerCase() === "hex";
  if (!isHex || typeof data !== "string" || data.length % 2 === 0) return;
  throw invalidArgValue("encoding", encoding, `is invalid for data of length ${data.length}`);
}

/**
 * @param {string} name as OpenSSL has it, in any case
 * @returns {string | undefined} one of HASHES
 */
export function hashNamed(name) {
  const plain = name.toLowerCase().replace(/^rsa-/, "").replace(/^sha-/, "sha");
  return HASHES.includes(plain) ? plain : undefined;
}

/** @param {string} name @param {string} argument its name @returns {string} one of HASHES */
export function findHash(name, argument) {
  validateString(name, argument);
  const found = hashNamed(name);
  if (found !== undefined) return found;
  const message = `Invalid digest: ${name}. Use one of ${HASHES.join(", ")}`;
  throw codedError(TypeError, "ERR_CRYPTO_INVALID_DIGEST", message);
}

/** @param {unknown} secret @returns {unknown} of which an error shows no more than its class */
export function kindOnly(secret) {
  return secret === undefined || secret === null ? secret : Object(secret);
}

/** @param {Uint8Array} bytes @param {string} [encoding] @returns {Buffer | string} of the same memory */
export function encode(bytes, encoding) {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return encoding && encoding !== "buffer" ? buffer.toString(encoding) : buffer;
}
