// globalThis as ECMA-429 has it: its functions, objects and event handlers, and how errors get there.
import { assert, assertEquals, assertThrows, test } from "./harness.js";

const functions = {
  addEventListener: 2,
  atob: 1,
  btoa: 1,
  clearInterval: 0,
  clearTimeout: 0,
  dispatchEvent: 1,
  fetch: 1,
  queueMicrotask: 1,
  removeEventListener: 2,
  reportError: 1,
  setInterval: 1,
  setTimeout: 1,
  structuredClone: 1,
};

for (const [name, length] of Object.entries(functions)) {
  test(`${name}()`, () => {
    assertEquals(typeof globalThis[name], "function");
    assertEquals([globalThis[name].name, globalThis[name].length], [name, length]);
    const holder = Object.hasOwn(globalThis, name) ? globalThis : EventTarget.prototype;
    assert(Object.getOwnPropertyDescriptor(holder, name).enumerable, "it is not enumerable");
  });
}

for (const name of ["crypto", "navigator", "performance", "self"]) {
  test(name, () => {
    const { enumerable, configurable } = Object.getOwnPropertyDescriptor(globalThis, name);
    assertEquals([enumerable, configurable], [true, true]);
    assertEquals(typeof globalThis[name], "object");
    assert(globalThis[name] === globalThis[name], "it is another object each time");
  });
}

test("an app may put something else where a global is", () => {
  for (const name of ["crypto", "fetch", "navigator", "performance", "self", "WebSocket"]) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value: 7, configurable: true });
    assertEquals(globalThis[name], 7);
    Object.defineProperty(globalThis, name, before);
  }
});

test("self is globalThis, an EventTarget", () => {
  assert(self === globalThis);
  assert(globalThis instanceof EventTarget);
});

test("events on globalThis", () => {
  const seen = [];
  const listener = (event) => seen.push(event.type, event.target === globalThis);
  addEventListener("orilla-test", listener);
  dispatchEvent(new Event("orilla-test"));
  removeEventListener("orilla-test", listener);
  globalThis.dispatchEvent(new Event("orilla-test"));
  assertEquals(seen, ["orilla-test", true]);
});

for (const name of ["onerror", "onunhandledrejection", "onrejectionhandled"]) {
  test(`${name} is null, takes functions, and nothing else`, () => {
    assertEquals(globalThis[name], null);
    const handler = () => {};
    globalThis[name] = handler;
    assert(globalThis[name] === handler);
    globalThis[name] = 7;
    assertEquals(globalThis[name], null);
  });
}

test("reportError raises an ErrorEvent", () => {
  const error = new RangeError("reported");
  const seen = [];
  const listener = (event) => {
    event.preventDefault();
    seen.push(event.constructor, event.error === error, event.message, event.cancelable);
    seen.push(typeof event.filename, typeof event.lineno, typeof event.colno);
  };
  addEventListener("error", listener);
  reportError(error);
  removeEventListener("error", listener);
  assertEquals(seen.slice(1), [
    true,
    "Uncaught RangeError: reported",
    true,
    "string",
    "number",
    "number",
  ]);
  assert(seen[0] === ErrorEvent);
});

test("reportError takes anything, and needs an argument", async () => {
  const seen = [];
  const listener = (event) => {
    event.preventDefault();
    seen.push(event.error);
  };
  addEventListener("error", listener);
  reportError("text");
  reportError(undefined);
  removeEventListener("error", listener);
  assertEquals(seen, ["text", undefined]);
  await assertThrows(() => reportError(), TypeError);
});

test("onerror has five arguments, and true from it prevents", () => {
  let seen;
  globalThis.onerror = (...args) => {
    seen = args;
    return true;
  };
  const error = new Error("here");
  const event = new ErrorEvent("error", {
    message: "m",
    filename: "f",
    lineno: 1,
    colno: 2,
    error,
    cancelable: true,
  });
  const goesOn = dispatchEvent(event);
  globalThis.onerror = null;
  assertEquals(seen.slice(0, 4), ["m", "f", 1, 2]);
  assert(seen[4] === error);
  assertEquals(goesOn, false);
});

