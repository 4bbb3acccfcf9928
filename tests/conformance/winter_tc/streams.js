// ReadableStream, WritableStream, TransformStream and what belongs to them.
import { assert, assertEquals, assertThrows, test } from "./harness.js";

const from = (...chunks) => ReadableStream.from(chunks);
const collect = (stream) => Array.fromAsync(stream);
const settled = async (promise) => {
  const nothing = {};
  const first = await Promise.race([
    promise.then(
      () => true,
      () => true,
    ),
    Promise.resolve(nothing),
  ]);
  return first !== nothing;
};

test("a source is started, pulled as there is room, and closed", async () => {
  const calls = [];
  let next = 0;
  const stream = new ReadableStream(
    {
      start: (controller) => void calls.push("start", controller.desiredSize),
      pull(controller) {
        calls.push("pull");
        controller.enqueue(next++);
        if (next === 3) controller.close();
      },
    },
    { highWaterMark: 2 },
  );
  await 0;
  await 0;
  await 0;
  assertEquals(calls, ["start", 2, "pull", "pull"]);
  assertEquals(await collect(stream), [0, 1, 2]);
});

test("strategies", async () => {
  const count = new CountQueuingStrategy({ highWaterMark: 4 });
  const length = new ByteLengthQueuingStrategy({ highWaterMark: 9 });
  assertEquals([count.highWaterMark, count.size(), count.size.length], [4, 1, 0]);
  assertEquals(
    [length.highWaterMark, length.size(new Uint8Array(3)), length.size.length],
    [9, 3, 1],
  );
  assert(count.size === new CountQueuingStrategy({ highWaterMark: 1 }).size);
  await assertThrows(() => new CountQueuingStrategy({}), TypeError);
  await assertThrows(() => new ReadableStream({}, { highWaterMark: -1 }), RangeError);
  await assertThrows(() => new ReadableStream({}, { highWaterMark: NaN }), RangeError);
  let controller;
  new ReadableStream({ start: (c) => void (controller = c) }, length);
  controller.enqueue(new Uint8Array(5));
  assertEquals(controller.desiredSize, 4);
});

test("an error reaches whoever reads, and the source is asked no more", async () => {
  const boom = new Error("boom");
  const stream = new ReadableStream({
    pull() {
      throw boom;
    },
  });
  const reader = stream.getReader();
  assertEquals(await reader.read().catch((error) => error === boom), true);
  assertEquals(await reader.closed.catch((error) => error === boom), true);
});

test("cancel hands the reason to the source, once", async () => {
  const seen = [];
  const stream = new ReadableStream({ cancel: (reason) => void seen.push(reason) });
  assertEquals(await stream.cancel("why"), undefined);
  await stream.cancel("again");
  assertEquals(seen, ["why"]);
  assertEquals(await collect(stream), []);
});

test("one reader at a time; a released one does nothing", async () => {
  const stream = from(1, 2);
  const reader = stream.getReader();
  assertEquals(stream.locked, true);
  await assertThrows(() => stream.getReader(), TypeError);
  await assertThrows(() => stream.cancel(), TypeError);
  await assertThrows(() => stream.tee(), TypeError);
  assertEquals(await reader.read(), { value: 1, done: false });
  reader.releaseLock();
  await assertThrows(() => reader.read(), TypeError);
  await assertThrows(() => reader.closed, TypeError);
  assertEquals(await collect(stream), [2]);
});

test("reads that wait fail when the lock is released", async () => {
  const reader = new ReadableStream().getReader();
  const pending = reader.read();
  reader.releaseLock();
  await assertThrows(() => pending, TypeError);
});

test("for await: break cancels, preventCancel does not", async () => {
  const seen = [];
  const make = () =>
    new ReadableStream({
      pull: (controller) => controller.enqueue(1),
      cancel: (reason) => void seen.push(reason),
    });
  for await (const _ of make()) break;
  const kept = make();
  for await (const _ of kept.values({ preventCancel: true })) break;
  assertEquals([seen, kept.locked], [[undefined], false]);
});

test("from: iterables, async iterables, and what is none", async () => {
  async function* generate() {
    yield* [1, 2];
  }
  assertEquals(await collect(ReadableStream.from(generate())), [1, 2]);
  assertEquals(await collect(ReadableStream.from([Promise.resolve(3)])), [3]);
  for (const bad of [undefined, null, 7, {}, "text"])
    await assertThrows(() => ReadableStream.from(bad), TypeError);
});

test("tee gives both branches everything", async () => {
  const [a, b] = from(1, 2).tee();
  assertEquals(
    [await collect(a), await collect(b)],
    [
      [1, 2],
      [1, 2],
    ],
  );
});

