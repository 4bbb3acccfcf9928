// console: the namespace. What its methods write is tested where the log is.
import { assert, assertEquals, test } from "./harness.js";

const METHODS = [
  ...[
    "assert",
    "clear",
    "debug",
    "error",
    "info",
    "log",
    "table",
    "trace",
    "warn",
    "dir",
    "dirxml",
  ],
  ...["count", "countReset", "group", "groupCollapsed", "groupEnd", "time", "timeLog", "timeEnd"],
];

for (const name of METHODS) {
  test(`console.${name}`, () => {
    const { value, writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(
      console,
      name,
    );
    assertEquals([typeof value, value.name, value.length], ["function", name, 0]);
    assertEquals([writable, enumerable, configurable], [true, true, true]);
    assert(!("prototype" in value), "it can be constructed");
  });
}

test("it is a namespace", () => {
  assertEquals(Object.prototype.toString.call(console), "[object console]");
  assertEquals(typeof Console, "undefined");
  const prototype = Object.getPrototypeOf(console);
  assertEquals(Reflect.ownKeys(prototype), []);
  assert(Object.getPrototypeOf(prototype) === Object.prototype);
  assertEquals(Object.getOwnPropertyDescriptor(globalThis, "console").enumerable, false);
});

test("its methods need no this", () => {
  const { debug, count, time, timeEnd, group, groupEnd } = console;
  debug("detached");
  count();
  time();
  timeEnd();
  group();
  groupEnd();
});

test("labels are made text of", () => {
  let asked = 0;
  const label = { toString: () => `label ${++asked}` };
  console.count(label);
  console.countReset(label);
  console.time(label);
  console.timeLog(label);
  console.timeEnd(label);
  assertEquals(asked, 5);
});

test("getters of what is logged are not called, and odd values do no harm", () => {
  let called = false;
  const object = {
    get read() {
      return (called = true);
    },
  };
  console.debug(object);
  assertEquals(called, false);
  console.debug(
    new Proxy({}, { get: () => assert(false) }),
    Object.create(null),
    Symbol("s"),
    -0,
    1n,
  );
  console.debug("%s %d %i %f %o %O %c %%", "a", "1.5", 1.5, "2.5", {}, [], "color: red");
  console.debug("%d %i", Symbol("s"), Symbol("s"));
  console.table([{ a: 1 }, { b: 2 }], ["a"]);
  console.table(7);
});
