// The chunks a Readable holds: a queue from which any number of bytes can be taken.

import { Buffer } from "node:buffer";

/** Taken chunks stay in the array until they are this many, so that taking one is cheap. */
const COMPACT_AFTER = 64;

export class ChunkQueue {
  chunks = [];
  first = 0;

  get length() {
    return this.chunks.length - this.first;
  }

  push(chunk) {
    this.chunks.push(chunk);
  }

  unshift(chunk) {
    if (this.first > 0) this.chunks[--this.first] = chunk;
    else this.chunks.unshift(chunk);
  }

  peek() {
    return this.chunks[this.first];
  }

  shift() {
    const chunk = this.chunks[this.first];
    this.chunks[this.first++] = undefined;
    if (this.first === this.chunks.length) this.clear();
    else if (this.first > COMPACT_AFTER && this.first * 2 > this.chunks.length) {
      this.chunks = this.chunks.slice(this.first);
      this.first = 0;
    }
    return chunk;
  }

  clear() {
    this.chunks = [];
    this.first = 0;
  }

  /** @param {boolean} asText @returns {string | Buffer} everything */
  takeAll(asText) {
    const all = this.length === 1 ? this.peek() : this.join(this.chunks.slice(this.first), asText);
    this.clear();
    return all;
  }

  /**
   * @param {number} count no more than there are
   * @returns {string | Buffer} so many bytes or characters
   */
  take(count, asText) {
    if (count < this.peek().length) return this.split(count);
    const parts = [];
    let missing = count;
    while (missing > 0) {
      const whole = this.peek().length <= missing;
      const part = whole ? this.shift() : this.split(missing);
      missing -= part.length;
      parts.push(part);
    }
    return parts.length === 1 ? parts[0] : this.join(parts, asText);
  }

  split(count) {
    const chunk = this.peek();
    this.chunks[this.first] = chunk.slice(count);
    return chunk.slice(0, count);
  }

  join(parts, asText) {
    return asText ? parts.join("") : Buffer.concat(parts);
  }

  [Symbol.iterator]() {
    return this.chunks.slice(this.first)[Symbol.iterator]();
  }
}
