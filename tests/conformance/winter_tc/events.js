// Event, its kinds, and EventTarget.
import { assert, assertEquals, assertThrows, differs, test } from "./harness.js";

test("an event's attributes", () => {
  const event = new Event("x", { bubbles: true, cancelable: true, composed: true });
  assertEquals(
    [event.type, event.bubbles, event.cancelable, event.composed, event.defaultPrevented],
    ["x", true, true, true, false],
  );
  assertEquals(
    [event.target, event.currentTarget, event.srcElement, event.eventPhase],
    [null, null, null, 0],
  );
  assertEquals([event.isTrusted, event.returnValue, event.cancelBubble], [false, true, false]);
});

differs("`timeStamp` of an Event is always 0", "an event's time", () => {
  assert(new Event("x").timeStamp > 0);
});

differs("`isTrusted` is a member of Event's prototype", "isTrusted", () => {
  const own = Object.getOwnPropertyDescriptor(new Event("x"), "isTrusted");
  assertEquals([typeof own?.get, own?.configurable], ["function", false]);
});

differs("`srcElement` of an Event is always null", "srcElement", () => {
  const event = new Event("x");
  const target = new EventTarget();
  target.dispatchEvent(event);
  assert(event.srcElement === target);
});

test("what preventDefault does", () => {
  const cancelable = new Event("x", { cancelable: true });
  const target = new EventTarget();
  target.addEventListener("x", (event) => event.preventDefault());
  assertEquals([target.dispatchEvent(cancelable), cancelable.defaultPrevented], [false, true]);
  assertEquals(target.dispatchEvent(new Event("x")), true);
  const passive = new EventTarget();
  passive.addEventListener("x", (event) => event.preventDefault(), { passive: true });
  assertEquals(passive.dispatchEvent(new Event("x", { cancelable: true })), true);
});

test("listeners: order, once, duplicates, capture", () => {
  const target = new EventTarget();
  const log = [];
  const a = () => log.push("a");
  target.addEventListener("x", a);
  target.addEventListener("x", a);
  target.addEventListener("x", () => log.push("once"), { once: true });
  target.addEventListener("x", a, true);
  target.dispatchEvent(new Event("x"));
  target.dispatchEvent(new Event("x"));
  target.removeEventListener("x", a);
  target.dispatchEvent(new Event("x"));
  assertEquals(log.filter((name) => name === "once").length, 1);
  assertEquals(log.filter((name) => name === "a").length, 5);
});

test("listeners: objects, null, and what is neither", async () => {
  const target = new EventTarget();
  const listener = {
    handleEvent(event) {
      this.seen = event.type;
    },
  };
  target.addEventListener("x", listener);
  target.addEventListener("x", null);
  target.addEventListener("x", undefined);
  target.dispatchEvent(new Event("x"));
  assertEquals(listener.seen, "x");
  await assertThrows(() => target.addEventListener("x", 7), TypeError);
  await assertThrows(() => target.addEventListener("x"), TypeError);
});

test("stopImmediatePropagation", () => {
  const target = new EventTarget();
  const log = [];
  target.addEventListener("x", (event) => {
    log.push(1);
    event.stopImmediatePropagation();
  });
  target.addEventListener("x", () => log.push(2));
  target.dispatchEvent(new Event("x"));
  assertEquals(log, [1]);
});

test("during dispatch", async () => {
  const target = new EventTarget();
  let seen;
  target.addEventListener("x", function (event) {
    seen = [
      event.target === target,
      event.currentTarget === this,
      event.eventPhase,
      event.composedPath().length,
    ];
  });
  const event = new Event("x");
  target.dispatchEvent(event);
  assertEquals(seen, [true, true, 2, 1]);
  assertEquals([event.currentTarget, event.eventPhase, event.composedPath()], [null, 0, []]);
  assert(event.target === target);
  target.addEventListener("again", (again) => target.dispatchEvent(again));
  const ignore = [];
  const listener = (error) => {
    error.preventDefault();
    ignore.push(error.error.name);
  };
  addEventListener("error", listener);
  target.dispatchEvent(new Event("again"));
  removeEventListener("error", listener);
  assertEquals(ignore, ["InvalidStateError"]);
  await assertThrows(() => target.dispatchEvent({ type: "x" }), TypeError);
});

test("listeners that come and go during dispatch", () => {
  const target = new EventTarget();
  const log = [];
  const second = () => log.push("second");
  target.addEventListener("x", () => {
    target.removeEventListener("x", second);
    target.addEventListener("x", () => log.push("late"));
  });
  target.addEventListener("x", second);
  target.dispatchEvent(new Event("x"));
  assertEquals(log, []);
});

test("CustomEvent, ErrorEvent, MessageEvent, PromiseRejectionEvent, CloseEvent, ProgressEvent", async () => {
  const detail = {};
  assert(new CustomEvent("x", { detail }).detail === detail);
  assertEquals(new CustomEvent("x").detail, null);
  const error = new ErrorEvent("error", {
    message: "m",
    filename: "f",
    lineno: 1,
    colno: 2,
    error: 3,
  });
  assertEquals(
    [error.message, error.filename, error.lineno, error.colno, error.error],
    ["m", "f", 1, 2, 3],
  );
  assertEquals(new ErrorEvent("x").error, undefined);
  const message = new MessageEvent("message", { data: 1, origin: "o", lastEventId: "i" });
  assertEquals(
    [message.data, message.origin, message.lastEventId, message.source, message.ports],
    [1, "o", "i", null, []],
  );
  assert(Object.isFrozen(message.ports));
  const promise = Promise.resolve();
  const rejection = new PromiseRejectionEvent("x", { promise, reason: 7 });
  assert(rejection.promise === promise && rejection.reason === 7);
  const close = new CloseEvent("close", { wasClean: true, code: 1000, reason: "r" });
  assertEquals([close.wasClean, close.code, close.reason], [true, 1000, "r"]);
  const progress = new ProgressEvent("p", { lengthComputable: true, loaded: 1, total: 2 });
  assertEquals([progress.lengthComputable, progress.loaded, progress.total], [true, 1, 2]);
});

differs("a PromiseRejectionEvent needs no promise", "PromiseRejectionEvent without a promise", () =>
  assertThrows(() => new PromiseRejectionEvent("x", {}), TypeError),
);

test("subclasses", () => {
  class Button extends EventTarget {
    pressed = 0;
    press() {
      this.dispatchEvent(new Event("press"));
    }
  }
  const button = new Button();
  button.addEventListener("press", () => (button.pressed += 1));
  button.press();
  assertEquals(button.pressed, 1);
});
