// Streams that are connected: pipes, transforms, pipelines, iteration.

import assert from "node:assert/strict";
import nodeStream from "node:stream";
import test from "node:test";
import { inherits } from "node:util";
import { ours } from "./ours.js";
import { random } from "./random.js";
import { bothPlay, settled } from "./script.js";
import { record, state, turn } from "./stream_record.js";

const ourStream = (await ours("stream")).default;
const both = bothPlay(nodeStream, ourStream);

both(
  "pipes: one target, several, slow ones, ones that fail or are let go",
  async ({ Readable, Writable, PassThrough }, log) => {
    const source = record(Readable.from(["a", "b", "c", "d"], { objectMode: false }), "r", log);
    const slow = record(
      new Writable({
        highWaterMark: 1,
        write(chunk, e, callback) {
          log.push(`slow ${chunk}`);
          setImmediate(callback);
        },
      }),
      "slow",
      log,
    );
    const fast = record(
      new Writable({
        write(chunk, e, callback) {
          log.push(`fast ${chunk}`);
          callback();
        },
      }),
      "fast",
      log,
    );
    source.pipe(slow);
    source.pipe(fast, { end: false });
    await settled();
    await settled();
    log.push(state(fast), state(slow));

    const endless = new Readable({ read() {} });
    const target = record(new PassThrough(), "t", log);
    endless.pipe(target);
    endless.push("x");
    await turn();
    endless.unpipe(target);
    endless.push("y");
    await turn();
    log.push(endless.readableFlowing, target.read()?.toString(), endless.readableLength);

    const broken = new Writable({ write: (c, e, callback) => callback(new Error("full")) });
    record(broken, "b", log, ["error", "unpipe", "close"]);
    const origin = new Readable({ read() {} });
    origin.pipe(broken);
    origin.push("z");
    await turn();
    log.push(state(origin));
  },
);

both("transforms keep order, flush and hold back", async ({ Transform, PassThrough }, log) => {
  const transform = record(
    new Transform({
      highWaterMark: 2,
      transform(chunk, encoding, callback) {
        log.push(`in ${chunk}`);
        this.push(chunk);
        setImmediate(callback, null, chunk.toString().toUpperCase());
      },
      flush(callback) {
        callback(null, "last");
      },
    }),
    "t",
    log,
  );
  for (const chunk of ["a", "b", "c"]) log.push(transform.write(chunk));
  transform.end();
  await settled();
  log.push(state(transform));
  transform.on("data", (chunk) => log.push(`out ${chunk}`));
  await settled();
  await settled();
  log.push(state(transform));
  const through = new PassThrough({ objectMode: true });
  through.end({ an: "object" });
  log.push(through.read());
  const own = new Transform({
    transform: (c, e, cb) => cb(null, c),
    final(cb) {
      log.push("own final");
      cb();
    },
    flush(cb) {
      log.push("flushed");
      cb();
    },
  });
  record(own, "own", log);
  own.end("x");
  own.resume();
  await settled();
});

both("old-style subclasses", async ({ Readable, Transform, Stream }, log) => {
  function Counter(options) {
    Readable.call(this, options);
    this.n = 0;
  }
  inherits(Counter, Readable);
  Counter.prototype._read = function () {
    this.push(this.n < 3 ? String(this.n++) : null);
  };
  class Upper extends Transform {
    _transform(chunk, encoding, callback) {
      callback(null, chunk.toString().toUpperCase());
    }
  }
  for await (const chunk of new Counter().pipe(new Upper())) log.push(chunk.toString());
  function Old() {
    Stream.call(this);
    this.readable = true;
  }
  inherits(Old, Stream);
  const old = new Old();
  const upper = old.pipe(new Upper());
  old.emit("data", "q");
  old.emit("end");
  for await (const chunk of upper) log.push(chunk.toString());
  const wrapped = new Readable().wrap(old);
  old.emit("data", "w");
  old.emit("end");
  for await (const chunk of wrapped) log.push(chunk.toString());
  log.push(upper instanceof Stream, upper instanceof Readable);
});

both("iterating", async ({ Readable }, log) => {
  async function* numbers() {
    try {
      for (let i = 0; ; i++) yield i;
    } finally {
      log.push("generator left");
    }
  }
  const readable = Readable.from(numbers());
  for await (const n of readable) {
    log.push(n);
    if (n === 2) break;
  }
  log.push(readable.destroyed);
  await settled();
  const kept = Readable.from(["x", "y"]);
  for await (const item of kept.iterator({ destroyOnReturn: false })) {
    log.push(item);
    break;
  }
  log.push(kept.destroyed);
  for (const source of [
    ["a", "b"],
    "text",
    Buffer.from("bytes"),
    new Set([1]),
    (function* () {
      yield Promise.resolve("p");
    })(),
  ]) {
    for await (const item of Readable.from(source)) log.push(String(item));
  }
  async function* failing() {
    yield 1;
    throw new Error("midway");
  }
  try {
    for await (const item of Readable.from(failing())) log.push(item);
  } catch (error) {
    log.push(error.message);
  }
  for (const bad of [null, 5, {}]) {
    try {
      Readable.from(bad);
    } catch (error) {
      log.push(error.code);
    }
  }
  const cut = new Readable({ read() {} });
  setImmediate(() => cut.destroy());
  await (async () => {
    for await (const _ of cut);
  })().catch((error) => log.push(error.code));
});

