// One stream at a time, on Node's streams and on ours.

import nodeStream from "node:stream";
import { ours } from "./ours.js";
import { bothPlay, settled } from "./script.js";
import { record, state, turn } from "./stream_record.js";

const ourStream = (await ours("stream")).default;
const both = bothPlay(nodeStream, ourStream);

both("a readable in flowing mode", async ({ Readable }, log) => {
  const readable = record(new Readable({ read() {} }), "r", log);
  readable.on("data", (chunk) => log.push(chunk.toString()));
  log.push(state(readable));
  for (const chunk of ["a", Buffer.from("b"), new Uint8Array([99])]) log.push(readable.push(chunk));
  await turn();
  readable.pause();
  readable.push("d");
  log.push(readable.isPaused(), state(readable));
  await turn();
  readable.resume();
  readable.push(null);
  await turn();
  log.push(state(readable));
});

both("a readable in paused mode", async ({ Readable }, log) => {
  let count = 0;
  const readable = new Readable({
    highWaterMark: 5,
    read(size) {
      log.push(`_read ${size}`);
      this.push(count++ < 4 ? `c${count}c` : null);
    },
  });
  readable.on("readable", () => {
    let chunk;
    while ((chunk = readable.read(2)) !== null) log.push(chunk.toString());
    log.push(`empty ${readable.readableLength}`);
  });
  readable.on("end", () => log.push("end"));
  await settled();
  log.push(state(readable));
});

both("text decoded across chunks, unshifted and re-encoded", async ({ Readable }, log) => {
  const readable = new Readable({ read() {} });
  readable.push(Buffer.from("é").subarray(0, 1));
  readable.setEncoding("utf8");
  readable.push(Buffer.from("é").subarray(1));
  readable.push("ü");
  readable.unshift("first");
  readable.push(null);
  log.push(readable.read(3), readable.read());
  const objects = new Readable({ objectMode: true, highWaterMark: 2, read() {} });
  log.push(objects.push({ a: 1 }), objects.push(""), objects.push(0), objects.readableLength);
  log.push(objects.read(), objects.read(), objects.read(), objects.read());
});

both("a writable with backpressure", async ({ Writable }, log) => {
  const waiting = [];
  const writable = record(
    new Writable({
      highWaterMark: 3,
      write(chunk, encoding, callback) {
        log.push(`_write ${chunk} ${encoding}`);
        waiting.push(callback);
      },
      final(callback) {
        log.push("_final");
        callback();
      },
    }),
    "w",
    log,
  );
  log.push(
    writable.write("ab", () => log.push("written ab")),
    writable.write("cd", () => log.push("written cd")),
    state(writable),
  );
  waiting.shift()();
  waiting.shift()();
  await turn();
  log.push(writable.write("e"), state(writable));
  writable.end("f", () => log.push("ended"));
  log.push(state(writable));
  while (waiting.length > 0) {
    waiting.shift()();
    await turn();
  }
  log.push(state(writable));
  writable.write("late", (error) => log.push(error.code));
  writable.end((error) => log.push(error?.code));
});

both("writes done at once, and corked ones together", async ({ Writable }, log) => {
  const writable = record(
    new Writable({
      write(chunk, _encoding, callback) {
        log.push(`_write ${chunk}`);
        callback();
      },
      writev(entries, callback) {
        log.push(`_writev ${entries.map(({ chunk, encoding }) => `${chunk}/${encoding}`)}`);
        callback();
      },
    }),
    "w",
    log,
  );
  for (const chunk of ["a", "b"]) writable.write(chunk, () => log.push(`written ${chunk}`));
  writable.cork();
  writable.cork();
  for (const chunk of ["c", "d"]) writable.write(chunk, "utf8", () => log.push(`written ${chunk}`));
  writable.uncork();
  log.push(state(writable));
  writable.uncork();
  writable.cork();
  writable.write("e");
  writable.end();
  await settled();
});

both("what may not be written", async ({ Writable, Readable }, log) => {
  const make = (options) =>
    record(new Writable({ write: (c, e, cb) => cb(), ...options }), "w", log);
  const tryIt = (run) => {
    try {
      log.push(run());
    } catch (error) {
      log.push(error.name, error.code);
    }
  };
  for (const bad of [null, undefined, 5, {}, Symbol("x")]) tryIt(() => make().write(bad));
  tryIt(() => make({ objectMode: true }).write(null));
  tryIt(() => make().write("x", "nope"));
  tryIt(() => make().setDefaultEncoding("nope"));
  tryIt(() => make({ highWaterMark: -1 }));
  tryIt(() => make({ highWaterMark: "5" }));
  tryIt(() => make().pipe());
  tryIt(() => new Writable().write("x"));
  tryIt(() => record(new Readable({ read() {} }), "r", log).push(5));
  const unread = record(new Readable(), "r", log);
  unread.read();
  const ended = record(new Readable({ read() {} }), "r", log);
  ended.push(null);
  ended.push("late");
  await settled();
});

