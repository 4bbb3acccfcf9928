// Random input that is the same in every run.

let state = 0x2545f491;

function next() {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state >>> 0;
}

const CHARACTERS = [
  ..."aZ09+/=-_ %&?#:@.\\\"'",
  "é",
  "ß",
  "日",
  "😀",
  "\ud800",
  "\udc00",
  "\n",
  "\0",
  "\u2028",
];

export const random = {
  /** @param {number} below @returns {number} */
  integer: (below) => next() % below,
  /** @template T @param {T[]} list @returns {T} */
  pick: (list) => list[next() % list.length],
  /** @param {number} length @returns {string} */
  text: (length) => Array.from({ length }, () => random.pick(CHARACTERS)).join(""),
  /** @param {number} length @returns {Uint8Array} */
  bytes: (length) => Uint8Array.from({ length }, () => next() & 255),
};