both("finished", async ({ finished, Readable, Writable, Duplex, PassThrough, promises }, log) => {
  const watch = (stream, label, options = {}) =>
    finished(stream, options, (error) => log.push(`${label} ${error?.code ?? error?.message}`));
  const read = Readable.from(["a"]);
  watch(read, "read");
  read.resume();
  const cut = new Readable({ read() {} });
  watch(cut, "cut");
  cut.destroy();
  const failed = new Writable({ write: (c, e, cb) => cb(new Error("no")) });
  watch(failed, "failed");
  failed.write("x");
  const half = new Duplex({ read() {}, write: (c, e, cb) => cb() });
  watch(half, "half", { readable: false });
  half.end();
  const stopped = new PassThrough();
  watch(stopped, "stopped")();
  stopped.destroy();
  await settled();
  watch(read, "already");
  watch(cut, "already cut");
  await settled();
  const controller = new AbortController();
  const waiting = new PassThrough();
  watch(waiting, "aborted", { signal: controller.signal });
  controller.abort();
  await promises.finished(Readable.from([]).resume()).then(() => log.push("promise"));
  for (const bad of [null, {}, 5]) {
    try {
      finished(bad, () => {});
    } catch (error) {
      log.push(error.code);
    }
  }
});

both(
  "pipelines",
  async ({ pipeline, promises, Readable, Writable, Transform, PassThrough }, log) => {
    const collect = (parts) =>
      new Writable({
        write(chunk, e, callback) {
          parts.push(chunk.toString());
          callback();
        },
      });
    const upper = () =>
      new Transform({ transform: (c, e, callback) => callback(null, c.toString().toUpperCase()) });
    const run = async (label, ...args) => {
      try {
        log.push(label, await promises.pipeline(...args));
      } catch (error) {
        log.push(label, error.name, error.code ?? error.message);
      }
    };
    let parts = [];
    await run("streams", Readable.from(["a", "b"]), upper(), collect(parts));
    await run("iterable", ["c", "d"], upper(), collect(parts));
    await run(
      "generators",
      async function* () {
        yield "e";
      },
      async function* (source) {
        for await (const c of source) yield `${c}!`;
      },
      collect(parts),
    );
    await run("value", Readable.from(["f", "g"]), async (source) => {
      let all = "";
      for await (const c of source) all += c;
      return all;
    });
    await run("array form", [Readable.from(["h"]), collect(parts)]);
    log.push(parts);
    const kept = collect((parts = []));
    await run("left open", Readable.from(["i"]), kept, { end: false });
    log.push(kept.writableEnded, parts);

    const failing = () =>
      new Transform({ transform: (c, e, callback) => callback(new Error("mid")) });
    const [source, target] = [Readable.from(["x", "y"]), collect([])];
    await run("failure in the middle", source, failing(), target);
    log.push(source.destroyed, target.destroyed);
    await run(
      "failing source",
      (async function* () {
        yield "a";
        throw new Error("source");
      })(),
      collect([]),
    );
    await run(
      "failing function",
      Readable.from(["a"]),
      async function* () {
        throw new Error("function");
      },
      collect([]),
    );
    await run("failing end", Readable.from(["a"]), async () => {
      throw new Error("end");
    });
    await run(
      "failing target",
      Readable.from(["a"]),
      new Writable({ write: (c, e, cb) => cb(new Error("target")) }),
    );
    const cut = new PassThrough();
    setImmediate(() => cut.destroy());
    await run("cut short", cut, collect([]));
    const controller = new AbortController();
    setImmediate(() => controller.abort());
    const endless = new Readable({ read() {} });
    await run("aborted", endless, collect([]), { signal: controller.signal });
    log.push(endless.destroyed);
    await run("aborted before", Readable.from(["a"]), collect([]), { signal: AbortSignal.abort() });
    await run("too few", Readable.from(["a"]));
    await run("bad function", () => 5, collect([]));
    await new Promise((resolve) =>
      pipeline(Readable.from(["cb"]), collect([]), (error) => {
        log.push("callback", error);
        resolve();
      }),
    );
    await run("web", new Blob(["w1", "w2"]).stream(), new TextDecoderStream(), async (text) => {
      let all = "";
      for await (const c of text) all += c;
      return all;
    });
    const written = [];
    await run(
      "to web",
      Readable.from(["k"]),
      new WritableStream({ write: (chunk) => void written.push(chunk) }),
    );
    log.push(written);
  },
);

