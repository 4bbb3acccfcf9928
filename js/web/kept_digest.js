// Digests that are begun while a snapshot is made. V8's C++ heap, which holds the state of others, is not there then; so what
// these are fed is kept, and hashed at their end.
import { op_hash_of, op_hmac_of } from "ext:core/ops";

/** A digest, or an HMAC where there is a key. */
export class KeptDigest {
  #algorithm;
  #key;
  /** Pieces, none of which the app can change. */
  #fed = [];

  /**
   * @param {string} algorithm
   * @param {Uint8Array} [key]
   * @throws {Error} where there is no such algorithm
   */
  constructor(algorithm, key = undefined) {
    this.#algorithm = algorithm;
    this.#key = key && new Uint8Array(key);
    this.digest();
  }

  /** @param {Uint8Array} bytes */
  update(bytes) {
    this.#fed.push(new Uint8Array(bytes));
  }

  /** @returns {KeptDigest} that has seen the same data */
  copy() {
    const copy = new KeptDigest(this.#algorithm, this.#key);
    copy.#fed = [...this.#fed];
    return copy;
  }

  /** @returns {Uint8Array} */
  digest() {
    const bytes = joined(this.#fed);
    return this.#key === undefined
      ? op_hash_of(this.#algorithm, bytes)
      : op_hmac_of(this.#algorithm, this.#key, bytes);
  }
}

function joined(pieces) {
  const bytes = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let end = 0;
  for (const piece of pieces) {
    bytes.set(piece, end);
    end += piece.length;
  }
  return bytes;
}
