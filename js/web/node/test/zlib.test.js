// node:zlib against Node's own: the same bytes, events and errors, whole inputs and streams. The codecs of both are Node's
// here; the cases under tests/apps/ have the host's.

import assert from "node:assert/strict";
import { once } from "node:events";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import test from "node:test";
import { promisify } from "node:util";
import * as node from "node:zlib";
import { ours } from "./ours.js";
import { random } from "./random.js";

const our = await ours("zlib");
const both = [our, node];
const { constants } = node;
const NAMES = ["deflate", "deflateRaw", "gzip", "brotliCompress"];
const INVERSE = {
  deflate: "inflate",
  deflateRaw: "inflateRaw",
  gzip: "gunzip",
  brotliCompress: "brotliDecompress",
};
const text = Array.from({ length: 9000 }, (_, line) => `${line} bottles of ${line % 7}\n`).join("");
const noise = random.bytes(70_000);
const QUALITY = { params: { [constants.BROTLI_PARAM_QUALITY]: 6 } };

/** The two Buffers are of different classes. */
const same = (got, expected, message) =>
  assert.equal(Buffer.from(got).toString("hex"), Buffer.from(expected).toString("hex"), message);

/** What a call throws, as far as Node programs look at it. */
function failure(call) {
  try {
    call();
    return null;
  } catch ({ name, message, code, errno }) {
    return { name, message, code, errno };
  }
}

/** All that a stream says, and what came out of it. */
async function story(stream, feed) {
  const events = [];
  const chunks = [];
  stream.on("data", (chunk) => chunks.push(chunk));
  for (const event of ["end", "finish", "close"]) stream.on(event, () => events.push(event));
  stream.on("error", ({ message, code, errno }) => events.push([message, code, errno]));
  const closed = new Promise((resolve) => stream.on("close", resolve));
  feed(stream);
  await closed;
  return { events: events.sort(), text: String(Buffer.concat(chunks)), read: stream.bytesWritten };
}

test("whole inputs come out as Node's do, and back", async () => {
  for (const input of ["", "x", text, noise, new Uint16Array([1, 2, 3])]) {
    for (const name of NAMES) {
      const [packed, expected] = both.map((zlib) => zlib[`${name}Sync`](input, QUALITY));
      same(packed, expected, name);
      same(await promisify(our[name])(input, QUALITY), expected, name);
      const back = INVERSE[name];
      const bytes = node[`${back}Sync`](expected);
      same(our[`${back}Sync`](packed), bytes);
      same(await promisify(our[back])(packed), bytes);
    }
    for (const name of ["gzip", "deflate"]) {
      const packed = node[`${name}Sync`](input);
      same(our.unzipSync(packed), node.unzipSync(packed));
    }
  }
});

test("options count", () => {
  const dictionary = Buffer.from("bottles of");
  const variants = [
    { level: 0 },
    { level: 1, memLevel: 9 },
    { level: 9, strategy: constants.Z_HUFFMAN_ONLY },
    { windowBits: 10 },
    { dictionary },
    { chunkSize: 64, level: NaN },
    { finishFlush: constants.Z_SYNC_FLUSH },
  ];
  for (const options of variants) {
    for (const name of ["deflate", "deflateRaw", "gzip"]) {
      const [packed, expected] = both.map((zlib) => zlib[`${name}Sync`](text, options));
      same(packed, expected, JSON.stringify(options));
      const back = `${INVERSE[name]}Sync`;
      assert.equal(String(our[back](packed, options)), text);
    }
  }
  const params = { [constants.BROTLI_PARAM_QUALITY]: 2, [constants.BROTLI_PARAM_LGWIN]: 12 };
  same(our.brotliCompressSync(text, { params }), node.brotliCompressSync(text, { params }));
  const { buffer, engine } = our.gzipSync("abc", { info: true });
  same(buffer, node.gzipSync("abc"));
  assert.equal(engine.bytesWritten, 3);
  assert.ok(engine instanceof our.Gzip);
});

