// Decoding Punycode (RFC 3492), for showing an internationalised domain name. The other way of `url`
// is the URL parser's.

const BASE = 36;
const T_MIN = 1;
const T_MAX = 26;
const SKEW = 38;
const DAMP = 700;
const INITIAL_BIAS = 72;
const INITIAL_CODE_POINT = 128;

/** @param {string} domain @returns {string} with its `xn--` labels decoded; malformed ones stay */
export function domainToUnicode(domain) {
  return domain.replace(
    /(?<=^|\.)xn--([^.]*)/gi,
    (label, encoded) => decodeLabel(encoded.toLowerCase()) ?? label,
  );
}

/** @param {string} encoded in lower case @returns {string | undefined} nothing for what is malformed */
export function decodeLabel(encoded) {
  const delimiter = encoded.lastIndexOf("-");
  const output = delimiter > 0 ? [...encoded.slice(0, delimiter)] : [];
  let codePoint = INITIAL_CODE_POINT;
  let bias = INITIAL_BIAS;
  let position = 0;
  let index = delimiter > 0 ? delimiter + 1 : 0;
  while (index < encoded.length) {
    const start = position;
    for (let weight = 1, k = BASE; ; k += BASE) {
      const digit = digitValue(encoded.charCodeAt(index++));
      if (digit === undefined) return undefined;
      position += digit * weight;
      const threshold = Math.min(Math.max(k - bias, T_MIN), T_MAX);
      if (digit < threshold) break;
      weight *= BASE - threshold;
    }
    const length = output.length + 1;
    bias = adapt(position - start, length, start === 0);
    codePoint += Math.floor(position / length);
    position %= length;
    if (codePoint > 0x10ffff) return undefined;
    output.splice(position++, 0, String.fromCodePoint(codePoint));
  }
  return output.join("");
}

function digitValue(unit) {
  if (unit >= 97 && unit <= 122) return unit - 97;
  return unit >= 48 && unit <= 57 ? unit - 22 : undefined;
}

/** How long the next number is expected to be. */
export function adapt(delta, length, isFirst) {
  let scaled = Math.floor(delta / (isFirst ? DAMP : 2));
  scaled += Math.floor(scaled / length);
  let k = 0;
  while (scaled > ((BASE - T_MIN) * T_MAX) / 2) {
    scaled = Math.floor(scaled / (BASE - T_MIN));
    k += BASE;
  }
  return k + Math.floor(((BASE - T_MIN + 1) * scaled) / (scaled + SKEW));
}
