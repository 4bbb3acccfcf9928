// Timers and microtasks.
import { assert, assertEquals, assertThrows, differs, test } from "./harness.js";

test("setTimeout: a positive integer, arguments, this", async () => {
  const handle = setTimeout(() => {});
  assert(Number.isInteger(Number(handle)) && handle > 0, "the handle is no positive integer");
  clearTimeout(handle);
  const seen = await new Promise((resolve) => {
    setTimeout(
      function (...args) {
        resolve([this === globalThis || this === undefined, args]);
      },
      0,
      1,
      2,
    );
  });
  assertEquals(seen, [true, [1, 2]]);
});

test("handles are numbers", () => {
  const handle = setTimeout(() => {}, 0);
  clearTimeout(handle);
  assertEquals(typeof handle, "number");
});

test("equal delays fire in order, shorter ones first", async () => {
  const log = [];
  await new Promise((resolve) => {
    setTimeout(() => log.push("later"), 20);
    setTimeout(() => log.push(1), 1);
    setTimeout(() => log.push(2), 1);
    setTimeout(resolve, 30);
  });
  assertEquals(log, [1, 2, "later"]);
});

test("clearTimeout and clearInterval clear both, and take anything", async () => {
  let fired = false;
  clearInterval(setTimeout(() => (fired = true)));
  clearTimeout(setInterval(() => (fired = true)));
  for (const odd of [undefined, null, -1, NaN, "x", 10 ** 9]) clearTimeout(odd);
  await new Promise((resolve) => setTimeout(resolve, 10));
  assertEquals(fired, false);
});

test("setInterval repeats until it is cleared, from within too", async () => {
  let count = 0;
  await new Promise((resolve) => {
    const handle = setInterval(() => {
      count += 1;
      if (count === 3) {
        clearInterval(handle);
        setTimeout(resolve, 10);
      }
    }, 1);
  });
  assertEquals(count, 3);
});

test("delays: negative, fractions, huge, text", async () => {
  await new Promise((resolve) => setTimeout(resolve, -5));
  await new Promise((resolve) => setTimeout(resolve, "1"));
  await new Promise((resolve) => setTimeout(resolve, NaN));
  // Taken as a 32-bit integer, so this one is 1.
  await new Promise((resolve) => setTimeout(resolve, 2 ** 32 + 1));
});

test("queueMicrotask runs before any timer, in order", async () => {
  const log = [];
  const timer = new Promise((resolve) => setTimeout(() => resolve(log.push("timer"))));
  queueMicrotask(() => log.push(1));
  Promise.resolve().then(() => log.push(2));
  queueMicrotask(() => log.push(3));
  log.push(0);
  await timer;
  assertEquals(log, [0, 1, 2, 3, "timer"]);
  await assertThrows(() => queueMicrotask(), TypeError);
  await assertThrows(() => queueMicrotask({}), TypeError);
});

test("microtasks are done between two timers", async () => {
  const log = [];
  await new Promise((resolve) => {
    setTimeout(() => {
      log.push(1);
      queueMicrotask(() => log.push("micro"));
    });
    setTimeout(() => {
      log.push(2);
      resolve();
    });
  });
  assertEquals(log, [1, "micro", 2]);
});

differs(
  "setTimeout and setInterval need no argument",
  "setTimeout needs something to call",
  async () => {
    await assertThrows(() => setTimeout(), TypeError);
  },
);
