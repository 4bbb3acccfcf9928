// CompressionStream and DecompressionStream.
import { assert, assertEquals, assertThrows, test } from "./harness.js";

const pipe = (data, stream) => new Response(new Blob([data]).stream().pipeThrough(stream)).bytes();

const FORMATS = ["gzip", "deflate", "deflate-raw"];
const text = new TextEncoder().encode("to and fro ".repeat(5000));

for (const format of FORMATS) {
  test(`${format}: there and back`, async () => {
    const packed = await pipe(text, new CompressionStream(format));
    assert(packed.length < text.length / 20, `${packed.length} bytes`);
    assertEquals(await pipe(packed, new DecompressionStream(format)), text);
  });

  test(`${format}: nothing at all`, async () => {
    const packed = await pipe("", new CompressionStream(format));
    assert(packed.length > 0);
    assertEquals((await pipe(packed, new DecompressionStream(format))).length, 0);
  });

  test(`${format}: what is followed by more is refused`, async () => {
    const packed = await pipe(text, new CompressionStream(format));
    const more = new Uint8Array([...packed, 0]);
    await assertThrows(() => pipe(more, new DecompressionStream(format)), TypeError);
  });

  test(`${format}: what is cut off is refused`, async () => {
    const packed = await pipe(text, new CompressionStream(format));
    for (const length of [packed.length - 1, packed.length >> 1, 0]) {
      const part = packed.subarray(0, length);
      await assertThrows(() => pipe(part, new DecompressionStream(format)), TypeError);
    }
  });

  // The other has no checksum.
  if (format !== "deflate-raw")
    test(`${format}: what is damaged is refused`, async () => {
    const packed = await pipe(text, new CompressionStream(format));
    packed[packed.length >> 1] ^= 0x55;
    await assertThrows(() => pipe(packed, new DecompressionStream(format)), TypeError);
  });
}

test("the formats are those that others write", async () => {
  const hex = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
  const hello = {
    gzip: "1f8b0800000000000203cb48cdc9c9070086a6103605000000",
    deflate: "789ccb48cdc9c90700062c0215",
    "deflate-raw": "cb48cdc9c90700",
  };
  for (const [format, packed] of Object.entries(hello)) {
    const bytes = await pipe(hex(packed), new DecompressionStream(format));
    assertEquals(new TextDecoder().decode(bytes), "hello", format);
  }
});

test("byte by byte", async () => {
  const packed = await pipe(text, new CompressionStream("gzip"));
  const { readable, writable } = new DecompressionStream("gzip");
  const writer = writable.getWriter();
  const written = (async () => {
    for (const byte of packed) await writer.write(new Uint8Array([byte]));
    await writer.close();
  })();
  assertEquals(await new Response(readable).bytes(), text);
  await written;
});

test("what they take", async () => {
  await assertThrows(() => new CompressionStream("zip"), TypeError);
  await assertThrows(() => new DecompressionStream("GZIP"), TypeError);
  for (const chunk of ["text", null, 7, {}]) {
    const stream = new CompressionStream("gzip");
    const writer = stream.writable.getWriter();
    writer.closed.catch(() => {});
    new Response(stream.readable).bytes().catch(() => {});
    await assertThrows(() => writer.write(chunk), TypeError);
  }
  const { buffer } = new Uint8Array([104, 105]);
  const stream = new CompressionStream("deflate-raw");
  const writer = stream.writable.getWriter();
  writer.write(buffer);
  writer.write(new DataView(buffer, 1));
  writer.close();
  const plain = stream.readable.pipeThrough(new DecompressionStream("deflate-raw"));
  assertEquals(await new Response(plain).text(), "hii");
});
