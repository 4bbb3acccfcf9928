// The same script is played on Node's EventEmitter and on ours; what it records must agree.

import assert from "node:assert/strict";
import nodeEvents from "node:events";
import test from "node:test";
import { inherits } from "node:util";
import { host, ours, outcome } from "./ours.js";
import { bothPlay } from "./script.js";

const ourEvents = await ours("events");
const { written, preload } = await host();
await preload(); // an error without a listener is shown by `util`

const both = bothPlay(nodeEvents, { ...ourEvents.default, ...ourEvents });
const tick = () => new Promise((resolve) => setTimeout(resolve, 1));

both(
  "listeners are called in order, once, first, and from the list as it was",
  ({ EventEmitter }, log) => {
    const emitter = new EventEmitter();
    const late = () => log.push("late");
    emitter.on("newListener", (type, fn) => log.push("new", String(type), typeof fn));
    emitter.on("removeListener", (type) => log.push("removed", String(type)));
    emitter.on(
      "a",
      (...args) => log.push("first", args) && emitter.on("a", late) && emitter.off("a", second),
    );
    const second = () => log.push("second");
    emitter.on("a", second).once("a", function (x) {
      log.push("once", x, this === emitter);
    });
    emitter
      .prependListener("a", () => log.push("zero"))
      .prependOnceListener("a", () => log.push("before"));
    const symbol = Symbol("s");
    emitter.on(symbol, () => {});
    log.push(emitter.emit("a", 1, 2, 3, 4), emitter.emit("a"), emitter.emit("nothing"));
    log.push(
      emitter.eventNames().map(String),
      emitter.listenerCount("a"),
      emitter.listenerCount("a", late),
    );
    const wrapped = () => {};
    emitter.once("b", wrapped);
    log.push(emitter.listeners("b")[0] === wrapped, emitter.rawListeners("b")[0] === wrapped);
    log.push(emitter.rawListeners("b")[0].listener === wrapped);
    emitter.off("b", wrapped);
    emitter.removeAllListeners("a");
    emitter.removeAllListeners();
    log.push(emitter.eventNames().length, EventEmitter.listenerCount(emitter, "a"));
  },
);

const unshowable = {
  [Symbol.for("nodejs.util.inspect.custom")]() {
    throw new Error("no");
  },
};
const NO_ERRORS = ["text", "it's", undefined, null, 5, { odd: 1 }, [1, { b: {} }], unshowable];
NO_ERRORS.push(Object.create(null), Symbol("s"), new Map([[1, 2]]), () => {});

both(
  "errors without a listener are thrown, monitored errors stay errors",
  ({ EventEmitter, errorMonitor }, log) => {
    const emitter = new EventEmitter();
    for (const value of [new TypeError("mine"), ...NO_ERRORS]) {
      try {
        emitter.emit("error", value);
      } catch (error) {
        log.push(error.name, error.code, error === value, error.context, error.message);
      }
    }
    emitter.on(errorMonitor, (error) => log.push("monitor", error.message));
    assert.throws(() => emitter.emit("error", new Error("seen")), /seen/);
    emitter.on("error", (error) => log.push("handled", error.message));
    emitter.emit("error", new Error("again"));
    for (const bad of [null, 1, {}])
      assert.throws(() => emitter.on("x", bad), { code: "ERR_INVALID_ARG_TYPE" });
    for (const bad of [-1, NaN])
      assert.throws(() => emitter.setMaxListeners(bad), { code: "ERR_OUT_OF_RANGE" });
  },
);

both("old-style inheritance works", ({ EventEmitter }, log) => {
  function Old() {
    EventEmitter.call(this);
  }
  inherits(Old, EventEmitter);
  const [a, b] = [new Old(), new Old()];
  a.on("x", () => log.push("a"));
  log.push(a.emit("x"), b.emit("x"), a instanceof EventEmitter);
  const mixed = Object.assign({}, EventEmitter.prototype);
  mixed.on("y", () => log.push("mixed"));
  log.push(mixed.emit("y"));
});

both("rejections are captured", async ({ EventEmitter }, log) => {
  const emitter = new EventEmitter({ captureRejections: true });
  emitter.on("a", async () => Promise.reject(new Error("late")));
  emitter.on("error", (error) => log.push(error.message));
  emitter.emit("a");
  await tick();
  emitter[Symbol.for("nodejs.rejection")] = (error, type, arg) =>
    log.push("own", error.message, type, arg);
  emitter.emit("a", 7);
  await tick();
});

