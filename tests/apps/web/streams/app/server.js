const collect = async (stream) => await new Response(stream).text();

const answers = {
  async compression() {
    const results = {};
    for (const format of ["gzip", "deflate", "deflate-raw"]) {
      const packed = new Blob(["a".repeat(10000)]).stream().pipeThrough(new CompressionStream(format));
      const bytes = await new Response(packed).bytes();
      const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format));
      results[format] = [bytes.length < 200, (await collect(unpacked)).length];
    }
    return results;
  },
  async transform() {
    const upper = new TransformStream({
      transform: (chunk, controller) => controller.enqueue(chunk.toUpperCase()),
      flush: (controller) => controller.enqueue("!"),
    });
    const source = ReadableStream.from(["a", "b"]).pipeThrough(upper).pipeThrough(new TextEncoderStream());
    const [left, right] = source.tee();
    return [await collect(left), await collect(right.pipeThrough(new TextDecoderStream()).pipeThrough(new TextEncoderStream()))];
  },
  async splitCharacters() {
    const bytes = new TextEncoder().encode("aé€😀");
    const single = ReadableStream.from([...bytes].map((byte) => new Uint8Array([byte])));
    let text = "";
    for await (const part of single.pipeThrough(new TextDecoderStream())) text += part;
    return text;
  },
  async byob() {
    const stream = new ReadableStream({
      type: "bytes",
      pull(controller) {
        controller.enqueue(new Uint8Array([1, 2, 3]));
        controller.close();
      },
    });
    const reader = stream.getReader({ mode: "byob" });
    const { value } = await reader.read(new Uint8Array(2));
    return [...value];
  },
  async errors() {
    const stream = new ReadableStream({ pull: () => Promise.reject(new RangeError("broken")) });
    return await collect(stream).catch((error) => `${error.name}: ${error.message}`);
  },
  async writable() {
    const written = [];
    const writer = new WritableStream({ write: (chunk) => void written.push(chunk) }).getWriter();
    await writer.write(1);
    await writer.close();
    return [written, await writer.write(2).catch((error) => error.name)];
  },
  async blob() {
    const blob = new Blob(["abc", new Uint8Array([100])], { type: "x/y" });
    const part = blob.slice(1, 3, "x/z");
    return [blob.size, blob.type, await part.text(), part.type, await new File([blob], "f").text()];
  },
};

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    return Response.json(await answers[pathname.slice(1)](request, env, ctx));
  },
};
