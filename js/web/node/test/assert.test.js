// `assert`, and the deep equality behind it, against Node's.

import assert from "node:assert/strict";
import nodeAssert from "node:assert";
import test from "node:test";
import nodeUtil from "node:util";
import { ours, outcome } from "./ours.js";

const { default: util } = await ours("util");
const { default: ourAssert } = await ours("assert");

class Foo {
  a = 1;
}

test("deep equality, strict and loose", () => {
  const circular = () =>
    Object.assign(
      { a: 1 },
      {
        get self() {
          return this;
        },
      },
    );
  const loop = () => {
    const object = { a: 1 };
    object.self = object;
    return object;
  };
  const samples = [
    1,
    "1",
    1n,
    true,
    NaN,
    0,
    -0,
    null,
    undefined,
    "a",
    {},
    [],
    [1],
    ["1"],
    [1, undefined],
    [, 1],
    { a: 1 },
    { a: "1" },
    { a: undefined },
    new Foo(),
    Object.assign(Object.create(null), { a: 1 }),
    new Date(0),
    new Date(1),
    /a/,
    /a/g,
    new Set([1]),
    new Set(["1"]),
    new Set([{ a: 1 }]),
    new Set([{ a: 1 }, { a: 2 }]),
    new Set([{ a: 2 }, { a: 1 }]),
    new Map([[1, 2]]),
    new Map([["1", 2]]),
    new Map([[{ a: 1 }, [1]]]),
    new Map([[1, undefined]]),
    new Map([[2, undefined]]),
    new Uint8Array([1]),
    new Int8Array([1]),
    new Float32Array([0]),
    new Float32Array([-0]),
    Buffer.from([1]),
    new ArrayBuffer(1),
    new Error("a"),
    new Error("b"),
    new TypeError("a"),
    new Error("a", { cause: 1 }),
    Object(1),
    Object("1"),
    new Number(1),
    loop(),
    circular(),
    Symbol.iterator,
    { [Symbol.for("s")]: 1 },
    { [Symbol.for("s")]: 2 },
    () => {},
    Promise.resolve(1),
    Object.assign([1], { x: 1 }),
    new URLSearchParams("a=1"),
    new DataView(new ArrayBuffer(1)),
    [[[{ a: [1] }]]],
    [[[{ a: ["1"] }]]],
  ];
  for (const [i, a] of samples.entries()) {
    for (const [j, b] of samples.entries()) {
      const label = `${i} ${nodeUtil.inspect(a)} / ${j} ${nodeUtil.inspect(b)}`;
      assert.equal(
        util.isDeepStrictEqual(a, b),
        nodeUtil.isDeepStrictEqual(a, b),
        `strict ${label}`,
      );
      const loose = (module) => outcome(() => module.deepEqual(a, b)).threw === undefined;
      assert.equal(loose(ourAssert), loose(nodeAssert), `loose ${label}`);
    }
  }
  assert.ok(util.isDeepStrictEqual(loop(), loop()));
});