test("random bytes through a random chain come out whole", async () => {
  const { Readable, PassThrough, Transform, promises } = ourStream;
  for (let round = 0; round < 40; round++) {
    const bytes = random.bytes(random.integer(5000));
    let at = 0;
    const source = new Readable({
      highWaterMark: 1 + random.integer(200),
      read(size) {
        const part = bytes.subarray(at, (at += 1 + random.integer(2 * size)));
        const push = () => this.push(part.length > 0 ? Buffer.from(part) : null);
        if (random.integer(2)) push();
        else setImmediate(push);
      },
    });
    const middle = Array.from({ length: random.integer(4) }, () =>
      random.integer(2)
        ? new PassThrough({ highWaterMark: 1 + random.integer(100) })
        : new Transform({
            highWaterMark: 1 + random.integer(100),
            transform: (chunk, e, callback) => setImmediate(callback, null, chunk),
          }),
    );
    const parts = await promises.pipeline(source, ...middle, async (stream) => {
      const all = [];
      for await (const chunk of stream) all.push(chunk);
      return Buffer.concat(all);
    });
    assert.deepEqual(new Uint8Array(parts), bytes);
  }
});

both("`end: false` spares the last stream alone", async ({ promises, ...m }, log) => {
  const source = () => m.Readable.from(["a", "b"]);
  const upper = () =>
    new m.Transform({
      transform: (chunk, e, callback) => callback(null, String(chunk).toUpperCase()),
      flush: (callback) => callback(null, "!"),
    });
  const web = () => new TransformStream({ transform: (c, out) => out.enqueue(`${c}w`) });
  async function* twice(chunks) {
    for await (const chunk of chunks) yield `${chunk}${chunk}`;
  }
  const before = [[], [upper], [upper, upper], [twice], [twice, upper], [web], [web, upper]];
  for (const middle of before) {
    const target = new m.Writable({
      write(chunk, e, callback) {
        log.push(String(chunk));
        callback();
      },
    });
    record(target, "target", log, ["finish", "close"]);
    const parts = middle.map((part) => (part === twice ? part : part()));
    await promises.pipeline(source(), ...parts, target, { end: false });
    log.push("done", target.writableEnded);
    target.end("more");
    await settled();
  }
  const sink = new WritableStream({
    write: (c) => log.push(`web ${c}`),
    close: () => log.push("x"),
  });
  await promises.pipeline(source(), upper(), sink, { end: false });

  const note = (error) => log.push(error.code ?? error.message);
  const target = () => record(new m.PassThrough(), "target", log, ["error", "close"]);
  const failing = new m.Transform({ transform: (c, e, done) => done(new Error("middle")) });
  const kept = target();
  await promises.pipeline(source(), failing, kept, { end: false }).catch(note);
  log.push(kept.destroyed);
  for (const ending of ["end", "destroy"]) {
    const [endless, last] = [new m.Readable({ read() {} }), target().resume()];
    setImmediate(() => last[ending]());
    await promises.pipeline(endless, upper(), last, { end: false }).catch(note);
    log.push(endless.destroyed);
  }
});

test("`end: false` before a function", async () => {
  const { Readable, PassThrough, promises } = ourStream; // in Node an error is left that nobody caught
  const value = async (chunks) => (await chunks.toArray()).join("");
  const source = Readable.from(["a", "b"]);
  assert.equal(await promises.pipeline(source, new PassThrough(), value, { end: false }), "ab");
});

both("the array methods check their options", async ({ Readable }, log) => {
  const options = [0, -1, 1.5, "2", 2, Infinity, null, "x"].map((concurrency) => ({ concurrency }));
  options.push(...[0, -1, 1.5, null].map((highWaterMark) => ({ highWaterMark })));
  options.push(undefined, null, 5, "x", [], () => {}, { signal: 5 }, { signal: null });
  const play = async (label, call) => {
    let result;
    try {
      result = call(Readable.from([1, 2, 3, 4]));
    } catch (error) {
      log.push(`${label} threw ${error.code}`);
      return;
    }
    const value = typeof result.toArray === "function" ? result.toArray() : result;
    log.push(label, await Promise.resolve(value).catch((error) => error.code));
  };
  for (const name of ["map", "filter", "flatMap", "forEach", "some", "every", "find"]) {
    const fn = (x) => (name === "flatMap" ? [x] : x > 2);
    for (const [i, option] of options.entries())
      await play(`${name} ${i}`, (readable) => readable[name](fn, option));
    await play(`${name} of nothing`, (readable) => readable[name]());
  }
  for (const [i, option] of options.entries()) {
    await play(`toArray ${i}`, (readable) => readable.toArray(option));
    await play(`reduce ${i}`, (readable) => readable.reduce((a, b) => a + b, 0, option));
    for (const name of ["take", "drop"])
      await play(`${name} ${i}`, (readable) => readable[name](2, option));
    await play(`iterator ${i}`, async (readable) => {
      const seen = [];
      for await (const item of readable.iterator(option)) seen.push(item);
      return seen;
    });
  }
  for (const count of [0, 1, 1.5, -1, -0.5, "2", "x", NaN, Infinity, null, undefined, {}]) {
    for (const name of ["take", "drop"])
      await play(`${name} ${count}`, (readable) => readable[name](count));
  }
});