test("tee cancels the source when both branches are", async () => {
  let reasons;
  const [a, b] = new ReadableStream({ cancel: (reason) => void (reasons = reason) }).tee();
  const first = a.cancel("a");
  assertEquals([await settled(first), reasons], [false, undefined]);
  await Promise.all([first, b.cancel("b")]);
  assertEquals(reasons, ["a", "b"]);
});

test("a byte stream reads into the caller's buffer", async () => {
  const stream = new ReadableStream({
    type: "bytes",
    pull(controller) {
      const { view } = controller.byobRequest;
      view[0] = 7;
      view[1] = 8;
      controller.byobRequest.respond(2);
    },
  });
  const reader = stream.getReader({ mode: "byob" });
  const given = new Uint8Array(4);
  const { value, done } = await reader.read(given);
  assertEquals(
    [[...value], done, given.byteLength, value.buffer.byteLength],
    [[7, 8], false, 0, 4],
  );
});

test("read with min waits for as many elements", async () => {
  let piece = 0;
  const stream = new ReadableStream({
    type: "bytes",
    pull(controller) {
      controller.enqueue(new Uint8Array([++piece]));
    },
  });
  const reader = stream.getReader({ mode: "byob" });
  const { value } = await reader.read(new Uint8Array(8), { min: 3 });
  assertEquals([...value], [1, 2, 3]);
  await assertThrows(() => reader.read(new Uint8Array(1), { min: 2 }), RangeError);
});

test("a byte stream takes typed arrays apart", async () => {
  const stream = new ReadableStream({
    type: "bytes",
    start(controller) {
      controller.enqueue(new Uint8Array([1, 2, 3, 4, 5]));
      controller.close();
    },
  });
  const reader = stream.getReader({ mode: "byob" });
  assertEquals((await reader.read(new Uint16Array(2))).value, new Uint16Array([0x0201, 0x0403]));
  const rest = await reader.read(new Uint8Array(2));
  assertEquals([[...rest.value], rest.done], [[5], false]);
  assertEquals((await reader.read(new Uint8Array(2))).done, true);
});

test("autoAllocateChunkSize gives default readers a byobRequest too", async () => {
  const stream = new ReadableStream({
    type: "bytes",
    autoAllocateChunkSize: 16,
    pull: (controller) => {
      assertEquals(controller.byobRequest.view.byteLength, 16);
      controller.byobRequest.respondWithNewView(controller.byobRequest.view.fill(1).subarray(0, 3));
    },
  });
  assertEquals((await stream.getReader().read()).value, new Uint8Array([1, 1, 1]));
});

test("byte streams: what is refused", async () => {
  let controller;
  const stream = new ReadableStream({ type: "bytes", start: (c) => void (controller = c) });
  await assertThrows(() => controller.enqueue("text"), TypeError);
  await assertThrows(() => controller.enqueue(new Uint8Array(0)), TypeError);
  await assertThrows(() => stream.getReader({ mode: "byob" }).read(new Uint8Array(0)), TypeError);
  await assertThrows(() => new ReadableStream().getReader({ mode: "byob" }), TypeError);
  await assertThrows(() => new ReadableStream({ type: "other" }), TypeError);
  const detached = new Uint8Array(1);
  structuredClone(detached, { transfer: [detached.buffer] });
  await assertThrows(() => controller.enqueue(detached), TypeError);
});

test("a sink gets one chunk at a time, and ready tells when there is room", async () => {
  const log = [];
  let release;
  const stream = new WritableStream({
    write(chunk) {
      log.push(chunk);
      return new Promise((resolve) => (release = resolve));
    },
    close: () => void log.push("close"),
  });
  const writer = stream.getWriter();
  await writer.ready;
  const first = writer.write(1);
  writer.write(2);
  assertEquals([writer.desiredSize, log, await settled(writer.ready)], [-1, [1], false]);
  release();
  await first;
  await 0;
  release();
  await writer.ready;
  await writer.close();
  assertEquals(log, [1, 2, "close"]);
  assertEquals(await writer.closed, undefined);
});

test("abort reaches the sink and the signal", async () => {
  let controller;
  const seen = [];
  const stream = new WritableStream({
    start: (c) => void (controller = c),
    abort: (reason) => void seen.push(reason),
  });
  await 0;
  await stream.abort("why");
  assertEquals([seen, controller.signal.aborted, controller.signal.reason], [["why"], true, "why"]);
  await assertThrows(
    () =>
      stream
        .getWriter()
        .write(1)
        .catch((reason) => {
          throw new RangeError(reason);
        }),
    RangeError,
  );
});