/** The next event of a type, prevented. */
function next(type) {
  return new Promise((resolve) => {
    addEventListener(
      type,
      (event) => {
        event.preventDefault();
        resolve(event);
      },
      { once: true },
    );
  });
}

test("a rejection nobody handles raises unhandledrejection", async () => {
  const event = next("unhandledrejection");
  const reason = new Error("nobody");
  const promise = Promise.reject(reason);
  const { constructor, cancelable, promise: ofEvent, reason: why } = await event;
  assert(constructor === PromiseRejectionEvent && cancelable);
  assert(ofEvent === promise && why === reason);
});

test("one that is handled later raises rejectionhandled", async () => {
  const unhandled = next("unhandledrejection");
  const handled = next("rejectionhandled");
  const promise = Promise.reject(new Error("late"));
  await unhandled;
  promise.catch(() => {});
  const event = await handled;
  assert(event.constructor === PromiseRejectionEvent);
  assert(event.promise === promise);
  assertEquals(event.reason.message, "late");
});

test("a rejection that is handled at once raises nothing", async () => {
  let seen = 0;
  const listener = (event) => {
    event.preventDefault();
    seen += 1;
  };
  addEventListener("unhandledrejection", listener);
  const promise = Promise.reject(new Error("handled"));
  promise.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 5));
  removeEventListener("unhandledrejection", listener);
  assertEquals(seen, 0);
});

test("an error in a timer raises error", async () => {
  const event = next("error");
  setTimeout(() => {
    throw new SyntaxError("in a timer");
  });
  const { message, error, lineno } = await event;
  assertEquals([message, error.message], ["Uncaught SyntaxError: in a timer", "in a timer"]);
  assert(lineno > 0);
});

test("an error in a microtask raises error", async () => {
  const event = next("error");
  queueMicrotask(() => {
    throw new SyntaxError("in a microtask");
  });
  assertEquals((await event).error.message, "in a microtask");
});

test("an error in an event listener raises error, and the other listeners run", async () => {
  const event = next("error");
  const target = new EventTarget();
  let ran = false;
  target.addEventListener("x", () => {
    throw new EvalError("in a listener");
  });
  target.addEventListener("x", () => (ran = true));
  target.dispatchEvent(new Event("x"));
  assert(ran);
  assertEquals((await event).error.message, "in a listener");
});

test("an error that nobody prevents does not stop the code it comes from", () => {
  const seen = [];
  const target = new EventTarget();
  target.addEventListener("x", () => {
    throw new Error("expected in the log");
  });
  target.addEventListener("x", () => seen.push("listener"));
  target.dispatchEvent(new Event("x"));
  reportError(new Error("expected in the log as well"));
  seen.push("after");
  assertEquals(seen, ["listener", "after"]);
});

test("navigator.userAgent is one product", () => {
  assert(/^[!#$%&'*+.^_`|~\w-]+(\/[!#$%&'*+.^_`|~\w-]+)?$/.test(navigator.userAgent));
  assert(navigator instanceof Navigator);
});

test("btoa and atob", async () => {
  assertEquals(btoa("a\u00ff"), "Yf8=");
  assertEquals(atob(" YQ\n= =\t"), "a");
  assertEquals(atob("YQ"), "a");
  assertEquals(btoa(""), "");
  assertEquals(btoa(null), "bnVsbA==");
  assertEquals(atob(btoa(undefined)), "undefined");
  for (const bad of ["Y", "YQ=", "=", "Y=Q=", "a-_b", "YQ===", "\u00a0"])
    await assertThrows(() => atob(bad), "InvalidCharacterError");
  await assertThrows(() => btoa("€"), "InvalidCharacterError");
  await assertThrows(() => btoa(), TypeError);
});