test("errors are Node's", async () => {
  const packed = node.gzipSync(text);
  const damaged = Buffer.from(packed);
  damaged[packed.length - 6] ^= 1;
  const deflated = node.deflateSync("abc", { dictionary: Buffer.from("abc") });
  const calls = [
    (zlib) => zlib.gunzipSync("no gzip"),
    (zlib) => zlib.gunzipSync(""),
    (zlib) => zlib.gunzipSync(damaged),
    (zlib) => zlib.gunzipSync(packed.subarray(0, 200)),
    (zlib) => zlib.inflateRawSync("\xff\xff"),
    (zlib) => zlib.unzipSync("no zlib"),
    (zlib) => zlib.inflateSync(deflated),
    (zlib) => zlib.inflateSync(deflated, { dictionary: Buffer.from("other") }),
    (zlib) => zlib.brotliDecompressSync(Buffer.from([0xff, 0xff, 1, 2, 3, 4])),
    (zlib) => zlib.brotliDecompressSync(node.brotliCompressSync(text).subarray(0, 99)),
    (zlib) => zlib.gunzipSync(packed, { maxOutputLength: 1000 }),
    (zlib) => zlib.gzipSync("a", { level: 10 }),
    (zlib) => zlib.gzipSync("a", { level: "9" }),
    (zlib) => zlib.gzipSync("a", { windowBits: 8 }),
    (zlib) => zlib.inflateRawSync("a", { windowBits: 7 }),
    (zlib) => zlib.gzipSync("a", { memLevel: 0 }),
    (zlib) => zlib.gzipSync("a", { strategy: 5 }),
    (zlib) => zlib.gzipSync("a", { chunkSize: 10 }),
    (zlib) => zlib.gzipSync("a", { flush: 6 }),
    (zlib) => zlib.gzipSync("a", { finishFlush: -1 }),
    (zlib) => zlib.gzipSync("a", { maxOutputLength: 0 }),
    (zlib) => zlib.gzipSync("a", { dictionary: "text" }),
    (zlib) => zlib.brotliCompressSync("a", { params: { 1000: 1 } }),
    (zlib) => zlib.brotliCompressSync("a", { params: { 1: "x" } }),
    (zlib) => zlib.gzipSync(1),
    (zlib) => zlib.gzip("a"),
    (zlib) => zlib.createGzip({ level: 10 }),
  ];
  for (const call of calls) {
    const [got, expected] = both.map((zlib) => failure(() => call(zlib)));
    assert.deepEqual(got, expected, String(call));
    assert.ok(got !== null, String(call));
  }
  const { code, errno } = await promisify(our.gunzip)("no gzip").catch((error) => error);
  assert.deepEqual([code, errno], ["Z_DATA_ERROR", constants.Z_DATA_ERROR]);
  assert.equal(
    (await promisify(our.gzip)(noise, { maxOutputLength: 9 }).catch((error) => error)).code,
    "ERR_BUFFER_TOO_LARGE",
  );
  const huge = { params: { [constants.BROTLI_PARAM_LARGE_WINDOW]: 1 } };
  assert.throws(() => our.brotliCompressSync("a", huge), { code: "NODE_API_NOT_SUPPORTED" });
});

test("what is cut off comes out as far as it goes, if that is asked for", () => {
  const packed = node.gzipSync(text);
  const finishFlush = constants.Z_SYNC_FLUSH;
  const [got, expected] = both.map((zlib) =>
    zlib.gunzipSync(packed.subarray(0, 5000), { finishFlush }),
  );
  same(got, expected);
  assert.ok(text.startsWith(String(got)) && got.length > 1000);
});

test("a file of gzip may have several streams, and zeroes after them", () => {
  const files = [
    [node.gzipSync("one "), node.gzipSync("two")],
    [node.gzipSync("one"), Buffer.alloc(20)],
    [node.gzipSync("one"), Buffer.from("other")],
  ];
  for (const parts of files) {
    const [got, expected] = both.map((zlib) => {
      const [all, unzipped] = [zlib.gunzipSync, zlib.unzipSync].map((method) =>
        failure(() => method(Buffer.concat(parts))),
      );
      return [all, unzipped, all ? null : String(zlib.gunzipSync(Buffer.concat(parts)))];
    });
    assert.deepEqual(got, expected);
  }
  assert.equal(
    String(our.inflateSync(Buffer.concat([node.deflateSync("one"), Buffer.from("more")]))),
    "one",
  );
});

