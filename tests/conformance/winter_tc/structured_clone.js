// structuredClone and the messages that use it.
import { assert, assertEquals, assertThrows, differs, test } from "./harness.js";

test("values of every kind", () => {
  const error = new RangeError("m", { cause: 7 });
  const value = {
    primitives: [undefined, null, true, -0, NaN, 10n, "é"],
    boxed: [new Number(1), new String("s"), new Boolean(false), Object(5n)],
    date: new Date(7),
    pattern: /a(b)/giu,
    map: new Map([[{ k: 1 }, new Set([1])]]),
    sparse: [1, , 3],
    view: new Float32Array([1.5]),
    data: new DataView(new ArrayBuffer(2), 1),
    error,
  };
  value.self = value;
  const copy = structuredClone(value);
  assert(copy !== value && copy.self === copy);
  assertEquals(copy.primitives, value.primitives);
  assertEquals(
    copy.boxed.map((one) => one.valueOf()),
    [1, "s", false, 5n],
  );
  assertEquals(
    [copy.date.getTime(), String(copy.pattern), copy.pattern.lastIndex],
    [7, "/a(b)/giu", 0],
  );
  assertEquals([[...copy.map.keys()][0], [...copy.map.values()][0].has(1)], [{ k: 1 }, true]);
  assertEquals([copy.sparse.length, 1 in copy.sparse], [3, false]);
  assertEquals([copy.view, copy.data.byteLength], [value.view, 1]);
  assert(copy.error instanceof RangeError);
  assertEquals([copy.error.message, copy.error.name], ["m", "RangeError"]);
});

test("one object stays one object", () => {
  const shared = new Uint8Array(1);
  const copy = structuredClone([shared, shared, shared.buffer]);
  assert(copy[0] === copy[1] && copy[0].buffer === copy[2]);
});

test("what is lost: prototypes, accessors, symbols", () => {
  class Point {
    x = 1;
  }
  const source = Object.defineProperty(new Point(), "hidden", { value: 1 });
  Object.defineProperty(source, "read", { get: () => 5, enumerable: true });
  source[Symbol("s")] = 1;
  const copy = structuredClone(source);
  assertEquals([Object.getPrototypeOf(copy) === Object.prototype, copy.x, copy.read], [true, 1, 5]);
  assertEquals(Object.getOwnPropertyDescriptor(copy, "read").writable, true);
  assertEquals(Object.getOwnPropertyNames(copy).length, 2);
});

test("platform objects", async () => {
  const exception = structuredClone(new DOMException("m", "AbortError"));
  assert(exception instanceof DOMException);
  assertEquals([exception.message, exception.name, exception.code], ["m", "AbortError", 20]);
  const file = structuredClone(new File(["text"], "n", { type: "a/b", lastModified: 3 }));
  assert(file instanceof File);
  assertEquals(
    [await file.text(), file.name, file.type, file.lastModified],
    ["text", "n", "a/b", 3],
  );
  assertEquals(await structuredClone(new Blob(["b"])).text(), "b");
  const key = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, ["sign"]);
  const copy = structuredClone(key);
  assert(copy instanceof CryptoKey);
  assertEquals([copy.type, copy.algorithm.name, [...copy.usages]], ["secret", "HMAC", ["sign"]]);
});

test("what cannot be cloned", async () => {
  for (const bad of [
    () => {},
    Symbol("s"),
    new WeakMap(),
    new Promise(() => {}),
    new Headers(),
    { f() {} },
  ])
    await assertThrows(() => structuredClone(bad), "DataCloneError");
  for (const bad of [new Request("http://a/"), new Response(), new URL("http://a/")])
    await assertThrows(() => structuredClone(bad), "DataCloneError");
  await assertThrows(() => structuredClone(), TypeError);
});

test("transfer of buffers", async () => {
  const buffer = new ArrayBuffer(4);
  const copy = structuredClone({ buffer }, { transfer: [buffer] });
  assertEquals([buffer.detached, copy.buffer.byteLength], [true, 4]);
  await assertThrows(() => structuredClone(1, { transfer: [buffer] }), "DataCloneError");
  await assertThrows(() => structuredClone(1, { transfer: [{}] }), "DataCloneError");
});

differs(
  "structuredClone takes platform objects that cannot be cloned, as plain objects",
  "an Event",
  async () => {
    for (const bad of [
      new Event("x"),
      new AbortController().signal,
      new TextDecoder(),
      performance,
    ])
      await assertThrows(() => structuredClone(bad), "DataCloneError");
  },
);

differs(
  "structuredClone takes one thing to transfer twice",
  "transfer of the same twice",
  async () => {
    const fresh = new ArrayBuffer(1);
    await assertThrows(() => structuredClone(1, { transfer: [fresh, fresh] }), "DataCloneError");
  },
);

test("transfer of ports and streams", async () => {
  const { port1, port2 } = new MessageChannel();
  const moved = structuredClone(port2, { transfer: [port2] });
  const heard = new Promise((resolve) => (moved.onmessage = ({ data }) => resolve(data)));
  port1.postMessage("hi");
  assertEquals(await heard, "hi");
  port1.close();
  const stream = ReadableStream.from(["x"]);
  const readable = structuredClone(stream, { transfer: [stream] });
  assertEquals([stream.locked, await Array.fromAsync(readable)], [true, ["x"]]);
});

test("MessageChannel", async () => {
  const { port1, port2 } = new MessageChannel();
  const received = [];
  const done = new Promise((resolve) => {
    port2.onmessage = (event) => {
      received.push(event.data, event instanceof MessageEvent, event.isTrusted);
      if (event.data === "last") resolve();
    };
  });
  port1.postMessage({ a: [1] });
  port1.postMessage("last");
  assertEquals(received, []);
  await done;
  assertEquals(received, [{ a: [1] }, true, true, "last", true, true]);
  await assertThrows(() => port1.postMessage(() => {}), "DataCloneError");
  const buffer = new ArrayBuffer(1);
  port1.postMessage(buffer, [buffer]);
  assert(buffer.detached);
  port1.close();
  port2.close();
});

test("a port carries another port", async () => {
  const outer = new MessageChannel();
  const inner = new MessageChannel();
  const arrived = new Promise((resolve) => (outer.port2.onmessage = resolve));
  outer.port1.postMessage(null, [inner.port2]);
  const { ports } = await arrived;
  assert(ports.length === 1 && ports[0] instanceof MessagePort);
  const heard = new Promise((resolve) => (ports[0].onmessage = ({ data }) => resolve(data)));
  inner.port1.postMessage("through");
  assertEquals(await heard, "through");
  for (const port of [outer.port1, outer.port2, inner.port1, ports[0]]) port.close();
});

test("addEventListener needs start()", async () => {
  const { port1, port2 } = new MessageChannel();
  const heard = [];
  port2.addEventListener("message", ({ data }) => heard.push(data));
  port1.postMessage(1);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals(heard, []);
  port2.start();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(heard, [1]);
  port1.close();
  port2.close();
});

test("BroadcastChannel", async () => {
  const [a, b, other] = [
    new BroadcastChannel("n"),
    new BroadcastChannel("n"),
    new BroadcastChannel("m"),
  ];
  const heard = [];
  const arrived = new Promise((resolve) => {
    b.onmessage = (event) => {
      heard.push(event.data);
      resolve();
    };
  });
  other.onmessage = a.onmessage = () => heard.push("wrong");
  a.postMessage({ x: 1 });
  await arrived;
  for (const channel of [a, b, other]) channel.close();
  assertEquals(heard, [{ x: 1 }]);
  await assertThrows(() => a.postMessage(1), "InvalidStateError");
});
