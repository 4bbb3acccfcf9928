// `node:buffer`. A Buffer is a Uint8Array with Node's methods. Every Buffer owns its memory: there
// is no shared pool, so `buffer.buffer` never shows bytes of another one.

import {
  codedError,
  invalidArgType,
  invalidArgValue,
  outOfRange,
} from "ext:orilla_web/node/internal/errors.js";
import { validateInteger, validateString } from "ext:orilla_web/node/internal/validate.js";
import {
  allocate,
  Bytes,
  bytesFrom,
  bytesOf,
  fromString,
  kMaxLength,
} from "ext:orilla_web/node/internal/buffer/create.js";
import { findEncoding, getEncoding } from "ext:orilla_web/node/internal/buffer/encodings.js";
import { addNumberMethods } from "ext:orilla_web/node/internal/buffer/numbers.js";
import { isAscii, isUtf8 } from "ext:orilla_web/node/internal/buffer/text_kind.js";
import { compareBytes, findBytes } from "ext:orilla_web/node/internal/buffer/search.js";
import { isAnyArrayBuffer, isTypedArray, isUint8Array } from "node:util/types";
import { loadBuiltin } from "ext:orilla_web/node_host.js";

export const { Blob, File, atob, btoa } = globalThis;
export { isAscii, isUtf8, kMaxLength };

/** UTF-16 units in the longest string. */
export const kStringMaxLength = 2 ** 29 - 24;
export const constants = { MAX_LENGTH: kMaxLength, MAX_STRING_LENGTH: kStringMaxLength };
const custom = Symbol.for("nodejs.util.inspect.custom");
/** Bytes that `inspect` shows of a Buffer. */
export const INSPECT_MAX_BYTES = 50;

/**
 * @constructor
 * @param {unknown} value as of `Buffer.from`, or a size
 * @param {unknown} [encodingOrOffset]
 * @param {number} [length]
 * @deprecated use `Buffer.from` or `Buffer.alloc`
 */
export function Buffer(value, encodingOrOffset, length) {
  if (typeof value !== "number") return Buffer.from(value, encodingOrOffset, length);
  if (typeof encodingOrOffset === "string") throw invalidArgType("string", "of type string", value);
  return Buffer.alloc(value);
}
Object.setPrototypeOf(Buffer, Uint8Array);
Buffer.prototype = Bytes.prototype;
Buffer.prototype.constructor = Buffer;
Buffer.poolSize = 0;

/** @param {number} size @param {unknown} [fill] zeroes when left out @param {string} [encoding] */
Buffer.alloc = function alloc(size, fill, encoding) {
  const buffer = allocate(size);
  if (fill === undefined || fill === 0 || size === 0) return buffer;
  return typeof fill === "string" ? buffer.fill(fill, 0, size, encoding) : buffer.fill(fill);
};

// V8 hands out zeroed memory, so that nothing is saved by leaving it as it is.
/** @param {number} size @returns {Buffer} */
Buffer.allocUnsafe = function allocUnsafe(size) {
  return allocate(size);
};
/** @param {number} size @returns {Buffer} */
Buffer.allocUnsafeSlow = function allocUnsafeSlow(size) {
  return allocate(size);
};

/**
 * @param {unknown} value text, an ArrayBuffer (shared, not copied), or bytes in any list-like form
 * @param {unknown} [encodingOrOffset]
 * @param {number} [length]
 * @returns {Buffer}
 */
Buffer.from = function from(value, encodingOrOffset, length) {
  return bytesFrom(value, encodingOrOffset, length);
};

