// Each interface in idl.js has the shape that Web IDL gives it: kinds of properties, lengths, names, and checks of `this`.
import { assert, assertEquals, assertThrows, differs, test } from "./harness.js";
import { beyond, minimum } from "./idl.js";

/** Attributes whose getter answers a foreign `this` with a rejected promise. */
const promiseAttributes = {
  ReadableStreamBYOBReader: ["closed"],
  ReadableStreamDefaultReader: ["closed"],
  WritableStreamDefaultWriter: ["closed", "ready"],
};

function find(name) {
  return name.split(".").reduce((holder, part) => holder[part], globalThis);
}

function property(holder, name) {
  const descriptor = Object.getOwnPropertyDescriptor(holder, name);
  assert(descriptor !== undefined, `${String(name)} is missing`);
  return descriptor;
}

/** What does not hold: each reason with its cases, `Interface` standing for the constructor. */
const DIFFERENCES = {
  "constructors of events need no type": [
    ...["CloseEvent", "ErrorEvent", "MessageEvent", "ProgressEvent", "PromiseRejectionEvent"],
  ],
  "members of Event take any object": [
    ...["Event: cancelBubble", "Event: defaultPrevented", "Event: returnValue"],
    ...["Event: stopImmediatePropagation/0", "Event: stopPropagation/0"],
  ],
  "event handlers are null on any object": [
    ...["AbortSignal: onabort", "BroadcastChannel: onmessage", "BroadcastChannel: onmessageerror"],
    ...["EventSource: onerror", "EventSource: onmessage", "EventSource: onopen"],
    ...["MessagePort: onmessage", "MessagePort: onmessageerror"],
    ...["WebSocket: onclose", "WebSocket: onerror", "WebSocket: onmessage", "WebSocket: onopen"],
  ],
  "there are no `initEvent`, `initCustomEvent` and `initMessageEvent`": [
    ...["CustomEvent: initCustomEvent/1", "Event: initEvent/1", "MessageEvent: initMessageEvent/1"],
  ],
  "what a MessageEvent or ProgressEvent carries are properties of its own": [
    ...[
      "MessageEvent: data",
      "MessageEvent: lastEventId",
      "MessageEvent: origin",
      "MessageEvent: ports",
    ],
    ...["ProgressEvent: lengthComputable", "ProgressEvent: loaded", "ProgressEvent: total"],
  ],
  "`srcElement` of an Event is always null": ["Event: srcElement"],
  "`BroadcastChannel.name` takes any object": ["BroadcastChannel: name"],
  "MessagePort has a parent between it and EventTarget": ["MessagePort: parent, tag and constants"],
  "constants of EventSource are not enumerable": ["EventSource: parent, tag and constants"],
};

const reasons = new Map(
  Object.entries(DIFFERENCES).flatMap(([reason, cases]) => cases.map((name) => [name, reason])),
);

function check(name, run) {
  const reason = reasons.get(name);
  if (reason === undefined) test(name, run);
  else differs(reason, name, run);
}

for (const [name, interfaceOf] of Object.entries({ ...minimum, ...beyond })) {
  check(name, () => checkConstructor(name, interfaceOf));
  check(`${name}: parent, tag and constants`, () => checkShape(name, interfaceOf));
  for (const member of interfaceOf.static)
    check(`${name}.${member}`, () => checkFunction(find(name), member));
  for (const member of [...interfaceOf.get, ...(promiseAttributes[name] ?? [])])
    check(`${name}: ${member}`, () => checkAttribute(name, member, false));
  for (const member of interfaceOf.set)
    check(`${name}: ${member}`, () => checkAttribute(name, member, true));
  for (const member of interfaceOf.call)
    check(`${name}: ${member}`, () => checkMethod(name, member));
  for (const member of interfaceOf.promise)
    check(`${name}: ${member}`, () => checkPromiseMethod(name, member));
  if (interfaceOf.iterates !== null)
    check(`${name} iterates`, () => checkIteration(name, interfaceOf.iterates));
}

