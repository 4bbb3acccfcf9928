import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import zlib, { constants, createGunzip, createGzip, gunzipSync, gzipSync } from "node:zlib";

const text = Array.from({ length: 5000 }, (_, line) => `${line} bottles of ${line % 7}\n`).join("");
const pairs = [
  ["deflate", "inflate"],
  ["deflateRaw", "inflateRaw"],
  ["gzip", "gunzip"],
  ["gzip", "unzip"],
  ["deflate", "unzip"],
  ["brotliCompress", "brotliDecompress"],
];

function failure(call) {
  try {
    return call().length;
  } catch ({ code, errno, message }) {
    return [code, errno ?? null, message];
  }
}

/** What a stream makes of the chunks. */
async function through(stream, chunks) {
  const out = [];
  await pipeline(Readable.from(chunks), stream, async (source) => {
    for await (const chunk of source) out.push(chunk);
  });
  return Buffer.concat(out);
}

const unpacked = (format, bytes) =>
  new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format))).text();

/** A megabyte of zeroes, as often as asked for, one gzip stream after the other. */
const bomb = (times) => Buffer.concat(Array(times).fill(gzipSync(Buffer.alloc(1 << 20), { level: 9 })));

const answers = {
  sync: () => pairs.map(([pack, unpack]) => String(zlib[`${unpack}Sync`](zlib[`${pack}Sync`](text))) === text),
  callback: () =>
    Promise.all(
      pairs.map(async ([pack, unpack]) => {
        const packed = await promisify(zlib[pack])(text);
        return String(await promisify(zlib[unpack])(packed)) === text && packed.length < text.length / 3;
      }),
    ),
  async streams() {
    const capitalized = (name) => `create${name[0].toUpperCase()}${name.slice(1)}`;
    const results = [];
    for (const [pack, unpack] of pairs) {
      const chunks = Array.from({ length: 40 }, () => Buffer.from(text));
      const packed = await through(zlib[capitalized(pack)](), chunks);
      const bytes = Array.from(packed.subarray(0, 300), (byte) => Buffer.from([byte]));
      results.push(String(await through(zlib[capitalized(unpack)](), [...bytes, packed.subarray(300)])) === text.repeat(40));
    }
    return results;
  },
  /** What comes out is what the web platform reads. */
  formats: async () => [
    (await unpacked("gzip", gzipSync(text))) === text,
    (await unpacked("deflate", zlib.deflateSync(text))) === text,
    (await unpacked("deflate-raw", zlib.deflateRawSync(text))) === text,
    (await unpacked("brotli", zlib.brotliCompressSync(text))) === text,
  ],
  options() {
    const size = (options) => gzipSync(text, options).length;
    const dictionary = Buffer.from("bottles of");
    const short = Buffer.from("10 bottles of beer");
    // What is far back is out of a small window.
    const unlike = zlib.brotliCompressSync(text);
    const noise = Buffer.concat([unlike, unlike]);
    const quality = (number) => zlib.brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: number } }).length;
    return [
      size({ level: 0 }) > text.length,
      size({ level: 9 }) < size({ level: 1 }),
      gzipSync(noise, { windowBits: 9 }).length > gzipSync(noise).length,
      zlib.deflateSync(short, { dictionary }).length < zlib.deflateSync(short).length,
      String(zlib.inflateSync(zlib.deflateSync(short, { dictionary }), { dictionary })),
      String(zlib.inflateRawSync(zlib.deflateRawSync(short, { dictionary }), { dictionary })),
      quality(11) < quality(1),
      quality(6) === zlib.brotliCompressSync(text).length,
    ];
  },
  cut_off() {
    const half = gzipSync(text).subarray(0, 4000);
    const finishFlush = constants.Z_SYNC_FLUSH;
    return [failure(() => gunzipSync(half)), text.startsWith(String(gunzipSync(half, { finishFlush })))];
  },
  members: () => [
    String(gunzipSync(Buffer.concat([gzipSync("one "), gzipSync("two"), Buffer.alloc(9)]))),
    String(zlib.unzipSync(Buffer.concat([gzipSync("one "), gzipSync("two")]))),
    String(zlib.inflateSync(Buffer.concat([zlib.deflateSync("one"), Buffer.from("more")]))),
  ],
  errors() {
    const damaged = gzipSync(text);
    damaged[damaged.length - 6] ^= 1;
    const given = zlib.deflateSync("abc", { dictionary: Buffer.from("abc") });
    return [
      failure(() => gunzipSync("no gzip")),
      failure(() => gunzipSync(damaged)),
      failure(() => zlib.inflateSync(given)),
      failure(() => zlib.inflateSync(given, { dictionary: Buffer.from("other") })),
      failure(() => zlib.brotliDecompressSync(Buffer.from([255, 255, 1, 2, 3, 4]))),
      failure(() => gunzipSync(gzipSync(text), { maxOutputLength: 1000 })),
      failure(() => gzipSync(text, { level: 10 })).slice(0, 1),
    ];
  },
  async flush() {
    const stream = createGzip({ level: 1 });
    const chunks = [];
    stream.on("data", (chunk) => chunks.push(chunk));
    stream.write("first");
    await new Promise((resolve) => stream.flush(resolve));
    const flushed = Buffer.concat(chunks);
    await new Promise((resolve) => stream.params(9, constants.Z_DEFAULT_STRATEGY, resolve));
    stream.end(" second");
    await new Promise((resolve) => stream.on("close", resolve));
    const start = gunzipSync(flushed, { finishFlush: constants.Z_SYNC_FLUSH });
    return [String(start), String(gunzipSync(Buffer.concat(chunks))), stream.bytesWritten];
  },
  /** A gibibyte: more than the app may have. */
  async bomb() {
    const packed = bomb(1024);
    return [
      failure(() => gunzipSync(packed)).slice(0, 1),
      (await promisify(zlib.gunzip)(packed).catch((error) => error)).code,
      failure(() => zlib.brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 } })).slice(0, 1),
    ];
  },
  /** Of which a reader that throws everything away takes little. */
  async drained() {
    let size = 0;
    await pipeline(Readable.from([bomb(300)]), createGunzip(), async (source) => {
      for await (const chunk of source) size += chunk.length;
    });
    return size / (1 << 20);
  },
};

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    return Response.json(await answers[pathname.slice(1)]());
  },
};