test("assertions hold and fail as Node's do", async () => {
  class Other extends Error {}
  const boom = () => {
    throw Object.assign(new TypeError("boom"), { code: "B" });
  };
  const calls = [
    (a) => a(0),
    (a) => a(1),
    (a) => a.ok("", "message"),
    (a) => a.ok(),
    (a) => a.equal(1, "1"),
    (a) => a.equal(1, 2),
    (a) => a.equal(NaN, NaN),
    (a) => a.notEqual(1, "1"),
    (a) => a.strictEqual(1, "1"),
    (a) => a.strictEqual(1, 2, "message"),
    (a) => a.strictEqual(1, 2, new Other("mine")),
    (a) => a.notStrictEqual(1, 1),
    (a) => a.deepStrictEqual({ a: [1] }, { a: [1] }),
    (a) => a.deepStrictEqual({ a: 1 }, { a: "1" }),
    (a) => a.deepEqual({ a: 1 }, { a: "1" }),
    (a) => a.notDeepStrictEqual({}, {}),
    (a) => a.notDeepEqual({ a: 1 }, { a: "1" }),
    (a) => a.strictEqual(1),
    (a) => a.fail(),
    (a) => a.fail("why"),
    (a) => a.fail(new Other("x")),
    (a) => a.ifError(null),
    (a) => a.ifError(new Error("e")),
    (a) => a.match("abc", /b/),
    (a) => a.match("abc", /x/),
    (a) => a.match(5, /x/),
    (a) => a.match("a", "a"),
    (a) => a.doesNotMatch("abc", /b/),
    (a) => a.throws(boom),
    (a) => a.throws(() => {}),
    (a) => a.throws(boom, TypeError),
    (a) => a.throws(boom, Other),
    (a) => a.throws(boom, /boom/),
    (a) => a.throws(boom, /bam/),
    (a) => a.throws(boom, { code: "B", message: /oo/ }),
    (a) => a.throws(boom, { code: "C" }),
    (a) => a.throws(boom, {}),
    (a) => a.throws(boom, (e) => e.code === "B"),
    (a) => a.throws(boom, () => false),
    (a) => a.throws(boom, new TypeError("boom")),
    (a) => a.throws(boom, new TypeError("bam")),
    (a) => a.throws(5),
    (a) => a.throws(boom, "x", "y"),
    (a) => a.throws(() => {}, Other, "message"),
    (a) => a.doesNotThrow(() => {}),
    (a) => a.doesNotThrow(boom),
    (a) => a.doesNotThrow(boom, Other),
    (a) => a.strict.equal(1, "1"),
    (a) => a.strict.deepEqual([1], ["1"]),
  ];
  for (const call of calls)
    assert.deepEqual(
      outcome(() => call(ourAssert)),
      outcome(() => call(nodeAssert)),
      String(call),
    );
  const rejecting = [
    (a) => a.rejects(Promise.reject(new Error("x"))),
    (a) => a.rejects(Promise.resolve(1)),
    (a) =>
      a.rejects(
        async () => {
          throw new TypeError("y");
        },
        { name: "TypeError" },
      ),
    (a) => a.rejects(() => 5),
    (a) => a.rejects(5),
    (a) => a.doesNotReject(Promise.resolve()),
    (a) => a.doesNotReject(Promise.reject(new Error("z"))),
  ];
  const fate = (call, module) =>
    call(module).then(
      (value) => ({ value }),
      ({ name, code }) => ({ name, code }),
    );
  for (const call of rejecting)
    assert.deepEqual(await fate(call, ourAssert), await fate(call, nodeAssert), String(call));
  const error = (() => {
    try {
      ourAssert.deepStrictEqual({ a: 1, b: 2 }, { a: 1, b: 3 });
    } catch (e) {
      return e;
    }
  })();
  assert.match(error.message, /^Expected values to be strictly deep-equal:[^]*\+   b: 2\n-   b: 3/);
  assert.ok(error instanceof ourAssert.AssertionError && error.generatedMessage);
});

test("what is no error to expect, and messages that could be one", async () => {
  const thrown = [new Error("abc"), "abc", { message: "abc" }, null, undefined, 5, ""];
  const expected = ["abc", "", "other", 5, true, null, undefined, {}, Symbol("s")];
  for (const value of thrown) {
    for (const wanted of expected) {
      const fail = () => {
        throw value;
      };
      const label = `${String(value)} ${String(wanted)}`;
      for (const name of ["throws", "doesNotThrow"]) {
        const [our, node] = [ourAssert, nodeAssert].map((m) =>
          outcome(() => m[name](fail, wanted)),
        );
        assert.deepEqual(our, node, `${name} ${label}`);
      }
      for (const name of ["rejects", "doesNotReject"]) {
        const [our, node] = await Promise.all(
          [ourAssert, nodeAssert].map((m) =>
            m[name](Promise.reject(value), wanted).catch((error) => error?.code),
          ),
        );
        assert.equal(our, node, `${name} ${label}`);
      }
    }
  }
  const nothing = [
    (m) => m.throws(() => {}, 5),
    (m) => m.throws(() => {}, null),
    (m) => m.throws(() => {}, "abc"),
    (m) => new m.AssertionError(),
    (m) => new m.AssertionError("text"),
  ];
  for (const call of nothing)
    assert.deepEqual(
      outcome(() => call(ourAssert)),
      outcome(() => call(nodeAssert)),
      String(call),
    );
  for (const m of [ourAssert, nodeAssert])
    await assert.rejects(m.rejects({ then() {} }), { code: "ERR_INVALID_ARG_TYPE" });
});
