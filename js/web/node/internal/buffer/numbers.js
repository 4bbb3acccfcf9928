// The number methods of Buffer: `readInt32LE`, `writeDoubleBE` and their relatives. Integers are
// put together from bytes; floats and 64 bit integers go through one shared scratch cell.

import { codedError, invalidArgType, outOfRange } from "ext:orilla_web/node/internal/errors.js";
import { validateInteger, validateNumber } from "ext:orilla_web/node/internal/validate.js";

/** @param {object} prototype gets the methods */
export function addNumberMethods(prototype) {
  for (const littleEndian of [true, false]) {
    addVariableLength(prototype, littleEndian);
    for (const bits of [16, 32]) addInteger(prototype, bits, littleEndian);
    addCell(prototype, "Float", Float32Array, littleEndian);
    addCell(prototype, "Double", Float64Array, littleEndian);
    addBigInt(prototype, "BigInt64", BigInt64Array, littleEndian);
    addBigInt(prototype, "BigUInt64", BigUint64Array, littleEndian);
  }
  addInteger(prototype, 8);
  for (const name of Object.getOwnPropertyNames(prototype)) {
    // Node has both spellings of each unsigned method.
    if (/^(read|write)(Big)?UInt/.test(name)) {
      define(prototype, name.replace("UInt", "Uint"), prototype[name]);
    }
  }
}

function define(prototype, name, value) {
  Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
}

function addInteger(prototype, bits, littleEndian = true) {
  const size = bits / 8;
  const suffix = bits === 8 ? "" : littleEndian ? "LE" : "BE";
  const read = littleEndian ? readLittle : readBig;
  const write = littleEndian ? writeLittle : writeBig;
  const half = 2 ** (bits - 1);
  define(prototype, `readUInt${bits}${suffix}`, function (offset = 0) {
    checkOffset(this, offset, size);
    return read(this, offset, size);
  });
  define(prototype, `readInt${bits}${suffix}`, function (offset = 0) {
    checkOffset(this, offset, size);
    return toSigned(read(this, offset, size), half);
  });
  define(prototype, `writeUInt${bits}${suffix}`, function (value, offset = 0) {
    return write(this, checkValue(value, 0, 2 * half - 1, bits), offset, size);
  });
  define(prototype, `writeInt${bits}${suffix}`, function (value, offset = 0) {
    return write(this, checkValue(value, -half, half - 1, bits), offset, size);
  });
}

function addVariableLength(prototype, littleEndian) {
  const suffix = littleEndian ? "LE" : "BE";
  const read = littleEndian ? readLittle : readBig;
  const write = littleEndian ? writeLittle : writeBig;
  define(prototype, `readUInt${suffix}`, function (offset, byteLength) {
    checkVariable(this, offset, byteLength);
    return read(this, offset, byteLength);
  });
  define(prototype, `readInt${suffix}`, function (offset, byteLength) {
    checkVariable(this, offset, byteLength);
    return toSigned(read(this, offset, byteLength), 2 ** (8 * byteLength - 1));
  });
  define(prototype, `writeUInt${suffix}`, function (value, offset, byteLength) {
    checkByteLength(byteLength);
    const checked = checkValue(value, 0, 2 ** (8 * byteLength) - 1, 8 * byteLength);
    return write(this, checked, offset, byteLength);
  });
  define(prototype, `writeInt${suffix}`, function (value, offset, byteLength) {
    checkByteLength(byteLength);
    const half = 2 ** (8 * byteLength - 1);
    return write(this, checkValue(value, -half, half - 1, 8 * byteLength), offset, byteLength);
  });
}

function toSigned(value, half) {
  return value >= half ? value - 2 * half : value;
}

function readLittle(bytes, offset, size) {
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = value * 256 + bytes[offset + i];
  return value;
}

function readBig(bytes, offset, size) {
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + bytes[offset + i];
  return value;
}

function writeLittle(bytes, value, offset, size) {
  checkOffset(bytes, offset, size);
  let rest = value;
  for (let i = 0; i < size; i++) {
    bytes[offset + i] = rest;
    rest = Math.floor(rest / 256);
  }
  return offset + size;
}

