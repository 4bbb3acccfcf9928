// `util` against Node's.

import assert from "node:assert/strict";
import test from "node:test";
import nodeUtil from "node:util";
import vm from "node:vm";
import { host, ours } from "./ours.js";
import * as self from "./util.test.js";

const { default: util } = await ours("util");
const { settled, written } = await host();

const early = [util, nodeUtil].map(({ inspect }) => inspect(self));
export const late = 1;

test("a variable that has no value yet is shown as such", () => {
  assert.match(early[0], /late: <uninitialized>/);
  assert.equal(early[0], early[1]);
});

class Foo {
  a = 1;
}
class Extended extends Map {}
class MyError extends Error {}

function values() {
  const circular = { a: 1 };
  circular.self = circular;
  circular.nested = { circular };
  const named = Object.assign([1, 2, 3], { extra: "x" });
  const bare = Object.assign(Object.create(null), { z: 1 });
  return [
    1,
    -0,
    1e21,
    "a'b",
    "a\nb\x1b",
    'it\'s "q"',
    'it\'s "q" `',
    "\ud800",
    10n,
    Symbol("x"),
    null,
    undefined,
    true,
    [],
    [1, 2, 3],
    named,
    [, 1, , , 2],
    {},
    { a: { b: { c: { d: 1 } } } },
    new Foo(),
    Foo,
    class extends Foo {},
    function foo() {},
    () => {},
    async () => {},
    function* () {},
    new Map([
      [1, { a: 2 }],
      ["x", [1]],
    ]),
    new Set([1, "2"]),
    new Extended([[1, 2]]),
    circular,
    bare,
    Object.create(null),
    new Date(0),
    new Date(NaN),
    /a/g,
    new Uint8Array(3),
    new Float32Array([1.5]),
    new BigInt64Array(1),
    new WeakMap(),
    new WeakSet(),
    new Number(3),
    new String("abc"),
    Object(1n),
    Object(Symbol("q")),
    [["a", "b"], ["c"]],
    { "a-b": 1, [Symbol("s")]: 2 },
    {
      get a() {
        return 1;
      },
      set a(v) {},
      get b() {
        return { c: 1 };
      },
      set c(v) {},
    },
    [undefined, null],
    "x".repeat(20_000),
    { text: "long ".repeat(30), more: "b".repeat(50) },
    new URLSearchParams("a=1&b=2"),
    Object.assign(() => {}, { a: 1 }),
    { [nodeUtil.inspect.custom]: (depth) => `custom ${depth}` },
    { a: { [nodeUtil.inspect.custom]: () => ({ x: 1 }) } },
    { toString: () => 1 },
    Math,
    JSON,
    new (class Mine extends Array {})(3),
    Object.create({}),
    Object.create(Foo.prototype),
    Foo.prototype,
    [new Date(0), /x/],
    { a: "x\ny" },
    { f() {}, async g() {} },
    [[[[[]]]]],
    { a: { b: { c: {} } } },
    { a: { b: { c: [] } } },
    { a: { b: { c: new Map() } } },
    { a: { b: { c: new Foo() } } },
    [1n, 2n],
    new Proxy({ a: 1 }, {}),
    (function () {
      return arguments;
    })(1, 2),
    Object.assign(new Foo(), { [Symbol.toStringTag]: "Tag" }),
  ];
}

test("values are shown as by Node", () => {
  const options = [
    {},
    { depth: 0 },
    { depth: null },
    { compact: false },
    { colors: true },
    { getters: true },
    { maxArrayLength: 2 },
    { maxStringLength: 5 },
    { sorted: true },
    { breakLength: 40 },
    { breakLength: Infinity },
  ];
  for (const [i, value] of values().entries()) {
    for (const option of options) {
      assert.equal(
        util.inspect(value, option),
        nodeUtil.inspect(value, option),
        `value ${i} ${JSON.stringify(option)}`,
      );
    }
  }
  for (const number of [1234567.12345, -1234, 123456789n]) {
    const options = { numericSeparator: true };
    assert.equal(util.inspect(number, options), nodeUtil.inspect(number, options));
  }
  assert.equal(util.inspect([1, 2], true), nodeUtil.inspect([1, 2], true));
  // Node's versions differ in this one.
  const memory = "ArrayBuffer { [Uint8Contents]: <00 00>, byteLength: 2 }";
  assert.equal(util.inspect(new ArrayBuffer(2)), memory);
  assert.equal(
    util.inspect(Array.from({ length: 7 }, (_, i) => i * 11)).split("\n").length,
    3,
    "a long list is set in columns",
  );
});

