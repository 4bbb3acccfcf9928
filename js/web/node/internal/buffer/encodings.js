// Text encodings of `node:buffer`: for each, how many bytes a text takes, text from bytes, and text
// into bytes. Writers fill as many whole characters as fit and return how many bytes they wrote.

import { codedError } from "ext:orilla_web/node/internal/errors.js";

/**
 * @typedef {object} Encoding
 * @property {string} name
 * @property {(text: string) => number} byteLength an upper bound for base64 with stray characters
 * @property {(bytes: Uint8Array) => string} decode
 * @property {(text: string, target: Uint8Array) => number} encodeInto
 */

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder("utf-8", { ignoreBOM: true });
/** Arguments that one `String.fromCharCode` call takes safely. */
const CHARACTERS_PER_CALL = 4096;

/** Up to this length, ASCII is copied faster here than by a call into the platform. */
const SHORT_TEXT = 64;

/** @param {string} text @returns {number} */
export function utf8Length(text) {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    length += unit < 0x800 ? 1 : 2;
    const isPair = unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00;
    // A surrogate pair is two units and four bytes; its second half is counted with the first.
    if (isPair) i++;
  }
  return length;
}

function fromCodeUnits(units) {
  if (units.length <= CHARACTERS_PER_CALL) return String.fromCharCode.apply(null, units);
  let text = "";
  for (let i = 0; i < units.length; i += CHARACTERS_PER_CALL) {
    text += String.fromCharCode.apply(null, units.subarray(i, i + CHARACTERS_PER_CALL));
  }
  return text;
}

/** For units that are all ASCII, which are UTF-8 too: the platform's decoder is the faster way. */
function fromAscii(units) {
  return units.length <= CHARACTERS_PER_CALL ? fromCodeUnits(units) : utf8Decoder.decode(units);
}

function encodeUtf8(text, target) {
  if (text.length <= SHORT_TEXT && text.length <= target.length) {
    let i = 0;
    for (; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x80) break;
      target[i] = unit;
    }
    if (i === text.length) return i;
  }
  return utf8Encoder.encodeInto(text, target).written;
}

const utf8 = {
  name: "utf8",
  byteLength: utf8Length,
  decode: (bytes) => (bytes.length === 0 ? "" : utf8Decoder.decode(bytes)),
  encodeInto: encodeUtf8,
};

function encodeLatin1(text, target) {
  const length = Math.min(text.length, target.length);
  for (let i = 0; i < length; i++) target[i] = text.charCodeAt(i);
  return length;
}

const latin1 = {
  name: "latin1",
  byteLength: (text) => text.length,
  decode: fromCodeUnits,
  encodeInto: encodeLatin1,
};

const ascii = {
  name: "ascii",
  byteLength: latin1.byteLength,
  decode: (bytes) => fromAscii(bytes.map((byte) => byte & 0x7f)),
  encodeInto: encodeLatin1,
};

const utf16le = {
  name: "utf16le",
  byteLength: (text) => text.length * 2,
  decode(bytes) {
    const units = new Uint16Array(bytes.length >>> 1);
    for (let i = 0; i < units.length; i++) units[i] = bytes[2 * i] | (bytes[2 * i + 1] << 8);
    return fromCodeUnits(units);
  },
  encodeInto(text, target) {
    const length = Math.min(text.length, target.length >>> 1);
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      target[2 * i] = unit;
      target[2 * i + 1] = unit >>> 8;
    }
    return length * 2;
  },
};

const HEX_DIGITS = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));

