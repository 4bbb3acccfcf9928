// Finding one run of bytes in another.

/**
 * @param {Uint8Array} bytes
 * @param {Uint8Array} needle
 * @param {number} from where the search starts; already inside the bounds
 * @param {boolean} forward
 * @param {number} step 2 for UTF-16 text, whose matches begin on whole units
 * @returns {number} the first match in that direction, or -1
 */
export function findBytes(bytes, needle, from, forward, step) {
  const last = bytes.length - needle.length;
  if (last < 0 || (forward && from > last)) return -1;
  if (step === 1 && needle.length === 1) {
    const { indexOf, lastIndexOf } = Uint8Array.prototype;
    return (forward ? indexOf : lastIndexOf).call(bytes, needle[0], from);
  }
  if (forward) {
    for (let i = from - (from % step); i <= last; i += step) {
      if (matchesAt(bytes, needle, i)) return i;
    }
  } else {
    const start = Math.min(from, last);
    for (let i = start - (start % step); i >= 0; i -= step) {
      if (matchesAt(bytes, needle, i)) return i;
    }
  }
  return -1;
}

function matchesAt(bytes, needle, offset) {
  for (let i = 0; i < needle.length; i++) {
    if (bytes[offset + i] !== needle[i]) return false;
  }
  return true;
}

/** @param {Uint8Array} a @param {Uint8Array} b @returns {-1 | 0 | 1} */
export function compareBytes(a, b) {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
  }
  return Math.sign(a.length - b.length);
}