test("errors and promises are shown as by Node", () => {
  const withoutStack = (text) =>
    text.replace(/(\n +(at|\.\.\. \d+ lines) .*?(?= \{$|$))+/gm, "\n at");
  const coded = Object.assign(new MyError("coded"), { code: "X" });
  const errors = [
    coded,
    new Error("a"),
    new TypeError("b", { cause: new Error("c") }),
    new AggregateError([new Error("q")], "m"),
    Object.assign(new Error("x"), { name: "Foo" }),
    { nested: new RangeError("in") },
    new MyError(""),
    Object.assign(new Error("m"), { stack: undefined }),
    Object.assign(new Error("m"), { stack: "Error: m" }),
    Object.assign(Object.create(Error.prototype), { message: "k" }),
  ];
  for (const error of errors) {
    assert.equal(withoutStack(util.inspect(error)), withoutStack(nodeUtil.inspect(error)));
  }
  const done = Promise.resolve({ a: 1 });
  settled.set(done, { a: 1 });
  for (const promise of [done, new Promise(() => {})])
    assert.equal(util.inspect(promise), nodeUtil.inspect(promise));
});

test("formatting", () => {
  const circular = {};
  circular.self = circular;
  const calls = [
    ["%s %d %i %f %j %o %O %c %%", "a", 1.5, 2.7, "3.5", { a: 1 }, [1], { b: 2 }, "css"],
    ["%s", null, undefined, { a: { b: 1 } }],
    ["a", "b", { c: 1 }],
    [1, 2, "3"],
    ["%s", Symbol("a"), 1n],
    ["%d", 1n, "x"],
    ["%s", new Date(0)],
    ["%s", class A {}],
    ["%s", () => 1],
    ["100%"],
    ["%x", "a"],
    ["%s", { toString: () => "T" }],
    ["%s", [1, "a", [2]]],
    ["%s", -0],
    ["%i", "42abc"],
    ["%s", Object.create(null)],
    ["%%s%s", "x"],
    ["%s"],
    ["%%"],
    ["%% %s", 1],
    ["%j", circular],
    ["%d", Symbol("n")],
    [],
    [""],
    [undefined],
    ["%s %s", 1],
  ];
  for (const call of calls) assert.equal(util.format(...call), nodeUtil.format(...call));
  const colored = [{ colors: true }, "%O", { a: 1 }];
  assert.equal(util.formatWithOptions(...colored), nodeUtil.formatWithOptions(...colored));
  for (const text of [
    "\u001b[31mred\u001b[39m",
    "plain",
    "\u001b]8;;http://x\u0007link\u001b]8;;\u0007",
  ]) {
    assert.equal(util.stripVTControlCharacters(text), nodeUtil.stripVTControlCharacters(text));
  }
  assert.equal(util.styleText("red", "x"), "\u001b[31mx\u001b[39m");
  assert.equal(util.toUSVString("a\ud800"), "a\ufffd");
});

test("what kind of object a value is", () => {
  const foreign = vm.runInNewContext(
    "[new Map(), new Date(), /x/, new Error('e'), new Uint8Array(1), [], new Number(1)]",
  );
  const lookalikes = [
    Object.create(Map.prototype),
    { [Symbol.toStringTag]: "Map" },
    Object.create(Date.prototype),
    RegExp.prototype,
  ];
  const checks = Object.keys(nodeUtil.types).filter((name) => !["isEventTarget"].includes(name));
  assert.deepEqual(
    checks.filter((name) => typeof util.types[name] !== "function"),
    [],
  );
  const samples = [
    ...values(),
    ...foreign,
    ...lookalikes,
    new SharedArrayBuffer(1),
    new Map().entries(),
    new Set().values(),
    (function* () {})(),
    Promise.resolve(),
    async function* () {},
    new Uint8ClampedArray(1),
    new BigUint64Array(1),
    new Error("x"),
    new MyError("y"),
    import.meta,
  ];
  for (const name of checks) {
    for (const [i, sample] of samples.entries())
      assert.equal(util.types[name](sample), nodeUtil.types[name](sample), `${name} ${i}`);
  }
});

test("callbacks and promises", async () => {
  for (const module of [nodeUtil, util]) {
    const read = module.promisify((a, callback) =>
      setImmediate(callback, a ? null : new Error("no"), a),
    );
    assert.equal(await read(5), 5);
    await assert.rejects(read(0), /no/);
    const own = Object.assign(() => {}, {
      [module.promisify.custom]: () => Promise.resolve("own"),
    });
    assert.equal(await module.promisify(own)(), "own");
    const called = (fn, ...args) =>
      new Promise((resolve) => module.callbackify(fn)(...args, (...result) => resolve(result)));
    assert.deepEqual(await called(async (x) => x + 1, 1), [null, 2]);
    assert.equal(
      (
        await called(async () => {
          throw new Error("bad");
        })
      )[0].message,
      "bad",
    );
    const [falsy] = await called(() => Promise.reject(null));
    assert.deepEqual([falsy.code, falsy.reason], ["ERR_FALSY_VALUE_REJECTION", null]);
    const controller = new AbortController();
    const aborted = module.aborted(controller.signal, {});
    controller.abort();
    await aborted;
    for (const bad of [null, 1, "x"])
      assert.throws(() => module.promisify(bad), { code: "ERR_INVALID_ARG_TYPE" });
  }
  const old = util.deprecate((x) => x, "old is gone", "DEP1");
  assert.equal(old(3) + old(4), 7);
  await new Promise(setImmediate);
  const warnings = written.filter(([, text]) => text.includes("old is gone"));
  assert.deepEqual(warnings, [["stderr", "[DEP1] DeprecationWarning: old is gone\n"]]);
  const log = util.debuglog("app");
  assert.equal(log.enabled, false);
});

/** Every trap throws, so that whoever lets one be called notices. */
function hostile(target) {
  const trap = () => {
    throw new Error("trapped");
  };
  const traps = "get has ownKeys getOwnPropertyDescriptor getPrototypeOf isExtensible".split(" ");
  return new Proxy(target, Object.fromEntries(traps.map((name) => [name, trap])));
}

function revoked(target = {}) {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

test("proxies are shown without their traps, and revoked ones as such", () => {
  const circular = {};
  circular.proxy = new Proxy(circular, {});
  const values = [
    revoked(),
    revoked(() => {}),
    [revoked()],
    { a: revoked() },
    new Map([[revoked(), revoked()]]),
    new AggregateError([revoked()], "m"),
    hostile({}),
    { nested: hostile({ a: 1 }) },
    hostile([1, 2]),
    hostile(new Map([[1, 2]])),
    hostile(function named() {}),
    hostile(class Named {}),
    hostile(new Date(0)),
    hostile(new Foo()),
    new Proxy({ a: { b: { c: {} } } }, { get: () => 5 }),
    new Proxy({ [nodeUtil.inspect.custom]: (depth) => `custom ${depth}` }, {}),
    circular,
  ];
  const plain = (text) => text.replace(/\n +at .*/g, "");
  for (const [i, value] of values.entries()) {
    for (const options of [{}, { showProxy: true }, { showProxy: true, depth: 0 }, { depth: 5 }])
      assert.equal(
        plain(util.inspect(value, options)),
        plain(nodeUtil.inspect(value, options)),
        `value ${i} ${JSON.stringify(options)}`,
      );
  }
  for (const call of [
    ["%s", revoked()],
    ["%o %O", revoked(), revoked()],
    ["%s %o", hostile({}), new Proxy({ a: 1 }, {})],
    ["%s", new Proxy({ toString: () => "own" }, {})],
    ["%s", { [Symbol.toPrimitive]: () => "primitive" }],
    [hostile({}), revoked()],
  ]) {
    assert.equal(util.format(...call), nodeUtil.format(...call));
  }
  // Node asks the traps of a proxy that is behind another one.
  assert.equal(util.inspect(new Proxy(hostile({ a: 1 }), {})), "{ a: 1 }");
  assert.equal(util.inspect(new Proxy(revoked(), {})), "<Revoked Proxy>");
});

test("a value never makes inspect throw, whatever its getters do", () => {
  const throwing = (target, ...keys) => {
    for (const key of keys) {
      const get = () => {
        throw hostile(new Error("got"));
      };
      Object.defineProperty(target, key, { get, configurable: true, enumerable: true });
    }
    return target;
  };
  const error = (...keys) =>
    throwing(Object.assign(new Error("msg"), { stack: "Error: msg\n    at x" }), ...keys);
  const hidden = (e) => {
    for (const key of Object.keys(e)) Object.defineProperty(e, key, { enumerable: false });
    return e;
  };
  assert.equal(util.inspect(hidden(error("name"))), "Error: msg\n    at x");
  assert.equal(util.inspect(hidden(error("message"))), "Error: msg\n    at x");
  assert.equal(util.inspect(hidden(error("stack"))), "[Error: msg]");
  assert.equal(util.inspect(hidden(error("stack", "name", "message"))), "[Error]");
  assert.equal(util.inspect(throwing({}, "a", Symbol.toStringTag)).includes("[Getter]"), true);
  const detached = new ArrayBuffer(8);
  const [view, bytes] = [new DataView(detached), new Uint8Array(detached)];
  structuredClone(detached, { transfer: [detached] });
  assert.equal(util.inspect(detached), "ArrayBuffer { (detached), byteLength: 0 }");
  assert.match(util.inspect(view), /^DataView \{/);
  assert.equal(util.inspect(bytes), "Uint8Array(0) []");
  assert.equal(util.inspect(Object.create(Promise.prototype)), "Promise {}");

  const values = [
    error("name", "message", "stack", "cause", "errors"),
    Object.assign(error(), { name: Symbol("s") }),
    Object.assign(error(), { message: throwing({}, "toString") }),
    Object.assign(error(), { stack: Object.create(null) }),
    throwing({}, Symbol.toStringTag, nodeUtil.inspect.custom, "constructor", "toString"),
    throwing(new Map([[1, 2]]), "size", Symbol.toStringTag, "constructor"),
    throwing(new Set([1]), "size"),
    throwing(new Uint8Array(2), "length", "byteLength"),
    throwing(new Number(1), "valueOf"),
    throwing(new Date(0), "getTime", "toISOString"),
    throwing(/x/, "flags", "source"),
    throwing(new ArrayBuffer(1), "byteLength"),
    throwing(new DataView(new ArrayBuffer(1)), "byteLength", "buffer"),
    throwing([1], "0", "constructor", "map"),
    throwing(() => {}, "name", "toString", "constructor"),
    throwing(class A {}, "name"),
    Object.defineProperty(() => {}, "name", { value: Symbol("s") }),
    Object.create(hostile({})),
    Object.create(revoked()),
    Object.create(Promise.prototype),
    { [Symbol.for("Deno.privateCustomInspect")]: () => revoked().text },
    Object.create(Error.prototype, { name: { value: hostile({}) } }),
    throwing(Promise.resolve(), "then", "constructor"),
    Object.setPrototypeOf(class Child {}, hostile(class {})),
  ];
  for (const [i, value] of values.entries()) {
    for (const options of [{}, { showHidden: true }, { showProxy: true }, { getters: true }]) {
      assert.equal(typeof util.inspect(value, options), "string", `value ${i}`);
      assert.equal(typeof util.inspect([{ value }], options), "string", `value ${i}, nested`);
    }
  }
  for (const broken of [revoked(), hostile({}), ...values]) {
    for (const check of Object.values(util.types)) assert.equal(typeof check(broken), "boolean");
  }
  const custom = {
    [nodeUtil.inspect.custom]() {
      throw new RangeError("mine");
    },
  };
  assert.throws(() => util.inspect([custom]), { message: "mine" });
});

test("what is nested too deep is cut off", () => {
  const makers = [
    (inner) => ({ inner, text: "x".repeat(30) }),
    (inner) => [inner],
    (inner) => new Map([[1, inner]]),
    (inner) => Object.assign(new Error("e", { cause: inner }), { stack: "Error: e\n    at x" }),
  ];
  const interrupted = /Inspection interrupted prematurely. Maximum call stack size exceeded\.\]/;
  for (const make of makers) {
    let value = {};
    for (let i = 0; i < 1e5; i++) value = make(value);
    for (const options of [{ depth: null }, { depth: Infinity, compact: false }])
      assert.match(util.inspect(value, options), interrupted);
    assert.doesNotMatch(util.inspect(value), interrupted);
  }
  let proxy = { a: 1 };
  for (let i = 0; i < 1e5; i++) proxy = new Proxy(proxy, {});
  assert.equal(util.inspect(proxy), "{ a: 1 }");
  assert.match(util.inspect(proxy, { showProxy: true, depth: null, compact: true }), interrupted);
  // What the app's own calls have left of the stack may be too little as well.
  const atTheEnd = (call) => {
    try {
      return atTheEnd(call);
    } catch {
      return call();
    }
  };
  assert.equal(typeof atTheEnd(() => util.inspect({ a: { b: [1] } })), "string");
});

test("the text of an environment file", () => {
  const texts = [
    "A=1\nB=\"x y\" # c\nexport C=3\nD='q'\nE\n=5\nF= a b # z\n",
    'G="m\\nn"\nH=`a\nb`\nI="x\n#J=1\n J2 = 5\nK=a=b\n',
    'L=\nM=""\nN=#x\nO=a#b\nP=\'m\\nn\'\nQ="a\nb"\nR',
    'S = "x"y\r\nT=1\r\nexportV=1\nexport  W=2\nA B=3\n\tX\t=\ty\t\n',
    " # A=1\n#B=2\n C=3\n1=2\n\n0=3\nA=1\nA=2\nB==\n",
    "",
  ];
  for (const text of texts)
    assert.deepEqual(Object.entries(util.parseEnv(text)), Object.entries(nodeUtil.parseEnv(text)));
  assert.throws(() => util.parseEnv(5), { code: "ERR_INVALID_ARG_TYPE" });
});

test("the old helpers that packages still call", () => {
  const target = { a: 1 };
  assert.equal(util._extend(target, { b: 2 }), target);
  assert.deepEqual(util._extend(target, null), { a: 1, b: 2 });
  util.log("%s there", "hello");
  assert.match(written.at(-1)[1], /^\d+ [A-Z][a-z]{2} \d\d:\d\d:\d\d - hello there\n$/);
});
