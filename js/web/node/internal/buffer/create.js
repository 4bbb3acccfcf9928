// Where Buffers come from: fresh memory, text, other memory, lists of bytes.

import { codedError, invalidArgType } from "ext:orilla_web/node/internal/errors.js";
import { validateNumber } from "ext:orilla_web/node/internal/validate.js";
import { getEncoding } from "ext:orilla_web/node/internal/buffer/encodings.js";
import { isAnyArrayBuffer } from "node:util/types";

/** Bytes in the largest Buffer. */
export const kMaxLength = 2 ** 32;

/** What `new Buffer` makes: `Buffer.prototype` is this class's. */
export class Bytes extends Uint8Array {}

/** @param {number} size @returns {Bytes} zeroes */
export function allocate(size) {
  validateNumber(size, "size", 0, kMaxLength);
  return new Bytes(size);
}

/**
 * @param {unknown} value text, an ArrayBuffer (shared, not copied), or bytes in any list-like form
 * @param {unknown} [encodingOrOffset]
 * @param {number} [length]
 * @returns {Bytes}
 */
export function bytesFrom(value, encodingOrOffset, length) {
  if (typeof value === "string") return fromString(value, encodingOrOffset);
  if (typeof value === "object" && value !== null) {
    if (isAnyArrayBuffer(value)) return fromArrayBuffer(value, encodingOrOffset, length);
    const primitive = value.valueOf?.();
    const isBoxed = primitive != null && primitive !== value;
    if (isBoxed && (typeof primitive === "string" || typeof primitive === "object")) {
      return bytesFrom(primitive, encodingOrOffset, length);
    }
    const bytes = fromList(value);
    if (bytes) return bytes;
    const toPrimitive = value[Symbol.toPrimitive];
    if (typeof toPrimitive === "function") {
      const text = toPrimitive.call(value, "string");
      if (typeof text === "string") return fromString(text, encodingOrOffset);
    }
  }
  const expected =
    "of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object";
  throw invalidArgType("first argument", expected, value);
}

/** @param {string} text @param {unknown} [encoding] @returns {Bytes} */
export function fromString(text, encoding) {
  const name = typeof encoding === "string" ? encoding : undefined;
  const { byteLength, encodeInto } = getEncoding(name);
  const buffer = new Bytes(byteLength(text));
  const written = encodeInto(text, buffer);
  return written === buffer.length ? buffer : buffer.subarray(0, written);
}

function fromArrayBuffer(memory, byteOffset, length) {
  const offset = Number(byteOffset) || 0;
  const available = memory.byteLength - offset;
  const outside = (name) => {
    const message = `"${name}" is outside of buffer bounds`;
    return codedError(RangeError, "ERR_BUFFER_OUT_OF_BOUNDS", message);
  };
  if (available < 0) throw outside("offset");
  if (length === undefined)
    return new Bytes(memory, offset, memory.byteLength - Math.trunc(offset));
  const wanted = Math.max(Number(length) || 0, 0);
  if (wanted > available) throw outside("length");
  return new Bytes(memory, offset, wanted);
}

function fromList(value) {
  if (value.type === "Buffer" && Array.isArray(value.data)) return bytesOf(value.data);
  if (value.length !== undefined)
    return typeof value.length === "number" ? bytesOf(value) : new Bytes(0);
  return isAnyArrayBuffer(value.buffer) ? new Bytes(0) : undefined;
}

/** @param {ArrayLike<unknown>} list @returns {Bytes} a copy */
export function bytesOf(list) {
  const length = list.length > 0 ? list.length : 0;
  const buffer = allocate(Math.trunc(length));
  if (ArrayBuffer.isView(list) && typeof list[0] !== "bigint") buffer.set(list);
  else for (let i = 0; i < buffer.length; i++) buffer[i] = Number(list[i]);
  return buffer;
}