function hexValue(unit) {
  if (unit >= 48 && unit <= 57) return unit - 48;
  const lower = unit | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

const hex = {
  name: "hex",
  byteLength: (text) => text.length >>> 1,
  decode(bytes) {
    const units = new Uint8Array(bytes.length * 2);
    for (let i = 0; i < bytes.length; i++) {
      units[2 * i] = HEX_DIGITS[bytes[i] >>> 4];
      units[2 * i + 1] = HEX_DIGITS[bytes[i] & 15];
    }
    return fromAscii(units);
  },
  // The first character that is no digit ends the text.
  encodeInto(text, target) {
    const length = Math.min(text.length >>> 1, target.length);
    for (let i = 0; i < length; i++) {
      const high = hexValue(text.charCodeAt(2 * i));
      const low = hexValue(text.charCodeAt(2 * i + 1));
      if (high < 0 || low < 0) return i;
      target[i] = (high << 4) | low;
    }
    return length;
  },
};

const BASE64_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/** Value of each character in either alphabet; 64 for every other one. */
const BASE64_VALUES = new Uint8Array(256).fill(64);
for (let i = 0; i < BASE64_ALPHABET.length; i++) BASE64_VALUES[BASE64_ALPHABET.charCodeAt(i)] = i;
for (const [character, value] of [
  ["+", 62],
  ["-", 62],
  ["/", 63],
  ["_", 63],
]) {
  BASE64_VALUES[character.charCodeAt(0)] = value;
}

/** Decoding takes both alphabets, skips what belongs to neither, and ends at padding. */
function encodeBase64Into(text, target) {
  let written = 0;
  let bits = 0;
  let buffered = 0;
  for (let i = 0; i < text.length && written < target.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 61) break;
    const value = unit < 256 ? BASE64_VALUES[unit] : 64;
    if (value === 64) continue;
    bits = ((bits << 6) | value) & 0xffff;
    buffered += 6;
    if (buffered >= 8) {
      buffered -= 8;
      target[written++] = bits >>> buffered;
    }
  }
  return written;
}

function base64Length(text) {
  let length = text.length;
  while (length > 0 && text.length - length < 2 && text.charCodeAt(length - 1) === 61) length--;
  return (length * 3) >>> 2;
}

function base64Decoder(lastTwo, padding) {
  const codes = Uint8Array.from(BASE64_ALPHABET + lastTwo, (character) => character.charCodeAt(0));
  return (bytes) => {
    const whole = bytes.length - (bytes.length % 3);
    const left = bytes.length - whole;
    const units = new Uint8Array((whole / 3) * 4 + (left ? left + 1 : 0));
    let o = 0;
    for (let i = 0; i < whole; i += 3) {
      const group = (bytes[i] << 16) | (bytes[i + 1] << 8) | bytes[i + 2];
      units[o++] = codes[group >>> 18];
      units[o++] = codes[(group >>> 12) & 63];
      units[o++] = codes[(group >>> 6) & 63];
      units[o++] = codes[group & 63];
    }
    if (left > 0) {
      const group = (bytes[whole] << 16) | ((bytes[whole + 1] ?? 0) << 8);
      units[o++] = codes[group >>> 18];
      units[o++] = codes[(group >>> 12) & 63];
      if (left === 2) units[o++] = codes[(group >>> 6) & 63];
    }
    return fromAscii(units) + (left > 0 ? padding.repeat(3 - left) : "");
  };
}

const base64 = {
  name: "base64",
  byteLength: base64Length,
  decode: base64Decoder("+/", "="),
  encodeInto: encodeBase64Into,
};

const base64url = { ...base64, name: "base64url", decode: base64Decoder("-_", "") };

const ENCODINGS = new Map([
  ["utf8", utf8],
  ["utf-8", utf8],
  ["ucs2", utf16le],
  ["ucs-2", utf16le],
  ["utf16le", utf16le],
  ["utf-16le", utf16le],
  ["latin1", latin1],
  ["binary", latin1],
  ["ascii", ascii],
  ["hex", hex],
  ["base64", base64],
  ["base64url", base64url],
]);

/** @param {unknown} name in any case @returns {Encoding | undefined} */
export function findEncoding(name) {
  return (
    ENCODINGS.get(name) ??
    (typeof name === "string" ? ENCODINGS.get(name.toLowerCase()) : undefined)
  );
}

/**
 * @param {unknown} name utf8 when left out
 * @returns {Encoding}
 * @throws {TypeError} ERR_UNKNOWN_ENCODING
 */
export function getEncoding(name) {
  if (!name) return utf8;
  const encoding = findEncoding(name);
  if (encoding === undefined) {
    throw codedError(TypeError, "ERR_UNKNOWN_ENCODING", `Unknown encoding: ${name}`);
  }
  return encoding;
}
