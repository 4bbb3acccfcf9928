// EventSource, against the routes in peer.js.
import { assert, assertEquals, assertThrows, differs, test } from "./harness.js";

test("events, comments, ids, retry, and the id after a reconnection", async ({ origin }) => {
  const source = new EventSource(`${origin}/peer/events`);
  assertEquals(
    [source.readyState, source.url, source.withCredentials],
    [0, `${origin}/peer/events`, false],
  );
  const log = [];
  const back = new Promise((resolve) => {
    source.onopen = () => log.push(["open", source.readyState]);
    source.onerror = () => log.push(["error", source.readyState]);
    source.addEventListener("named", (event) => log.push(["named", event.data, event.lastEventId]));
    source.onmessage = (event) => {
      assert(event instanceof MessageEvent);
      log.push(["message", event.data, event.lastEventId]);
      if (event.data.startsWith("back")) resolve();
    };
  });
  await back;
  source.close();
  assertEquals(source.readyState, 2);
  assertEquals(log, [
    ["open", 1],
    ["message", "one", ""],
    ["named", "two\nlines", "7"],
    ["message", "", "7"],
    ["error", 0],
    ["open", 1],
    ["message", "back after 7", "7"],
  ]);
});

test("what is no event stream ends it", async ({ origin }) => {
  for (const route of ["echo", "status?code=404", "status?code=204"]) {
    const source = new EventSource(`${origin}/peer/${route}`);
    const event = await new Promise((resolve) => (source.onerror = resolve));
    assertEquals([event.constructor, source.readyState], [Event, 2]);
  }
});

differs(
  "the origin of an EventSource's event is its whole address",
  "origin",
  async ({ origin }) => {
    const source = new EventSource(`${origin}/peer/events`);
    const event = await new Promise((resolve) => (source.onmessage = resolve));
    source.close();
    assertEquals(event.origin, origin);
  },
);

test("URLs it does not take", async () => {
  await assertThrows(() => new EventSource("http://"), "SyntaxError");
});

test("withCredentials", ({ origin }) => {
  const source = new EventSource(`${origin}/peer/events`, { withCredentials: true });
  source.close();
  assertEquals([source.withCredentials, source.readyState], [true, 2]);
});