/** @param {ArrayBufferView} view @param {number} [offset] in elements @param {number} [length] */
Buffer.copyBytesFrom = function copyBytesFrom(view, offset = 0, length = undefined) {
  if (!ArrayBuffer.isView(view) || view instanceof DataView) {
    throw invalidArgType("view", "an instance of TypedArray", view);
  }
  validateInteger(offset, "offset", 0);
  if (length !== undefined) validateInteger(length, "length", 0);
  const part = view.subarray(offset, length === undefined ? undefined : offset + length);
  return Buffer.from(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
};

/** @param {...number} items @returns {Buffer} */
Buffer.of = function of(...items) {
  return bytesOf(items);
};

/**
 * @param {Uint8Array[]} list
 * @param {number} [totalLength] cuts or pads with zeroes
 * @returns {Buffer}
 */
Buffer.concat = function concat(list, totalLength) {
  if (!Array.isArray(list)) throw invalidArgType("list", "an instance of Array", list);
  list.forEach((item, i) => checkBytes(item, `list[${i}]`));
  if (totalLength === undefined) totalLength = list.reduce((sum, item) => sum + item.length, 0);
  else validateInteger(totalLength, "length", 0);
  const buffer = allocate(totalLength);
  let offset = 0;
  for (const item of list) {
    if (offset >= totalLength) break;
    const room = totalLength - offset;
    buffer.set(item.length > room ? item.subarray(0, room) : item, offset);
    offset += item.length;
  }
  return buffer;
};

/** @param {Uint8Array} a @param {Uint8Array} b @returns {-1 | 0 | 1} */
Buffer.compare = function compare(a, b) {
  checkBytes(a, "buf1");
  checkBytes(b, "buf2");
  return compareBytes(a, b);
};

/**
 * @param {string | ArrayBufferView | ArrayBuffer} value
 * @param {string} [encoding]
 * @returns {number}
 */
Buffer.byteLength = function byteLength(value, encoding) {
  if (typeof value === "string") return (findEncoding(encoding) ?? getEncoding()).byteLength(value);
  if (ArrayBuffer.isView(value) || isAnyArrayBuffer(value)) return value.byteLength;
  const expected = "of type string or an instance of Buffer or ArrayBuffer";
  throw invalidArgType("string", expected, value);
};

/** @param {unknown} value @returns {value is Buffer} */
Buffer.isBuffer = function isBuffer(value) {
  return value instanceof Buffer;
};

/** @param {unknown} encoding @returns {boolean} */
Buffer.isEncoding = function isEncoding(encoding) {
  return typeof encoding === "string" && findEncoding(encoding) !== undefined;
};

function checkBytes(value, name) {
  if (!isUint8Array(value))
    throw invalidArgType(name, "an instance of Buffer or Uint8Array", value);
}

/** As opposed to being left out, to be empty or null is to name an encoding that there is not. */
function namedEncoding(name) {
  if (name === undefined) return getEncoding();
  const encoding = findEncoding(name);
  if (encoding) return encoding;
  throw codedError(TypeError, "ERR_UNKNOWN_ENCODING", `Unknown encoding: ${name}`);
}

/** Turns a relative index into one inside `0..length`, as `slice` does. */
function clampIndex(index, length, otherwise) {
  if (index === undefined) return otherwise;
  const whole = Math.trunc(Number(index)) || 0;
  return whole < 0 ? Math.max(length + whole, 0) : Math.min(whole, length);
}

const methods = {
  /** @param {string} [encoding] @param {number} [start] @param {number} [end] @returns {string} */
  toString(encoding, start, end) {
    if (arguments.length === 0) return getEncoding().decode(this);
    const from = start === undefined || !(start > 0) ? 0 : Math.trunc(start);
    const to = end === undefined ? this.length : Math.min(Math.trunc(end) || 0, this.length);
    if (to <= from) return "";
    const isWhole = from === 0 && to === this.length;
    return namedEncoding(encoding).decode(isWhole ? this : this.subarray(from, to));
  },

  /**
   * @param {string} text
   * @param {number | string} [offset] @param {number | string} [length] @param {string} [encoding]
   * @returns {number} bytes written; characters are never written in part
   */
  write(text, offset, length, encoding) {
    if (typeof text !== "string") throw invalidArgType("argument", "of type string", text);
    if (offset === undefined) return getEncoding().encodeInto(text, this);
    if (typeof offset === "string" && length === undefined) {
      return this.write(text, 0, this.length, offset);
    }
    validateInteger(offset, "offset", 0, this.length);
    if (typeof length === "string") return this.write(text, offset, undefined, length);
    if (length !== undefined) validateInteger(length, "length", 0, this.length);
    const target = this.subarray(offset, length === undefined ? undefined : offset + length);
    return getEncoding(encoding).encodeInto(text, target);
  },

  /** @returns {Buffer} shares its memory with this one */
  subarray(start, end) {
    const from = clampIndex(start, this.length, 0);
    const to = clampIndex(end, this.length, this.length);
    return new Bytes(this.buffer, this.byteOffset + from, Math.max(to - from, 0));
  },

  /** @returns {Buffer} shares its memory with this one, unlike a Uint8Array's slice */
  slice(start, end) {
    return this.subarray(start, end);
  },

  /** @returns {number} bytes copied */
  copy(target, targetStart, sourceStart, sourceEnd) {
    if (!isTypedArray(target)) checkBytes(target, "target");
    const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
    const to = copyIndex(targetStart, "targetStart", 0, Infinity);
    const from = copyIndex(sourceStart, "sourceStart", 0, this.length);
    const end = Math.min(copyIndex(sourceEnd, "sourceEnd", this.length, Infinity), this.length);
    if (to >= bytes.length || from >= end) return 0;
    const count = Math.min(end - from, bytes.length - to);
    bytes.set(this.subarray(from, from + count), to);
    return count;
  },

  /** @param {string | number | Uint8Array} value @returns {Buffer} this */
  fill(value, offset, end, encoding) {
    if (offset === undefined) return this.fill(value, 0, this.length); // as Node has it
    if (typeof value === "string") {
      if (typeof offset === "string") return this.fill(value, 0, this.length, offset);
      if (typeof end === "string") return this.fill(value, offset, this.length, end);
    }
    const from = offset;
    const to = end === undefined ? this.length : end;
    const isText = typeof value === "string";
    if (isText && encoding !== undefined && encoding !== null) validateString(encoding, "encoding");
    const pattern = isText ? fromString(value, encoding) : value;
    validateInteger(from, "offset", 0, kMaxLength);
    validateInteger(to, "end", 0, this.length);
    if (from >= to) return this;
    if (value === "") return Uint8Array.prototype.fill.call(this, 0, from, to);
    if (isTypedArray(pattern)) return fillWith(this, pattern, from, to);
    const byte = typeof value === "boolean" ? Number(value) : value & 255;
    return Uint8Array.prototype.fill.call(this, byte, from, to);
  },

  indexOf(value, byteOffset, encoding) {
    return search(this, value, byteOffset, encoding, true);
  },

  lastIndexOf(value, byteOffset, encoding) {
    return search(this, value, byteOffset, encoding, false);
  },

  includes(value, byteOffset, encoding) {
    return search(this, value, byteOffset, encoding, true) !== -1;
  },

  /** @param {Uint8Array} other @returns {boolean} */
  equals(other) {
    checkBytes(other, "otherBuffer");
    return this.length === other.length && compareBytes(this, other) === 0;
  },

  /** @param {Uint8Array} target @returns {-1 | 0 | 1} */
  compare(target, targetStart, targetEnd, sourceStart, sourceEnd) {
    checkBytes(target, "target");
    const bound = (value, name, otherwise, max) => {
      if (value === undefined) return otherwise;
      validateInteger(value, name, 0, max);
      return value;
    };
    const from = bound(targetStart, "targetStart", 0);
    const to = bound(targetEnd, "targetEnd", target.length, target.length);
    const ownFrom = bound(sourceStart, "sourceStart", 0);
    const ownTo = bound(sourceEnd, "sourceEnd", this.length, this.length);
    const own = ownFrom >= ownTo ? new Bytes(0) : this.subarray(ownFrom, ownTo);
    const other = from >= to ? new Bytes(0) : target.subarray(from, to);
    return compareBytes(own, other);
  },

  swap16() {
    return swapGroups(this, 2);
  },

  swap32() {
    return swapGroups(this, 4);
  },

  swap64() {
    return swapGroups(this, 8);
  },

  toJSON() {
    return { type: "Buffer", data: Array.from(this) };
  },

  toLocaleString(...args) {
    return this.toString(...args);
  },

  [custom](_depth, options, inspect) {
    const shown = this.subarray(0, INSPECT_MAX_BYTES);
    const left = this.length - shown.length;
    let text = shown.toString("hex").replace(/..(?=.)/g, "$& ");
    if (left > 0) text += ` ... ${left} more byte${left > 1 ? "s" : ""}`;
    const extra = Object.keys(this).filter((key) => !/^\d+$/.test(key));
    // Who calls it by hand hands no inspect over.
    for (const key of extra) {
      const show = inspect ?? loadBuiltin("util").inspect;
      text += `${text && ", "}${key}: ${show(this[key], options)}`;
    }
    return `<${this.constructor.name}${text && ` ${text}`}>`;
  },
};

for (const key of Reflect.ownKeys(methods)) {
  Object.defineProperty(Buffer.prototype, key, {
    value: methods[key],
    writable: true,
    configurable: true,
  });
}
Object.defineProperties(Buffer.prototype, {
  inspect: { value: methods[custom], writable: true, configurable: true },
  parent: { get: memory },
  offset: { get: memoryOffset },
});
addNumberMethods(Buffer.prototype);

// Undocumented in Node, but parsers of protocols use them.
for (const name of ["ascii", "base64", "base64url", "hex", "latin1", "ucs2", "utf8"]) {
  Object.defineProperties(Buffer.prototype, {
    [`${name}Slice`]: {
      value(start, end) {
        return this.toString(name, start, end);
      },
    },
    [`${name}Write`]: {
      value(text, offset = 0, length = undefined) {
        return this.write(text, offset, length, name);
      },
    },
  });
}

function memory() {
  return this instanceof Buffer ? this.buffer : undefined;
}

function memoryOffset() {
  return this instanceof Buffer ? this.byteOffset : undefined;
}

function copyIndex(value, name, otherwise, max) {
  if (value === undefined) return otherwise;
  const number = Math.trunc(Number(value));
  const index = Number.isSafeInteger(number) ? number : 0;
  if (index < 0 || index > max) throw outOfRange(name, `>= 0 && <= ${max}`, value);
  return index;
}

/** Fills with the bytes of a typed array, whatever its elements are. */
function fillWith(buffer, source, from, to) {
  const pattern = new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  if (pattern.length === 0) {
    throw invalidArgValue("value", source, "must hold at least one byte");
  }
  const first = Math.min(pattern.length, to - from);
  buffer.set(pattern.subarray(0, first), from);
  // What is filled already is the source of the next, twice as long copy.
  for (let done = first; done < to - from; done *= 2) {
    buffer.copyWithin(from + done, from, from + Math.min(done, to - from - done));
  }
  return buffer;
}

function search(buffer, value, byteOffset, encodingArgument, forward) {
  let offset = byteOffset;
  let encoding = encodingArgument;
  if (typeof offset === "string") [offset, encoding] = [undefined, offset];
  offset = Math.trunc(Number(offset));
  // Without a usable offset the whole buffer is searched.
  if (Number.isNaN(offset)) offset = forward ? 0 : buffer.length;
  if (offset < 0) offset += buffer.length;

  let needle;
  let step = 1;
  if (typeof value === "string") {
    const { name } = namedEncoding(encoding);
    needle = fromString(value, name);
    if (name === "utf16le") step = 2;
  } else if (typeof value === "number") {
    needle = new Bytes([value & 255]);
  } else {
    checkBytes(value, "value");
    needle = value;
    if (findEncoding(encoding)?.name === "utf16le") step = 2;
  }
  if (needle.length === 0) return Math.min(Math.max(offset, 0), buffer.length);
  if (offset < 0 && !forward) return -1;
  return findBytes(buffer, needle, Math.max(offset, 0), forward, step);
}

function swapGroups(buffer, size) {
  if (buffer.length % size !== 0) {
    const message = `Buffer size must be a multiple of ${size * 8}-bits`;
    throw codedError(RangeError, "ERR_INVALID_BUFFER_SIZE", message);
  }
  for (let i = 0; i < buffer.length; i += size) {
    Uint8Array.prototype.reverse.call(buffer.subarray(i, i + size));
  }
  return buffer;
}

/** @param {number} size @returns {Buffer} @deprecated use `Buffer.allocUnsafeSlow` */
export function SlowBuffer(size) {
  return allocate(size);
}

export default {
  Blob,
  Buffer,
  File,
  INSPECT_MAX_BYTES,
  SlowBuffer,
  atob,
  btoa,
  constants,
  isAscii,
  isUtf8,
  kMaxLength,
  kStringMaxLength,
};
