// CompressionStream and DecompressionStream, https://compression.spec.whatwg.org/. Compiled when one of them is first looked at.
(function () {
  const { core } = __bootstrap;
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

  function transform(name, values, isDecoder) {
    const prefix = `Failed to construct '${name}'`;
    webidl.requiredArguments(values.length, 1, prefix);
    const codec = op_compression_new(toFormat(values[0], prefix, "Argument 1"), isDecoder);
    return new TransformStream({
      transform(chunk, controller) {
        const bytes = webidl.converters.BufferSource(
          chunk,
          `Failed to write to '${name}'`,
          "chunk",
        );
        enqueue(controller, op_compression_write(codec, bytes));
        op_compression_end(codec);
      },
      flush: (controller) => enqueue(controller, op_compression_finish(codec, true)),
      cancel: () => void op_compression_finish(codec, false),
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
    CompressionStream: streamClass("CompressionStream", false),
    DecompressionStream: streamClass("DecompressionStream", true),
  };
})();
