// Streams made from other things and turned into them.

import assert from "node:assert/strict";
import nodeStream from "node:stream";
import test from "node:test";
import consumersOfNode from "node:stream/consumers";
import { ours } from "./ours.js";
import { bothPlay, settled } from "./script.js";
import { record, state } from "./stream_record.js";

const ourStream = (await ours("stream")).default;
const ourConsumers = await ours("stream/consumers");
const both = bothPlay(nodeStream, ourStream);

both("abort signals", async ({ addAbortSignal, Readable, Writable }, log) => {
  for (const make of [() => new Readable({ read() {} }), () => new Writable({ write() {} })]) {
    const controller = new AbortController();
    const stream = record(addAbortSignal(controller.signal, make()), "s", log, ["error", "close"]);
    controller.abort();
    await settled();
    log.push(stream.destroyed, stream.errored.name);
  }
  record(new Readable({ read() {}, signal: AbortSignal.abort() }), "r", log, ["error", "close"]);
  await settled();
});

both("to and from the web's streams", async ({ Readable, Writable, Duplex, PassThrough }, log) => {
  const all = async (stream) => {
    const parts = [];
    for await (const part of stream) parts.push(String(part));
    return parts;
  };
  log.push(
    await new Response(
      Readable.toWeb(Readable.from([Buffer.from("ab"), Buffer.from("cd")], { objectMode: false })),
    ).text(),
  );
  log.push(await all(Readable.fromWeb(new Blob(["from web"]).stream(), { encoding: "utf8" })));
  const written = [];
  const sink = Writable.fromWeb(
    new WritableStream({
      write: (chunk) => void written.push(Buffer.from(chunk).toString()),
      close: () => void written.push("closed"),
    }),
  );
  sink.write("a");
  sink.end("b");
  await settled();
  log.push(written, state(sink));
  const collected = [];
  const writer = Writable.toWeb(
    new Writable({
      highWaterMark: 1,
      write(c, e, callback) {
        collected.push(c.toString());
        setImmediate(callback);
      },
    }),
  ).getWriter();
  await writer.write(Buffer.from("x"));
  await writer.write(Buffer.from("y"));
  await writer.close();
  log.push(collected);

  const failing = Readable.toWeb(
    new Readable({
      read() {
        this.destroy(new Error("inside"));
      },
    }),
  );
  await failing
    .getReader()
    .read()
    .catch((error) => log.push(error.message));
  const source = new Readable({ read() {} });
  source.on("error", (error) => log.push(error?.name));
  const reader = Readable.toWeb(source).getReader();
  await reader.cancel(new Error("enough"));
  await settled();
  log.push(source.destroyed);
  const cancelled = [];
  const fromWeb = Readable.fromWeb(
    new ReadableStream({ cancel: (reason) => void cancelled.push(reason?.message) }),
  );
  fromWeb.on("error", () => {});
  fromWeb.destroy(new Error("stop"));
  await settled();
  log.push(cancelled);
  const errored = Readable.fromWeb(
    new ReadableStream({ start: (controller) => controller.error(new Error("web")) }),
  );
  await all(errored).catch((error) => log.push(error.message));
  const { readable, writable } = Duplex.toWeb(new PassThrough());
  const [read] = await Promise.all([
    all(readable),
    new Blob(["through"]).stream().pipeTo(writable),
  ]);
  log.push(read.map(String));
  const duplex = Duplex.fromWeb(new TextDecoderStream(), { objectMode: true });
  duplex.end(Buffer.from("decoded"));
  log.push(await all(duplex));
});

both("Duplex.from", async ({ Duplex, Readable, PassThrough, promises }, log) => {
  const all = async (stream) => {
    const parts = [];
    for await (const part of stream) parts.push(String(part));
    return parts;
  };
  log.push(
    await all(Duplex.from(["a", "b"])),
    await all(Duplex.from(Promise.resolve("p"))),
    await all(Duplex.from(Readable.from(["r"]))),
  );
  const double = Duplex.from(async function* (source) {
    for await (const chunk of source) yield `${chunk}${chunk}`;
  });
  double.end("x");
  log.push(await all(double));
  const through = new PassThrough({ objectMode: true });
  const pair = Duplex.from({ readable: through, writable: through });
  pair.end("y");
  log.push(await all(pair));
  const seen = [];
  const sink = Duplex.from(async (source) => {
    for await (const chunk of source) seen.push(String(chunk));
  });
  sink.end("z");
  await promises.finished(sink, { readable: false });
  log.push(seen);
});

both("array methods", async ({ Readable }, log) => {
  const from = () => Readable.from([1, 2, 3, 4]);
  log.push(
    await from()
      .map(async (n) => n * 2)
      .toArray(),
    await from()
      .filter((n) => n % 2)
      .toArray(),
  );
  log.push(
    await from().drop(1).take(2).toArray(),
    await from()
      .flatMap((n) => [n, n])
      .toArray(),
  );
  log.push(
    await from().some((n) => n > 3),
    await from().every((n) => n > 3),
    await from().find((n) => n > 2),
  );
  log.push(await from().reduce((a, b) => a + b), await from().reduce((a, b) => a + b, 10));
  await from().forEach((n) => log.push(n));
  await Readable.from([])
    .reduce((a, b) => a + b)
    .catch((error) => log.push(error.name));
});

test("consumers", async () => {
  for (const [stream, consumers] of [
    [nodeStream, consumersOfNode],
    [ourStream, ourConsumers],
  ]) {
    const make = () => stream.Readable.from([Buffer.from('{"é"'), Buffer.from(":1}")]);
    assert.equal(await consumers.text(make()), '{"é":1}');
    assert.deepEqual(await consumers.json(make()), { é: 1 });
    assert.equal((await consumers.buffer(make())).toString(), '{"é":1}');
    assert.equal((await consumers.arrayBuffer(make())).byteLength, 8);
    assert.equal(await (await consumers.blob(make())).text(), '{"é":1}');
  }
});
