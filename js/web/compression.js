// CompressionStream and DecompressionStream, https://compression.spec.whatwg.org/. Compiled when one of them is first looked at.
(function () {
  const { core, primordials } = __bootstrap;
  const { MathMin, Uint8Array } = primordials;
  const { op_compression_end, op_compression_finish, op_compression_new, op_compression_write } =
    core.ops;
  const webidl = core.loadExtScript("ext:deno_webidl/00_webidl.js");
  const { TransformStream } = core.loadExtScript("ext:deno_web/06_streams.js");

  const toFormat = webidl.createEnumConverter("CompressionFormat", [
    "deflate",
    "deflate-raw",
    "gzip",
    "brotli",
  ]);

  /**
   * What a codec takes in the host, in bytes: so much at first, so much for each byte that it is given, so much in the end. Measured
   * with text, and rounded up.
   */
  const MEMORY = {
    encoder: { brotli: [1 << 20, 8, 12 << 20], other: [300 << 10, 0, 300 << 10] },
    decoder: { brotli: [256 << 10, 64, 17 << 20], other: [64 << 10, 0, 64 << 10] },
  };

  /** Counts what a codec takes, where nobody else does: in a buffer of that size, to which nothing is ever written. */
  class Reserve {
    #buffer;
    #each;
    #most;

    constructor(format, isDecoder) {
      const kinds = isDecoder ? MEMORY.decoder : MEMORY.encoder;
      const [first, each, most] = kinds[format] ?? kinds.other;
      this.#buffer = new Uint8Array(first);
      this.#each = each;
      this.#most = most;
    }

    grow(given) {
      const size = MathMin(this.#buffer.length + given * this.#each, this.#most);
      if (size > this.#buffer.length) this.#buffer = new Uint8Array(size);
    }

    release() {
      this.#buffer = undefined;
    }
  }

  function transform(name, values, isDecoder) {
    const prefix = `Failed to construct '${name}'`;
    webidl.requiredArguments(values.length, 1, prefix);
    const format = toFormat(values[0], prefix, "Argument 1");
    const reserve = new Reserve(format, isDecoder);
    const codec = op_compression_new(format, isDecoder);
    const finish = (reportErrors) => {
      reserve.release();
      return op_compression_finish(codec, reportErrors);
    };
    return new TransformStream({
      transform(chunk, controller) {
        const bytes = webidl.converters.BufferSource(
          chunk,
          `Failed to write to '${name}'`,
          "chunk",
        );
        reserve.grow(bytes.byteLength);
        enqueue(controller, op_compression_write(codec, bytes));
        op_compression_end(codec);
      },
      flush: (controller) => enqueue(controller, finish(true)),
      cancel: () => void finish(false),
    });
  }

  function enqueue(controller, bytes) {
    if (bytes.length > 0) controller.enqueue(bytes);
  }

  function streamClass(name, isDecoder) {
    // The class has the name of the key.
    const constructor = {
      [name]: class {
        #transform;

        constructor(format) {
          this.#transform = transform(name, arguments, isDecoder);
        }

        get readable() {
          return this.#transform.readable;
        }

        get writable() {
          return this.#transform.writable;
        }
      },
    }[name];
    webidl.configureInterface(constructor);
    return constructor;
  }

  return {
    Reserve,
    CompressionStream: streamClass("CompressionStream", false),
    DecompressionStream: streamClass("DecompressionStream", true),
  };
})();
