// One compression or decompression of `node:zlib`: a codec of the host's, the memory that it takes there, and the loop that
// brings an input through it piece by piece. All forms of the module, with and without streams, go through here.

import { Buffer } from "node:buffer";
import { codedError } from "ext:orilla_web/node/internal/errors.js";
import { zlibClose, zlibMost, zlibWrite } from "ext:orilla_web/node_host.js";

/** Bytes of input that one step takes: between two of them others may have their turn. */
const INPUT_STEP = 64 << 10;
/** As zlib and Brotli both call it: nothing needs to come out yet. */
const NO_FLUSH = 0;

/** @param {string} what was to have memory @returns {RangeError} as long as the app has none left */
export function outOfMemory(what) {
  const message = `${what} does not fit into the memory that the app may have (limits.array_buffer_mb)`;
  return codedError(RangeError, "ERR_BUFFER_TOO_LARGE", message);
}

/** @template T @param {string} what @param {() => T} allocate @returns {T} */
export function allocated(what, allocate) {
  try {
    return allocate();
  } catch (error) {
    throw error instanceof RangeError ? outOfMemory(what) : error;
  }
}

export class Codec {
  #open;
  #memory;
  #handle;
  #reserve = null;
  /** Bytes that it was given. */
  #given = 0;
  #scratch;
  /** Bytes of output that were left unused by the last step, and of input. */
  #left = new Uint32Array(2);
  /** Bytes of input that were read. */
  bytesRead = 0;

  /**
   * @param {object} settings
   * @param {() => object} settings.open gives the host's codec
   * @param {(given: number) => number} settings.memory bytes that it takes there once it was given so many
   * @param {number} settings.chunkSize bytes of output that come at once
   */
  constructor({ open, memory, chunkSize }) {
    this.#open = open;
    this.#memory = memory;
    this.#scratch = allocated("A chunk", () => new Uint8Array(chunkSize));
    this.reset();
  }

  /** Whether there is something to write to. */
  get isOpen() {
    return this.#handle !== null;
  }

  /** Starts anew. */
  reset() {
    if (this.#handle) zlibClose(this.#handle);
    this.#handle = null;
    this.#release();
    this.#given = 0;
    this.#reserveFor(0);
    this.#handle = this.#open();
  }

  /** Gives back what it takes. Nothing can be written any more. */
  close() {
    if (this.#handle) zlibClose(this.#handle);
    this.#handle = null;
    this.#release();
  }

  /**
   * What comes out for an input, each piece a Buffer of its own, or null after a step that gave nothing. It ends when the input is
   * read, or when the codec is not interested in the rest of it.
   *
   * @param {number} flush how to go about the end of the input
   * @param {Uint8Array} input
   * @returns {Generator<Buffer | null, boolean>} in the end whether all was read
   */
  *pieces(flush, input) {
    for (let at = 0; ; at += INPUT_STEP) {
      const isLast = at + INPUT_STEP >= input.length;
      let rest = input.subarray(at, at + INPUT_STEP);
      this.#reserveFor(rest.length);
      do {
        if (!this.#handle) return true;
        zlibWrite(this.#handle, isLast ? flush : NO_FLUSH, rest, this.#scratch, this.#left);
        this.bytesRead += rest.length - this.#left[1];
        rest = rest.subarray(rest.length - this.#left[1]);
        yield this.#taken();
      } while (this.#left[0] === 0);
      if (rest.length > 0) return false;
      if (isLast) return true;
    }
  }

  /** Counts what the host takes: in a buffer of that size, to which nothing is ever written. */
  #reserveFor(bytes) {
    this.#given += bytes;
    const size = this.#memory(this.#given);
    const there = this.#reserve?.length ?? 0;
    if (size <= there) return;
    // Where it is more than all, the isolate would end before an error says so.
    const most = zlibMost();
    if (size > most) throw outOfMemory("What the compression remembers");
    // A little more saves making it anew with each piece.
    const roomy = there === 0 ? size : Math.min(Math.ceil(size * 1.25), most);
    this.#release();
    this.#reserve = allocated("What the compression remembers", () => new Uint8Array(roomy));
  }

  /** At once, not when it is collected: the next one may need as much. */
  #release() {
    this.#reserve?.buffer.transfer(0);
    this.#reserve = null;
  }

  #taken() {
    const size = this.#scratch.length - this.#left[0];
    if (size === 0) return null;
    return allocated("The result", () => Buffer.from(this.#scratch.subarray(0, size)));
  }
}