function writeBig(bytes, value, offset, size) {
  checkOffset(bytes, offset, size);
  let rest = value;
  for (let i = size - 1; i >= 0; i--) {
    bytes[offset + i] = rest;
    rest = Math.floor(rest / 256);
  }
  return offset + size;
}

/** Floats: copied byte by byte between the buffer and a typed array of one element. */
function addCell(prototype, name, Cell, littleEndian) {
  const { read, write, cell } = cellAccess(Cell, littleEndian);
  const suffix = littleEndian ? "LE" : "BE";
  define(prototype, `read${name}${suffix}`, function (offset = 0) {
    checkOffset(this, offset, cell.byteLength);
    return read(this, offset);
  });
  define(prototype, `write${name}${suffix}`, function (value, offset = 0) {
    const number = +value;
    checkOffset(this, offset, cell.byteLength);
    return write(this, number, offset);
  });
}

function addBigInt(prototype, name, Cell, littleEndian) {
  const { read, write, cell } = cellAccess(Cell, littleEndian);
  const suffix = littleEndian ? "LE" : "BE";
  const signed = Cell === BigInt64Array;
  const fits = signed ? (value) => BigInt.asIntN(64, value) : (value) => BigInt.asUintN(64, value);
  const range = signed ? ">= -(2n ** 63n) and < 2n ** 63n" : ">= 0n and < 2n ** 64n";
  define(prototype, `read${name}${suffix}`, function (offset = 0) {
    checkOffset(this, offset, cell.byteLength);
    return read(this, offset);
  });
  define(prototype, `write${name}${suffix}`, function (value, offset = 0) {
    if (typeof value !== "bigint") throw invalidArgType("value", "of type bigint", value);
    if (fits(value) !== value) throw outOfRange("value", range, value);
    checkOffset(this, offset, cell.byteLength);
    return write(this, value, offset);
  });
}

// The host's own byte order is little endian on every platform that V8 ships for here.
function cellAccess(Cell, littleEndian) {
  const cell = new Cell(1);
  const bytes = new Uint8Array(cell.buffer);
  const last = bytes.length - 1;
  const at = littleEndian ? (i) => i : (i) => last - i;
  return {
    cell,
    read(buffer, offset) {
      for (let i = 0; i <= last; i++) bytes[i] = buffer[offset + at(i)];
      return cell[0];
    },
    write(buffer, value, offset) {
      cell[0] = value;
      for (let i = 0; i <= last; i++) buffer[offset + at(i)] = bytes[i];
      return offset + bytes.length;
    },
  };
}

function checkValue(value, min, max, bits) {
  const number = +value;
  if (number > max || number < min) {
    const range =
      min === 0 ? `>= 0 and < 2 ** ${bits}` : `>= -(2 ** ${bits - 1}) and < 2 ** ${bits - 1}`;
    throw outOfRange("value", range, value);
  }
  return Number.isNaN(number) ? 0 : Math.trunc(number);
}

function checkByteLength(byteLength) {
  if (byteLength === undefined) throw invalidArgType("byteLength", "of type number", byteLength);
  validateInteger(byteLength, "byteLength", 1, 6);
}

function checkVariable(buffer, offset, byteLength) {
  if (offset === undefined) throw invalidArgType("offset", "of type number", offset);
  checkByteLength(byteLength);
  checkOffset(buffer, offset, byteLength);
}

function checkOffset(buffer, offset, size) {
  if (Number.isInteger(offset) && offset >= 0 && offset + size <= buffer.length) return;
  validateNumber(offset, "offset");
  if (Math.floor(offset) !== offset) throw outOfRange("offset", "an integer", offset);
  if (buffer.length < size) {
    const message = "Attempt to access memory outside buffer bounds";
    throw codedError(RangeError, "ERR_BUFFER_OUT_OF_BOUNDS", message);
  }
  throw outOfRange("offset", `>= 0 and <= ${buffer.length - size}`, offset);
}