test("an error in the sink errors the stream", async () => {
  const stream = new WritableStream({
    write() {
      throw new RangeError("full");
    },
  });
  const writer = stream.getWriter();
  writer.closed.catch(() => {});
  await assertThrows(() => writer.write(1), RangeError);
  await assertThrows(() => writer.write(2), RangeError);
  await assertThrows(() => writer.closed, RangeError);
  assertEquals(writer.desiredSize, null);
});

test("a writer: lock, release, close twice", async () => {
  const stream = new WritableStream();
  const writer = stream.getWriter();
  assertEquals(stream.locked, true);
  await assertThrows(() => stream.getWriter(), TypeError);
  await assertThrows(() => stream.close(), TypeError);
  writer.releaseLock();
  await assertThrows(() => writer.write(1), TypeError);
  await assertThrows(() => writer.desiredSize, TypeError);
  await stream.close();
  await assertThrows(() => stream.close(), TypeError);
  await assertThrows(() => new WritableStream({ type: "bytes" }), RangeError);
});

test("pipeTo moves everything and closes", async () => {
  const log = [];
  const sink = { write: (chunk) => void log.push(chunk), close: () => void log.push("close") };
  await from(1, 2).pipeTo(new WritableStream(sink));
  assertEquals(log, [1, 2, "close"]);
});

test("pipeTo: preventClose, preventAbort, preventCancel", async () => {
  const writable = new WritableStream();
  await from(1).pipeTo(writable, { preventClose: true });
  await writable.getWriter().close();

  const kept = new WritableStream();
  const failing = new ReadableStream({ start: (c) => c.error(new RangeError("source")) });
  await assertThrows(() => failing.pipeTo(kept, { preventAbort: true }), RangeError);
  await kept.getWriter().write(1);

  const readable = from(1, 2);
  const broken = new WritableStream({ start: (c) => c.error(new EvalError("sink")) });
  await assertThrows(() => readable.pipeTo(broken, { preventCancel: true }), EvalError);
  assertEquals(await collect(readable), [1, 2]);
});

test("pipeTo: a signal ends it, and both sides hear why", async () => {
  const seen = [];
  const controller = new AbortController();
  const readable = new ReadableStream({ cancel: (reason) => void seen.push(reason) });
  const writable = new WritableStream({ abort: (reason) => void seen.push(reason) });
  const piping = readable.pipeTo(writable, { signal: controller.signal });
  const reason = new RangeError("enough");
  controller.abort(reason);
  await assertThrows(() => piping, RangeError);
  assert(seen.length === 2 && seen.every((one) => one === reason));
  await assertThrows(() => from().pipeTo(new WritableStream(), { signal: 7 }), TypeError);
});

test("pipeThrough chains, and takes any pair", async () => {
  const double = new TransformStream({ transform: (chunk, c) => c.enqueue(chunk * 2) });
  const { readable, writable } = new TransformStream();
  assertEquals(
    await collect(from(1, 2).pipeThrough(double).pipeThrough({ readable, writable })),
    [2, 4],
  );
  await assertThrows(() => from().pipeThrough({ readable }), TypeError);
});

test("a transformer: start, transform, flush", async () => {
  const stream = new TransformStream({
    start: (c) => c.enqueue("start"),
    transform: (chunk, c) => {
      c.enqueue(chunk);
      c.enqueue(chunk);
    },
    flush: (c) => c.enqueue("end"),
  });
  assertEquals(await collect(from("x").pipeThrough(stream)), ["start", "x", "x", "end"]);
});

test("terminate closes the one side and errors the other", async () => {
  const stream = new TransformStream({ transform: (_, c) => c.terminate() });
  const writer = stream.writable.getWriter();
  writer.closed.catch(() => {});
  const written = writer.write(1).catch(() => {});
  assertEquals(await collect(stream.readable), []);
  await written;
  await assertThrows(() => writer.write(2), TypeError);
});

test("a transformer's cancel hears of both ends", async () => {
  const seen = [];
  const make = () => new TransformStream({ cancel: (reason) => void seen.push(reason) });
  await make().readable.cancel("read");
  await make().writable.abort("written");
  assertEquals(seen, ["read", "written"]);
});

test("back-pressure goes through a transform", async () => {
  let pulled = 0;
  const source = new ReadableStream({ pull: (c) => c.enqueue(++pulled) }, { highWaterMark: 0 });
  const reader = source.pipeThrough(new TransformStream()).getReader();
  await reader.read();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert(pulled <= 4, `${pulled} chunks were pulled for one`);
});
