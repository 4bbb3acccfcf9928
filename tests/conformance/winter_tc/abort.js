// AbortController and AbortSignal.
import { assert, assertEquals, assertThrows, test } from "./harness.js";

test("abort: reason, event, once", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  assert(controller.signal === signal);
  const seen = [];
  signal.onabort = (event) => seen.push(event.type, event.target === signal, event.isTrusted);
  signal.throwIfAborted();
  controller.abort("why");
  controller.abort("again");
  assertEquals([signal.aborted, signal.reason, seen], [true, "why", ["abort", true, true]]);
  await assertThrows(() => {
    try {
      signal.throwIfAborted();
    } catch (reason) {
      throw new RangeError(reason);
    }
  }, RangeError);
});

test("without a reason it is an AbortError", () => {
  const { reason, aborted } = AbortSignal.abort();
  assert(aborted && reason instanceof DOMException);
  assertEquals([reason.name, reason.code], ["AbortError", 20]);
  assertEquals(AbortSignal.abort(null).reason, null);
});

test("timeout", async () => {
  const signal = AbortSignal.timeout(1);
  assertEquals(signal.aborted, false);
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
  assertEquals([signal.reason.name, signal.reason.code], ["TimeoutError", 23]);
  await assertThrows(() => AbortSignal.timeout(-1), TypeError);
  await assertThrows(() => AbortSignal.timeout(Infinity), TypeError);
});

test("any follows each of its sources", async () => {
  const [a, b] = [new AbortController(), new AbortController()];
  const signal = AbortSignal.any([a.signal, b.signal]);
  const nested = AbortSignal.any([signal]);
  const order = [];
  b.signal.addEventListener("abort", () => order.push("source", signal.aborted, nested.aborted));
  nested.addEventListener("abort", () => order.push("nested"));
  signal.addEventListener("abort", () => order.push("any"));
  b.abort("b");
  a.abort("a");
  assertEquals([signal.reason, nested.reason], ["b", "b"]);
  assertEquals(order.slice(0, 3), ["source", true, true]);
  assertEquals(AbortSignal.any([]).aborted, false);
  assertEquals(AbortSignal.any([AbortSignal.abort(1), AbortSignal.abort(2)]).reason, 1);
  await assertThrows(() => AbortSignal.any([{}]), TypeError);
  await assertThrows(() => AbortSignal.any(a.signal), TypeError);
});

test("a listener goes away with its signal", () => {
  const controller = new AbortController();
  const target = new EventTarget();
  let calls = 0;
  target.addEventListener("x", () => (calls += 1), { signal: controller.signal });
  target.dispatchEvent(new Event("x"));
  controller.abort();
  target.dispatchEvent(new Event("x"));
  target.addEventListener("x", () => (calls += 1), { signal: AbortSignal.abort() });
  target.dispatchEvent(new Event("x"));
  assertEquals(calls, 1);
});

test("a listener that throws does not keep the others from hearing", () => {
  const controller = new AbortController();
  const ignore = (event) => event.preventDefault();
  addEventListener("error", ignore);
  let heard = false;
  controller.signal.addEventListener("abort", () => {
    throw new Error("one");
  });
  controller.signal.addEventListener("abort", () => (heard = true));
  controller.abort();
  removeEventListener("error", ignore);
  assert(heard);
});