both("once and on give promises and iterators", async ({ EventEmitter, once, on }, log) => {
  const emitter = new EventEmitter();
  queueMicrotask(() => emitter.emit("a", 1, 2));
  log.push(await once(emitter, "a"));
  queueMicrotask(() => emitter.emit("error", new Error("instead")));
  await once(emitter, "a").catch((error) => log.push(error.message));
  queueMicrotask(() => emitter.emit("error", new Error("wanted")));
  log.push((await once(emitter, "error"))[0].message);
  const controller = new AbortController();
  queueMicrotask(() => controller.abort());
  await once(emitter, "a", { signal: controller.signal }).catch((e) => log.push(e.name, e.code));
  await once(emitter, "a", { signal: AbortSignal.abort() }).catch((e) => log.push(e.name, e.code));
  log.push(emitter.eventNames());

  const target = new EventTarget();
  queueMicrotask(() => target.dispatchEvent(new Event("ping")));
  log.push((await once(target, "ping"))[0].type);

  queueMicrotask(() => [1, 2, 3].forEach((n) => emitter.emit("n", n)));
  for await (const [n] of on(emitter, "n")) {
    log.push(n);
    if (n === 3) break;
  }
  log.push(emitter.eventNames());
  const iterator = on(emitter, "n", { close: ["end"] });
  emitter.emit("n", 4);
  emitter.emit("end");
  log.push(await iterator.next(), await iterator.next());
  const failing = on(emitter, "n");
  const pending = failing.next();
  emitter.emit("error", new Error("broken"));
  await pending.catch((error) => log.push(error.message));
  log.push(await failing.next());
});

both("an iterator of events pauses its source and lets it go on", async ({ on, ...m }, log) => {
  const marks = [{}, { highWaterMark: 1 }, { highWaterMark: 3, lowWaterMark: 2 }];
  marks.push({ highWaterMark: 1, lowWaterMark: 3 }, { highWatermark: 2, lowWatermark: 2 });
  for (const options of marks) {
    const emitter = Object.assign(new m.EventEmitter(), {
      pause: () => log.push("pause"),
      resume: () => log.push("resume"),
    });
    const iterator = on(emitter, "a", options);
    for (let i = 0; i < 6; i++) log.push(`emit ${i}`, emitter.emit("a", i));
    for (let i = 0; i < 6; i++) log.push(await iterator.next());
    const pending = iterator.next();
    for (const value of ["x", "y", "z"]) emitter.emit("a", value);
    log.push(await pending, await iterator.next(), await iterator.return());
  }
  const bad = [0, -1, 1.5, "1", NaN, Infinity].flatMap((value) => [
    { highWaterMark: value },
    { lowWaterMark: value },
  ]);
  for (const options of [...bad, null, 5, "a", [], () => {}, { signal: 5 }])
    log.push(outcome(() => typeof on(new m.EventEmitter(), "a", options)));
  log.push(outcome(() => typeof on(new m.EventEmitter(), "a", { close: null })));
  for (const options of [null, 5, []])
    await m.once(new m.EventEmitter(), "a", options).catch((e) => log.push(e.code));
});

both("an error thrown into an iterator ends it", async ({ EventEmitter, on }, log) => {
  const emitter = new EventEmitter();
  for (const value of [undefined, null, 5, "x", {}])
    log.push(outcome(() => on(emitter, "a").throw(value)));
  const waiting = on(emitter, "b");
  const pending = waiting.next().catch((error) => `rejected ${error.message}`);
  log.push(waiting.throw(new Error("in")), await pending, await waiting.next());
  const holding = on(emitter, "b");
  emitter.emit("b", 1);
  log.push(holding.throw(new Error("later")), await holding.next());
  await holding.next().catch((error) => log.push(error.message));
  log.push(await holding.next(), emitter.listenerCount("b"));
  const iterator = on(emitter, "c");
  log.push(Object.keys(iterator), iterator[Symbol.asyncIterator]() === iterator);
  log.push(Object.hasOwn(Object.getPrototypeOf(iterator), Symbol.asyncIterator));
});

both("what the module says of itself", ({ EventEmitter, ...m }, log) => {
  log.push(m.defaultMaxListeners, m.captureRejections, m.usingDomains, EventEmitter.usingDomains);
  log.push(m.init === EventEmitter.init, m.listenerCount({}, "a"));
});

both(
  "limits can be set for one and for all",
  ({ EventEmitter, setMaxListeners, getMaxListeners, getEventListeners }, log) => {
    const emitter = new EventEmitter();
    log.push(emitter.getMaxListeners(), EventEmitter.defaultMaxListeners);
    setMaxListeners(3, emitter, new EventTarget());
    log.push(getMaxListeners(emitter));
    const fn = () => {};
    emitter.on("x", fn);
    log.push(getEventListeners(emitter, "x")[0] === fn);
  },
);

both(
  "an abort listener is called once and can be disposed of",
  async ({ addAbortListener }, log) => {
    const controller = new AbortController();
    addAbortListener(controller.signal, () => log.push("aborted"));
    const disposable = addAbortListener(controller.signal, () => log.push("never"));
    const dispose = Object.getOwnPropertySymbols(disposable)[0];
    disposable[dispose]();
    controller.abort();
    addAbortListener(controller.signal, () => log.push("at once"));
    await tick();
  },
);

test("a probable leak is reported once", async () => {
  const emitter = new ourEvents.EventEmitter();
  for (let i = 0; i < 13; i++) emitter.on("x", () => {});
  await tick();
  const warnings = written.filter(([, text]) => text.includes("MaxListenersExceededWarning"));
  assert.equal(warnings.length, 1);
  assert.match(warnings[0][1], /11 x listeners added to \[EventEmitter\]/);
});
