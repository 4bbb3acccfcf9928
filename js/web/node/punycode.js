// `node:punycode`: internationalised names of domains, RFC 3492.

import { adapt, decodeLabel } from "ext:orilla_web/node/internal/punycode.js";

export const version = "2.1.0";

const BASE = 36;
const T_MIN = 1;
const T_MAX = 26;
const INITIAL_BIAS = 72;
const INITIAL_CODE_POINT = 128;
/** Dots of other scripts that part labels as well. */
const SEPARATORS = /[\x2E\u3002\uFF0E\uFF61]/g;

/** @param {string} input Punycode @returns {string} */
export function decode(input) {
  const end = input.lastIndexOf("-");
  if (/[^\x00-\x7F]/.test(input.slice(0, Math.max(end, 0)))) {
    throw new RangeError("Illegal input >= 0x80 (not a basic code point)");
  }
  const start = end > 0 ? end + 1 : 0;
  const output = decodeLabel(input.slice(0, start) + input.slice(start).toLowerCase());
  if (output === undefined) throw new RangeError("Invalid input");
  return output;
}

/** @param {string} input @returns {string} Punycode */
export function encode(input) {
  const points = ucs2.decode(input);
  const basic = points.filter((point) => point < INITIAL_CODE_POINT);
  let output = ucs2.encode(basic);
  if (basic.length > 0) output += "-";
  let handled = basic.length;
  let delta = 0;
  let bias = INITIAL_BIAS;
  let current = INITIAL_CODE_POINT;
  while (handled < points.length) {
    const next = points.reduce(
      (least, point) => (point >= current && point < least ? point : least),
      Infinity,
    );
    delta += (next - current) * (handled + 1);
    current = next;
    for (const point of points) {
      if (point < current) delta++;
      if (point !== current) continue;
      output += variableLength(delta, bias);
      bias = adapt(delta, handled + 1, handled === basic.length);
      delta = 0;
      handled++;
    }
    delta++;
    current++;
  }
  return output;
}

function variableLength(value, bias) {
  let text = "";
  for (let k = BASE; ; k += BASE) {
    const threshold = Math.min(Math.max(k - bias, T_MIN), T_MAX);
    if (value < threshold) return text + digit(value);
    text += digit(threshold + ((value - threshold) % (BASE - threshold)));
    value = Math.floor((value - threshold) / (BASE - threshold));
  }
}

function digit(value) {
  return "abcdefghijklmnopqrstuvwxyz0123456789"[value];
}

/** Applies a function to the labels of a domain, or of the domain of an address of mail. */
function mapLabels(domain, map) {
  const at = domain.indexOf("@");
  const user = at === -1 ? "" : domain.slice(0, domain.indexOf("@", at) + 1);
  const labels = domain.slice(user.length).split("@", 1)[0].replace(SEPARATORS, ".").split(".");
  return user + labels.map(map).join(".");
}

/** @param {string} input @returns {string} with labels beyond ASCII encoded */
export function toASCII(input) {
  return mapLabels(input, (label) => (/[^\0-\x7F]/.test(label) ? `xn--${encode(label)}` : label));
}

/** @param {string} input @returns {string} with encoded labels decoded */
export function toUnicode(input) {
  return mapLabels(input, (label) =>
    label.startsWith("xn--") ? decode(label.slice(4).toLowerCase()) : label,
  );
}

/** Between strings and lists of code points. */
export const ucs2 = {
  decode: (text) => Array.from(text, (character) => character.codePointAt(0)),
  encode: (points) => points.map((point) => String.fromCodePoint(point)).join(""),
};

export default { decode, encode, toASCII, toUnicode, ucs2, version };
