// The WebSocket client, against the route in peer.js.
import { assert, assertEquals, assertThrows, test } from "./harness.js";

const to = (origin) => `${origin.replace("http", "ws")}/peer/websocket`;
const once = (target, type) =>
  new Promise((resolve) => target.addEventListener(type, resolve, { once: true }));

test("URLs and subprotocols it takes, and does not", async ({ origin }) => {
  for (const bad of ["ftp://a/", "http://", "not a url"])
    await assertThrows(() => new WebSocket(bad), "SyntaxError");
  for (const bad of [["a", "a"], "a b", ["é"], [""]])
    await assertThrows(() => new WebSocket(to(origin), bad), "SyntaxError");
  await assertThrows(() => new WebSocket(`${to(origin)}#fragment`), "SyntaxError");
});

test("it opens, sends and receives text and bytes, and closes", async ({ origin }) => {
  const socket = new WebSocket(to(origin), ["first", "second"]);
  assertEquals([socket.readyState, socket.binaryType, socket.bufferedAmount], [0, "blob", 0]);
  await assertThrows(() => socket.send("early"), "InvalidStateError");
  await once(socket, "open");
  assertEquals([socket.readyState, socket.protocol, socket.url], [1, "first", to(origin)]);

  socket.send("é");
  const text = await once(socket, "message");
  assertEquals(text.data, "é");
  assert(text instanceof MessageEvent);

  socket.send(new Uint8Array([1, 2]));
  const blob = (await once(socket, "message")).data;
  assert(blob instanceof Blob);
  assertEquals(await blob.bytes(), new Uint8Array([1, 2]));

  socket.binaryType = "arraybuffer";
  socket.send(new Blob(["b"]));
  assertEquals((await once(socket, "message")).data, new Uint8Array([98]).buffer);
  socket.binaryType = "other";
  assertEquals(socket.binaryType, "arraybuffer");

  socket.close(1000, "done");
  assertEquals(socket.readyState, 2);
  const close = await once(socket, "close");
  assertEquals(
    [close.constructor, close.code, close.wasClean, socket.readyState],
    [CloseEvent, 1000, true, 3],
  );
  socket.send("late");
  socket.close();
});

test("messages have the origin of the server", async ({ origin }) => {
  const socket = new WebSocket(to(origin));
  await once(socket, "open");
  socket.send("x");
  const message = await once(socket, "message");
  socket.close();
  await once(socket, "close");
  assertEquals(message.origin, new URL(to(origin)).origin);
});

test("the other side closes", async ({ origin }) => {
  const socket = new WebSocket(new URL(to(origin)));
  const order = [];
  socket.onopen = () => {
    order.push("open");
    socket.send("close");
  };
  socket.onerror = () => order.push("error");
  const { code, reason, wasClean } = await once(socket, "close");
  assertEquals([order, code, reason, wasClean], [["open"], 3001, "as told", true]);
});

test("codes and reasons of close", async ({ origin }) => {
  const socket = new WebSocket(to(origin));
  await once(socket, "open");
  for (const code of [999, 1001, 2999, 5000])
    await assertThrows(() => socket.close(code), "InvalidAccessError");
  await assertThrows(() => socket.close(1000, "x".repeat(124)), "SyntaxError");
  socket.close(4000);
  assertEquals((await once(socket, "close")).code, 4000);
});

test("a connection that fails: error, then close with 1006", async ({ origin }) => {
  for (const url of ["ws://127.0.0.1:1/", `${origin.replace("http", "ws")}/peer/echo`]) {
    const socket = new WebSocket(url);
    const order = [];
    socket.onerror = (event) => order.push(event.type);
    const close = await once(socket, "close");
    assertEquals(
      [order, close.code, close.wasClean, socket.readyState],
      [["error"], 1006, false, 3],
    );
  }
});

test("closed before it opens", async ({ origin }) => {
  const socket = new WebSocket(to(origin));
  socket.close();
  assertEquals(socket.readyState, 2);
  const close = await once(socket, "close");
  assertEquals([close.code, close.wasClean], [1006, false]);
});

test("messages keep their order, large ones stay whole", async ({ origin }) => {
  const socket = new WebSocket(to(origin));
  await once(socket, "open");
  const sent = ["a", "x".repeat(300_000), "b", ""];
  const got = [];
  const all = new Promise((resolve) => {
    socket.onmessage = ({ data }) => {
      got.push(data);
      if (got.length === sent.length) resolve();
    };
  });
  for (const text of sent) socket.send(text);
  await all;
  assertEquals(
    got.map(({ length }) => length),
    sent.map(({ length }) => length),
  );
  socket.close();
  await once(socket, "close");
});
