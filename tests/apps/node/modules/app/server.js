import { AsyncLocalStorage } from "node:async_hooks";
import { Buffer } from "node:buffer";
import { createHash, createHmac, randomUUID, timingSafeEqual } from "node:crypto";
import { EventEmitter, once } from "node:events";
import path from "node:path";
import querystring from "node:querystring";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { StringDecoder } from "node:string_decoder";
import { fileURLToPath } from "node:url";
import { format, inspect, promisify } from "node:util";

const answers = {
  buffer: () => [
    Buffer.from("héllo").toString("base64url"),
    Buffer.concat([Buffer.from("6869", "hex"), Buffer.alloc(1, "!")]).toString(),
    Buffer.from([1, 2, 3, 4]).readUInt32BE(0),
    globalThis.Buffer === Buffer,
  ],
  crypto: () => [
    createHash("sha256").update("a").update("bc").digest("hex"),
    createHmac("sha1", "key").update("message").digest("base64"),
    timingSafeEqual(Buffer.from("same"), Buffer.from("same")),
    randomUUID().length,
  ],
  async events() {
    const emitter = new EventEmitter();
    process.nextTick(() => emitter.emit("ready", 1, 2));
    return await once(emitter, "ready");
  },
  async stream() {
    const upper = new Transform({ transform: (chunk, _, done) => done(null, String(chunk).toUpperCase()) });
    const parts = [];
    await pipeline(Readable.from(["a", "b"]), upper, async (source) => {
      for await (const part of source) parts.push(String(part));
    });
    return parts.join("");
  },
  text() {
    const decoder = new StringDecoder("utf8");
    const split = decoder.write(Buffer.from([0xe2, 0x82])) + decoder.end(Buffer.from([0xac]));
    return [
      split,
      path.join("/a", "..", "b", "c.txt"),
      path.extname("x.tar.gz"),
      querystring.parse("a=1&a=2&b=%20").a,
      fileURLToPath("file:///x%20y"),
      format("%s %d %j", "s", 1, { a: 1 }),
      inspect(new Map([["k", [1]]])),
    ];
  },
  async storage() {
    const storage = new AsyncLocalStorage();
    const sleep = promisify(setTimeout);
    return await storage.run("outer", async () => {
      const seen = [storage.getStore()];
      await storage.run("inner", () => sleep(1).then(() => seen.push(storage.getStore())));
      await new Promise((resolve) => process.nextTick(() => queueMicrotask(resolve)));
      seen.push(storage.getStore(), storage.exit(() => storage.getStore() ?? null));
      return seen;
    });
  },
};

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    return Response.json(await answers[pathname.slice(1)](request, env));
  },
};