test("streams tell the same story as Node's", async () => {
  const packed = node.gzipSync(text);
  const feeds = {
    whole: (stream) => stream.end(packed),
    "byte by byte": (stream) => {
      for (const byte of packed.subarray(0, 500)) stream.write(Buffer.from([byte]));
      stream.end(packed.subarray(500));
    },
    "two members": (stream) => {
      stream.write(node.gzipSync("first"));
      stream.end(node.gzipSync("second"));
    },
    empty: (stream) => stream.end(),
    "cut off": (stream) => stream.end(packed.subarray(0, 3000)),
    wrong: (stream) => stream.end("no gzip at all"),
  };
  for (const [name, feed] of Object.entries(feeds)) {
    for (const create of ["createGunzip", "createUnzip"]) {
      const [got, expected] = await Promise.all(both.map((zlib) => story(zlib[create](), feed)));
      assert.deepEqual(got, expected, `${create}: ${name}`);
    }
  }
});

test("streams compress and decompress what is piped through them", async () => {
  for (const name of NAMES) {
    const capitalized = (word) => word[0].toUpperCase() + word.slice(1);
    const chunks = [];
    const sink = new Writable({
      write: (chunk, _, done) => (chunks.push(chunk), setImmediate(done)),
    });
    const pieces = Array.from({ length: 30 }, () => Buffer.from(text));
    await pipeline(
      Readable.from(pieces),
      our[`create${capitalized(name)}`](QUALITY),
      our[`create${capitalized(INVERSE[name])}`]({ chunkSize: 1000 }),
      sink,
    );
    assert.equal(String(Buffer.concat(chunks)), text.repeat(30), name);
  }
});

test("a stream makes no more than its reader takes", async () => {
  const stream = our.createGunzip();
  stream.end(node.gzipSync(Buffer.alloc(20 << 20)));
  await once(stream, "readable");
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  assert.ok(
    stream.readableLength <= 2 * stream.readableHighWaterMark,
    String(stream.readableLength),
  );
  let size = 0;
  for await (const chunk of stream) size += chunk.length;
  assert.equal(size, 20 << 20);
});

test("flush, params, reset and close", async () => {
  const [got, expected] = await Promise.all(
    both.map(async (zlib) => {
      const chunks = [];
      const stream = zlib.createDeflate({ level: 1 }).on("data", (chunk) => chunks.push(chunk));
      stream.write("first");
      await new Promise((resolve) => stream.flush(resolve));
      const flushed = Buffer.concat(chunks).length;
      await new Promise((resolve) => stream.flush(constants.Z_SYNC_FLUSH, resolve));
      await new Promise((resolve) => stream.params(9, constants.Z_DEFAULT_STRATEGY, resolve));
      stream.end(text);
      await once(stream, "end");
      return [flushed, Buffer.concat(chunks)];
    }),
  );
  assert.equal(String(node.inflateSync(got[1])), `first${text}`);
  assert.equal(got[0], expected[0]);
  const again = our.createDeflate();
  again.write("gone");
  again.reset();
  again.close();
  await once(again, "close");
  assert.ok(again.destroyed && again._closed);
  assert.equal(
    (await new Promise((resolve) => again.write("x", resolve))).code,
    "ERR_STREAM_DESTROYED",
  );
});

test("classes are Node's in what can be asked of them", () => {
  const made = our.Gzip({ level: 1 });
  assert.ok(made instanceof our.Gzip && our.createGzip() instanceof our.Gzip);
  assert.ok(!(made instanceof our.Gunzip));
  class Own extends our.Inflate {}
  assert.ok(new Own() instanceof our.Inflate);
  for (const name of ["gzipSync", "createUnzip", "brotliDecompress"])
    assert.equal(our[name].name, name);
  assert.throws(() => our.zstdCompressSync("a"), { code: "NODE_API_NOT_SUPPORTED" });
});
