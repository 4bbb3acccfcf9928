// `node:string_decoder`: text from bytes that arrive in pieces. What a piece ends with in the
// middle of a character waits for the next one.

import { Buffer } from "node:buffer";
import { getEncoding } from "ext:orilla_web/node/internal/buffer/encodings.js";
import { invalidArgType } from "ext:orilla_web/node/internal/errors.js";

/** Bytes per unit that must not be cut, for the encodings of fixed width. */
const GROUP = { base64: 3, base64url: 3, utf16le: 2 };

/**
 * @constructor
 * @param {string} [encoding]
 */
export function StringDecoder(encoding) {
  const { name } = getEncoding(encoding);
  this.encoding = name;
  Object.defineProperty(this, "pending", { value: Buffer.alloc(0), writable: true });
}

Object.defineProperties(StringDecoder.prototype, {
  lastChar: { enumerable: true, get: pendingBytes },
  lastNeed: { enumerable: true, get: bytesMissing },
  lastTotal: { enumerable: true, get: bytesOfCharacter },
});

/** @param {string | ArrayBufferView} chunk @returns {string} the characters that are complete */
StringDecoder.prototype.write = function write(chunk) {
  if (typeof chunk === "string") return chunk;
  if (!ArrayBuffer.isView(chunk)) {
    throw invalidArgType("buf", "an instance of Buffer, TypedArray, or DataView", chunk);
  }
  const piece = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const bytes = this.pending.length > 0 ? Buffer.concat([this.pending, piece]) : piece;
  const complete = bytes.length - incompleteTail(bytes, this.encoding);
  this.pending = complete < bytes.length ? Buffer.from(bytes.subarray(complete)) : Buffer.alloc(0);
  return bytes.toString(this.encoding, 0, complete);
};

/**
 * @param {string | ArrayBufferView} [chunk]
 * @returns {string} with what was left, complete or not
 */
StringDecoder.prototype.end = function end(chunk) {
  const text = chunk === undefined ? "" : this.write(chunk);
  const rest = this.pending;
  this.pending = Buffer.alloc(0);
  return text + rest.toString(this.encoding);
};

/** @param {ArrayBufferView} chunk @returns {string} */
StringDecoder.prototype.text = function text(chunk, offset) {
  this.pending = Buffer.alloc(0);
  return this.write(chunk.subarray(offset));
};

function incompleteTail(bytes, encoding) {
  if (encoding === "utf8") return incompleteUtf8(bytes);
  if (encoding === "utf16le") return incompleteUtf16(bytes);
  return bytes.length % (GROUP[encoding] ?? 1);
}

/** A high surrogate waits for its low one. */
function incompleteUtf16(bytes) {
  const odd = bytes.length % 2;
  const end = bytes.length - odd;
  const isHigh = end >= 2 && (bytes[end - 1] & 0xfc) === 0xd8;
  return odd + (isHigh ? 2 : 0);
}

/** How many bytes at the end begin a character that more bytes could complete. */
function incompleteUtf8(bytes) {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const at = bytes.length - back;
    const byte = bytes[at];
    if ((byte & 0xc0) === 0x80) continue;
    const total = utf8Total(byte);
    const isOpen = total > back && (back === 1 || isSecondByte(byte, bytes[at + 1]));
    return isOpen ? back : 0;
  }
  return 0;
}

function utf8Total(lead) {
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  return lead >= 0xf0 && lead <= 0xf4 ? 4 : 1;
}

/** Some leads allow only part of the continuation bytes after them. */
function isSecondByte(lead, byte) {
  if (lead === 0xe0) return byte >= 0xa0;
  if (lead === 0xed) return byte <= 0x9f;
  if (lead === 0xf0) return byte >= 0x90;
  return lead === 0xf4 ? byte <= 0x8f : true;
}

function pendingBytes() {
  return this.pending;
}

function bytesOfCharacter() {
  const { pending } = this;
  if (pending.length === 0) return 0;
  if (this.encoding === "utf8") return utf8Total(pending[0]);
  return this.encoding === "utf16le" && pending.length > 1 ? 4 : GROUP[this.encoding];
}

function bytesMissing() {
  return Math.max(bytesOfCharacter.call(this) - this.pending.length, 0);
}

export default { StringDecoder };