async function checkConstructor(name, { of }) {
  const path = name.split(".");
  const simpleName = path.pop();
  const holder = path.length === 0 ? globalThis : find(path.join("."));
  const constructor = holder[simpleName];
  const { enumerable, configurable, writable } = property(holder, simpleName);
  assertEquals(
    { enumerable, configurable, writable },
    { enumerable: false, configurable: true, writable: true },
  );
  assertEquals(typeof constructor, "function");
  assertEquals(constructor.name, simpleName, "name");
  assertEquals(constructor.length, of ?? 0, "length");
  assertEquals(property(constructor, "prototype").writable, false, "prototype writable");
  assertEquals(property(constructor.prototype, "constructor").enumerable, false, "enumerable");
  assert(constructor.prototype.constructor === constructor, "prototype.constructor is another");
  await assertThrows(() => constructor(), TypeError);
  if (of === null || of > 0) await assertThrows(() => new constructor(), TypeError);
}

function checkShape(name, { parent, constants }) {
  const constructor = find(name);
  const tag = property(constructor.prototype, Symbol.toStringTag);
  assertEquals([tag.value, tag.writable, tag.enumerable], [name, false, false]);
  if (parent !== null) {
    assert(Object.getPrototypeOf(constructor) === globalThis[parent], "its parent is another");
    assert(
      Object.getPrototypeOf(constructor.prototype) === globalThis[parent].prototype,
      "its prototype's parent is another",
    );
  }
  for (const [constant, value] of constants.map((text) => text.split("="))) {
    for (const holder of [constructor, constructor.prototype]) {
      assertEquals(property(holder, constant), {
        value: Number(value),
        writable: false,
        enumerable: true,
        configurable: false,
      });
    }
  }
}

function checkFunction(holder, member) {
  const [name, length] = member.split("/");
  const { value, enumerable, configurable, writable } = property(holder, name);
  assertEquals(typeof value, "function");
  assertEquals(
    { enumerable, configurable, writable },
    { enumerable: true, configurable: true, writable: true },
  );
  assertEquals(value.length, Number(length), "length");
  assertEquals(value.name, name, "name");
  return value;
}

// A foreign `this`, of every kind that might slip through: an object, its prototype, a primitive.
const foreign = (name) => [{}, find(name).prototype, 1];

async function checkMethod(name, member) {
  const method = checkFunction(find(name).prototype, member);
  const args = Array.from({ length: method.length }, () => ({}));
  for (const receiver of foreign(name)) await assertThrowsNow(() => method.apply(receiver, args));
}

async function checkPromiseMethod(name, member) {
  const method = checkFunction(find(name).prototype, member);
  const args = Array.from({ length: method.length }, () => ({}));
  for (const receiver of foreign(name)) {
    const result = method.apply(receiver, args);
    assert(result instanceof Promise, "it does not return a promise");
    await assertThrows(() => result, TypeError);
  }
}

async function checkAttribute(name, member, writable) {
  const descriptor = property(find(name).prototype, member);
  assertEquals(typeof descriptor.get, "function", "getter");
  assertEquals(typeof descriptor.set, writable ? "function" : "undefined", "setter");
  assertEquals([descriptor.enumerable, descriptor.configurable], [true, true]);
  assertEquals(descriptor.get.name, `get ${member}`, "name");
  for (const receiver of foreign(name)) {
    if (promiseAttributes[name]?.includes(member))
      await assertThrows(() => descriptor.get.call(receiver), TypeError);
    else await assertThrowsNow(() => descriptor.get.call(receiver));
  }
}

async function assertThrowsNow(run) {
  let result;
  await assertThrows(() => {
    result = run();
  }, TypeError);
  assertEquals(result, undefined);
}

function checkIteration(name, kind) {
  const { prototype } = find(name);
  if (kind === "async") {
    checkFunction(prototype, "values/0");
    assert(prototype[Symbol.asyncIterator] === prototype.values, "asyncIterator is not values");
    return;
  }
  for (const member of ["entries/0", "forEach/1", "keys/0", "values/0"])
    checkFunction(prototype, member);
  assert(prototype[Symbol.iterator] === prototype.entries, "iterator is not entries");
  const iterator = Object.getPrototypeOf(new globalThis[name]().entries());
  assertEquals(iterator[Symbol.toStringTag], `${name} Iterator`);
  assert(
    Object.getPrototypeOf(iterator) === Object.getPrototypeOf(Object.getPrototypeOf([].values())),
  );
}
