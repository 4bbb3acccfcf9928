// Undoes the content codings of an answer that fetch's client leaves, as it is read: `deflate`, and all of them where the answer is the
// host's own. By `deflate` RFC 9110 means the zlib format, and some servers send what is within it. Makes no more at a time than
// comes of a kilobyte. Compiled at the first such answer.
(function () {
  const { core } = __bootstrap;
  const { op_compression_end, op_compression_finish, op_compression_new, op_compression_write } =
    core.ops;
  const { InnerBody } = core.loadExtScript("ext:deno_fetch/22_body.js");
  const { ReadableStream } = core.loadExtScript("ext:deno_web/06_streams.js");
  const { Reserve } = core.loadExtScript("ext:orilla_web/compression.js");

  /** Bytes that are decompressed at once. */
  const PIECE_BYTES = 1 << 10;

  /** Formats by the name of the coding. */
  const FORMATS = { br: "brotli", gzip: "gzip" };

  /** What the low half of the first byte is in the zlib format; in a bare stream it would be a block that no encoder writes. */
  const ZLIB_METHOD = 8;

  /**
   * Replaces the body of an answer by what it decompresses to.
   * @param {{ body: object }} response deno_fetch's InnerResponse
   * @param {"br" | "deflate" | "gzip"} coding
   */
  function decode(response, coding) {
    const source = new Source(response.body.stream, FORMATS[coding]);
    response.body = new InnerBody(new ReadableStream(source));
  }

  class Source {
    #reader;
    #format;
    #codec;
    #reserve;
    #rest = new Uint8Array();
    type = "bytes";

    /** `deflate` tells which format it is by its first byte. */
    constructor(stream, format) {
      this.#reader = stream.getReader();
      this.#format = format;
    }

    async pull(controller) {
      try {
        for (;;) {
          const piece = await this.#piece();
          if (piece === undefined) return this.#end(controller);
          const bytes = op_compression_write(this.#codec, piece);
          if (bytes.length > 0) return controller.enqueue(bytes);
        }
      } catch (error) {
        this.cancel(error).catch(() => {});
        throw error;
      }
    }

    async cancel(reason) {
      this.#reserve?.release();
      await this.#reader.cancel(reason);
    }

    /** What is to be decompressed next; undefined at the end, beyond which nobody looks. */
    async #piece() {
      while (this.#rest.length === 0) {
        const { value, done } = await this.#reader.read();
        if (done) return undefined;
        this.#rest = value;
      }
      this.#codec ??= this.#begin();
      if (hasEnded(this.#codec)) return undefined;
      const piece = this.#rest.subarray(0, PIECE_BYTES);
      this.#rest = this.#rest.subarray(PIECE_BYTES);
      return piece;
    }

    #begin() {
      const isZlib = (this.#rest[0] & 15) === ZLIB_METHOD;
      const format = this.#format ?? (isZlib ? "deflate" : "deflate-raw");
      this.#reserve = new Reserve(format, true);
      return op_compression_new(format, true);
    }

    /** An answer of nothing at all is nothing; else there has to be an end. */
    async #end(controller) {
      if (this.#codec !== undefined) op_compression_finish(this.#codec, !hasEnded(this.#codec));
      await this.cancel();
      controller.close();
      controller.byobRequest?.respond(0);
    }
  }

  /** Whether something has followed the end of the compressed data, which clients overlook. */
  function hasEnded(codec) {
    try {
      op_compression_end(codec);
      return false;
    } catch {
      return true;
    }
  }

  return { decode };
})();