both("failing in every place", async ({ Readable, Writable, Transform }, log) => {
  const fail = () => new Error("broken");
  const makers = [
    () =>
      new Readable({
        read() {
          this.destroy(fail());
        },
      }),
    () =>
      new Readable({
        read() {
          throw fail();
        },
      }),
    () => new Writable({ write: (c, e, callback) => callback(fail()) }),
    () => new Writable({ write: (c, e, callback) => setImmediate(callback, fail()) }),
    () =>
      new Writable({
        write: (c, e, callback) => callback(),
        final: (callback) => callback(fail()),
      }),
    () =>
      new Writable({
        write: (c, e, callback) => {
          callback();
          callback();
        },
      }),
    () => new Transform({ transform: (c, e, callback) => callback(fail()) }),
    () =>
      new Transform({
        transform: (c, e, callback) => callback(),
        flush: (callback) => callback(fail()),
      }),
    () =>
      new Writable({
        write: (c, e, callback) => callback(),
        destroy: (error, callback) => callback(fail()),
      }),
    () => new Writable({ autoDestroy: false, write: (c, e, callback) => callback(fail()) }),
    () => new Writable({ emitClose: false, write: (c, e, callback) => callback(fail()) }),
    () => new Readable({ construct: (callback) => callback(fail()), read() {} }),
  ];
  for (const [i, make] of makers.entries()) {
    const stream = record(make(), `${i}`, log);
    stream.resume?.();
    stream.write?.("a", (error) => log.push(`${i} a ${error?.message}`));
    stream.write?.("b", (error) => log.push(`${i} b ${error?.message}`));
    stream.end?.((error) => log.push(`${i} end ${error?.message}`));
    await settled();
    if (i === 8) stream.destroy();
    log.push(state(stream));
  }
});

both("destroyed before, during and after", async ({ Readable, Writable, Duplex }, log) => {
  const makers = [
    () => new Readable({ read() {} }),
    () => new Writable({ write: (c, e, callback) => setImmediate(callback) }),
    () => new Duplex({ read() {}, write: (c, e, callback) => setImmediate(callback) }),
    () => new Readable({ read() {}, destroy: (error, callback) => setImmediate(callback, error) }),
    () =>
      new Writable({
        construct: (callback) => setImmediate(callback),
        write: (c, e, callback) => callback(),
      }),
  ];
  for (const make of makers) {
    for (const error of [undefined, null, new Error("given")]) {
      const stream = record(make(), "s", log, ["end", "finish", "error", "close"]);
      stream.write?.("x", (failure) => log.push(`callback ${failure?.code ?? failure?.message}`));
      stream.write?.("y", (failure) => log.push(`callback ${failure?.code ?? failure?.message}`));
      log.push(stream.destroy(error) === stream, state(stream));
      stream.destroy(new Error("second"));
      stream.push?.("late");
      await settled();
      log.push(state(stream));
    }
  }
});

both("constructed slowly", async ({ Duplex }, log) => {
  const duplex = record(
    new Duplex({
      construct: (callback) =>
        setImmediate(() => {
          log.push("constructed");
          callback();
        }),
      read() {
        log.push("_read");
        this.push("x");
        this.push(null);
      },
      write(chunk, encoding, callback) {
        log.push(`_write ${chunk}`);
        callback();
      },
      final(callback) {
        log.push("_final");
        callback();
      },
    }),
    "d",
    log,
  );
  duplex.on("data", (chunk) => log.push(`data ${chunk}`));
  duplex.write("a");
  duplex.end("b");
  await settled();
});

both("what is written at once leaves room for more", async ({ Writable, Transform }, log) => {
  const marks = [0, 1, 3, 4, 5, 9].map((highWaterMark) => ({ highWaterMark }));
  const objects = [0, 1, 2].map((highWaterMark) => ({ highWaterMark, objectMode: true }));
  const ways = {
    sync: (callback) => callback(),
    late: (callback) => setImmediate(callback),
    failing: (callback) => callback(new Error("full")),
  };
  for (const [way, answer] of Object.entries(ways)) {
    for (const options of [...marks, ...objects]) {
      const writable = new Writable({ ...options, write: (c, e, callback) => answer(callback) });
      record(writable, `${way} ${options.highWaterMark}`, log, ["drain", "error"]);
      for (let i = 0; i < 3; i++)
        log.push(writable.write("abcd"), writable.writableNeedDrain, writable.writableLength);
      await settled();
      log.push(writable.writableNeedDrain, writable.writableLength);
    }
  }
  const mixed = new Writable({
    highWaterMark: 3,
    write: (chunk, e, callback) => (String(chunk) === "slow" ? setImmediate(callback) : callback()),
  });
  record(mixed, "mixed", log, ["drain"]);
  for (const chunk of ["abc", "slow", "abc", ""]) log.push(mixed.write(chunk));
  await settled();
  log.push(mixed.write("abc"), mixed.writableNeedDrain);
  const corked = new Writable({ highWaterMark: 2, writev: (chunks, callback) => callback() });
  corked.cork();
  log.push(corked.write("ab"), corked.write("ab"));
  corked.uncork();
  log.push(corked.writableNeedDrain, corked.write("abc"));
  const transform = new Transform({ highWaterMark: 2, transform: (c, e, done) => done(null, c) });
  for (let i = 0; i < 4; i++) log.push(transform.write("ab"), transform.writableLength);
});
