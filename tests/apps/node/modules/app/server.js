import { AsyncLocalStorage } from "node:async_hooks";
import { Buffer } from "node:buffer";
import { createHash, createHmac, randomUUID, timingSafeEqual } from "node:crypto";
import { EventEmitter, captureRejections, defaultMaxListeners, init, once, usingDomains } from "node:events";
import NodeModule, { Module } from "node:module";
import path, { _makeLong } from "node:path";
import { Performance, performance as timing } from "node:perf_hooks";
import querystring from "node:querystring";
import { PassThrough, Readable, Transform, Writable, _isUint8Array } from "node:stream";
import { pipeline } from "node:stream/promises";
import { StringDecoder } from "node:string_decoder";
import { scheduler, setInterval as every, setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { _extend, format, inspect, log, parseEnv, promisify, types } from "node:util";

/** A proxy whose traps all throw. */
function hostile(target) {
  const trap = () => {
    throw new Error("trapped");
  };
  return new Proxy(target, { get: trap, has: trap, ownKeys: trap, getPrototypeOf: trap, getOwnPropertyDescriptor: trap });
}

function revoked(target) {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

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
    createHash("sha256").end("abc").read().toString("hex").slice(0, 8),
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
  async left_open() {
    const written = [];
    const last = new Writable({ highWaterMark: 1, write: (chunk, _, done) => done(written.push(String(chunk)) && null) });
    await pipeline(Readable.from(["a", "b"]), new PassThrough(), last, { end: false });
    return [last.write("c"), last.writableNeedDrain, last.writableEnded, ...written];
  },
  async timers() {
    const controller = new AbortController();
    const options = { signal: controller.signal };
    const told = (error) => error.code;
    const waiting = [wait(60_000, null, options).catch(told), scheduler.wait(60_000, options).catch(told)];
    const ticks = every(60_000, null, options).next().catch(told);
    controller.abort();
    const seen = await Promise.all([...waiting, ticks]);
    for await (const tick of every(1, "tick")) {
      seen.push(tick);
      break;
    }
    return seen;
  },
  inspect() {
    const unreadable = Object.defineProperty(new Error("message"), "stack", {
      get() {
        throw new Error("stack");
      },
    });
    let deep = {};
    for (let i = 0; i < 1e5; i++) deep = { deep };
    const detached = new ArrayBuffer(1);
    structuredClone(detached, { transfer: [detached] });
    const text = [revoked({}), [hostile({ a: 1 })], new Proxy([1], {}), unreadable, detached, Object.create(Promise.prototype)];
    return [
      ...text.map((value) => inspect(value)),
      inspect(new Proxy({ a: 1 }, {}), { showProxy: true }),
      format("%s %s", revoked(() => {}), hostile({})),
      inspect(deep, { depth: null }).match(/\[.*interrupted.*\]/)[0],
      types.isPromise(hostile({})),
      typeof inspect([Object.create(Headers.prototype), Object.create(Request.prototype), Object.create(URL.prototype)]),
    ];
  },
  names() {
    let message;
    try {
      new EventEmitter().emit("error", { a: 1 });
    } catch (error) {
      ({ message } = error);
    }
    return [
      [defaultMaxListeners, captureRejections, usingDomains, init === EventEmitter.init],
      [Module === NodeModule, Module.createRequire("/x")("path") === path, _makeLong("/a")],
      [timing instanceof Performance, _isUint8Array(Buffer.alloc(1)), typeof log],
      [_extend({ a: 1 }, { b: 2 }), parseEnv("A='1' # one")],
      message,
    ];
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
