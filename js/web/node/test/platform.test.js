// `crypto`, `async_hooks`, `process`, `timers`, `diagnostics_channel` and `module`.

import assert from "node:assert/strict";
import nodeHooks from "node:async_hooks";
import nodeCrypto from "node:crypto";
import nodeChannels from "node:diagnostics_channel";
import NodeModule from "node:module";
import test from "node:test";
import nodeTimers from "node:timers";
import nodeTimerPromises from "node:timers/promises";
import { pipeline } from "node:stream/promises";
import { host, ours, outcome } from "./ours.js";
import { random } from "./random.js";

const { default: crypto } = await ours("crypto");
const { default: hooks } = await ours("async_hooks");
const { default: process } = await ours("process");
const { default: timers } = await ours("timers");
const { default: channels } = await ours("diagnostics_channel");
const { written, preload, builtinModules } = await host();
const turn = () => new Promise((resolve) => setTimeout(resolve, 2));

test("hashes and HMACs are Node's, in every encoding and in pieces", async () => {
  const encodings = [undefined, "hex", "base64", "base64url", "latin1", "utf8", "buffer"];
  for (const algorithm of [...crypto.getHashes(), "SHA256", "RSA-SHA512", "SHA-1"]) {
    for (let i = 0; i < 30; i++) {
      const [a, b] = [random.bytes(random.integer(300)), random.text(random.integer(20))];
      const [encoding, input] = [
        random.pick(encodings),
        random.pick(["utf8", "latin1", undefined]),
      ];
      const plain = (value) => (typeof value === "string" ? value : [...value].join());
      const digest = (module) =>
        module.createHash(algorithm).update(a).update(b, input).digest(encoding);
      assert.equal(plain(digest(crypto)), plain(digest(nodeCrypto)));
      const mac = (module) =>
        module.createHmac(algorithm, b).update(a).update("ff00", "hex").digest(encoding);
      assert.equal(plain(mac(crypto)), plain(mac(nodeCrypto)));
      const copied = (module) =>
        module.createHash(algorithm).update(a).copy().update(b).digest("hex");
      assert.equal(copied(crypto), copied(nodeCrypto));
    }
  }
  assert.equal(
    crypto.hash("sha1", "abc"),
    nodeCrypto.createHash("sha1").update("abc").digest("hex"),
  );
  const streamed = crypto.createHash("sha256").setEncoding("hex");
  let text = "";
  streamed.on("data", (chunk) => (text += chunk));
  await pipeline(async function* () {
    yield "a";
    yield Buffer.from("bc");
  }, streamed);
  assert.equal(text, nodeCrypto.createHash("sha256").update("abc").digest("hex"));
  const calls = [
    (c) => c.createHmac("nope", "k"),
    (c) => c.createHash(5),
    (c) => c.createHmac("sha256", 5),
    (c) => c.createHmac("sha256"),
    (c) => c.createHash("md5").update(5),
    (c) => c.createHash("md5").update("abc", "hex").digest("hex"),
    (c) => c.createHash("md5").update("abc", "HEX").digest("hex"),
    (c) => c.createHash("md5").update("zz", "hex").digest("hex"),
    (c) => c.createHmac("md5", "k").update("abc", "hex").digest("hex"),
    (c) => c.createHmac("md5", "k").update("abc", "latin1").digest("hex"),
    (c) => c.createHash("md5").update(Buffer.from("a"), "hex").digest("hex"),
    (c) => c.hash("md5", "abc", 5),
    (c) => c.hash("md5", "abc", null),
    (c) => {
      const h = c.createHash("md5");
      h.digest();
      h.update("a");
    },
    (c) => {
      const h = c.createHash("md5");
      h.digest();
      h.digest();
    },
    (c) => {
      const h = c.createHash("md5");
      h.digest();
      h.copy();
    },
    (c) => {
      const h = c.createHmac("md5", "k");
      h.digest();
      return h.digest("hex");
    },
    (c) => c.timingSafeEqual("a", "b"),
    (c) => c.timingSafeEqual(Buffer.from("a"), Buffer.from("ab")),
    (c) => c.timingSafeEqual(Buffer.from("ab"), new Uint8Array([97, 98])),
    (c) => c.timingSafeEqual(Buffer.from("ab"), Buffer.from("ac")),
  ];
  for (const call of calls)
    assert.deepEqual(
      outcome(() => call(crypto)),
      outcome(() => call(nodeCrypto)),
      String(call),
    );
  assert.throws(() => crypto.createHash("nope"), {
    code: "ERR_CRYPTO_INVALID_DIGEST",
    message: /sha256/,
  });
});

test("random values are in their bounds, and their arguments are checked as by Node", async () => {
  const seen = new Set(Array.from({ length: 200 }, () => crypto.randomInt(-1, 3)));
  assert.deepEqual([...seen].sort(), [-1, 0, 1, 2]);
  assert.match(
    crypto.randomUUID(),
    /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
  );
  assert.equal(crypto.randomBytes(100_000).length, 100_000);
  assert.notDeepEqual(crypto.randomBytes(16), crypto.randomBytes(16));
  const filled = crypto.randomFillSync(new Uint32Array(4), 1, 2);
  assert.deepEqual([filled[0], filled[3]], [0, 0]);
  assert.equal(
    await new Promise((resolve) => crypto.randomBytes(4, (error, bytes) => resolve(bytes.length))),
    4,
  );
  const calls = [
    (c) => c.randomInt(5, 5),
    (c) => c.randomInt("a"),
    (c) => c.randomInt(0, 2 ** 50),
    (c) => c.randomInt(0.5),
    (c) => c.randomBytes(-1),
    (c) => c.randomBytes("1"),
    (c) => c.randomBytes(2 ** 31),
    (c) => c.randomFillSync(5),
    (c) => c.randomFillSync(Buffer.alloc(4), 5),
    (c) => c.randomFillSync(Buffer.alloc(4), 1, 4),
    (c) => c.randomBytes(1, 5),
  ];
  for (const call of calls)
    assert.deepEqual(
      outcome(() => call(crypto)),
      outcome(() => call(nodeCrypto)),
      String(call),
    );
});

test("values follow asynchronous calls as in Node", async () => {
  const script = async ({ AsyncLocalStorage, AsyncResource }) => {
    const log = [];
    const [a, b] = [new AsyncLocalStorage(), new AsyncLocalStorage()];
    let bound, snapshot, resource;
    const result = a.run(
      { id: 1 },
      (x, y) => {
        bound = AsyncLocalStorage.bind(function (z) {
          return [a.getStore().id, z, this?.own];
        });
        snapshot = AsyncLocalStorage.snapshot();
        resource = new AsyncResource("test");
        setTimeout(() => log.push("timer", a.getStore()?.id), 1);
        queueMicrotask(() => log.push("microtask", a.getStore()?.id));
        b.run("inner", () => log.push(a.getStore().id, b.getStore()));
        log.push(
          b.getStore(),
          a.exit(() => a.getStore()),
          a.getStore().id,
        );
        return x + y;
      },
      2,
      3,
    );
    log.push(
      result,
      a.getStore(),
      bound.call({ own: "this" }, 7),
      snapshot((x) => [a.getStore().id, x], 8),
      bound.length,
    );
    log.push(
      resource.runInAsyncScope((x) => [a.getStore().id, x], null, 9),
      resource.bind(() => a.getStore().id)(),
    );
    await Promise.all(
      [1, 2, 3].map((n) =>
        a.run(n, async () => {
          await turn();
          log.push(a.getStore() === n);
          a.enterWith(n * 10);
          await turn();
          log.push(a.getStore() === n * 10);
        }),
      ),
    );
    try {
      a.run("thrown", () => {
        throw new Error("out");
      });
    } catch {
      log.push("after", a.getStore());
    }
    a.run("x", () => {
      a.disable();
      log.push(a.getStore());
      a.run("y", () => log.push(a.getStore()));
    });
    log.push(
      outcome(() => new AsyncResource(5)),
      outcome(() => AsyncResource.bind(5)),
    );
    return log;
  };
  assert.deepEqual(await script(hooks), await script(nodeHooks));
  const withDefault = new hooks.AsyncLocalStorage({ defaultValue: 5, name: "named" });
  assert.deepEqual(
    [withDefault.getStore(), withDefault.run(6, () => withDefault.getStore()), withDefault.name],
    [5, 6, "named"],
  );
});

test("the process shows the app's environment, a clock and little else", async () => {
  assert.equal(process.env.GREETING, "hello");

  const start = process.hrtime();
  assert.ok(process.hrtime.bigint() > 0n && process.hrtime(start)[0] >= 0 && process.uptime() > 0);
  assert.ok(process.memoryUsage().heapUsed > 0);
  assert.throws(() => process.exit(1), { code: "NODE_API_NOT_SUPPORTED" });
  const order = [];
  process.nextTick((x) => order.push(x), "tick");
  order.push("now");
  await null;
  assert.deepEqual(order, ["now", "tick"]);
  process.stdout.write("printed\n");
  process.stderr.write(Buffer.from("complained\n"));
  assert.deepEqual(written.slice(-2), [
    ["stdout", "printed\n"],
    ["stderr", "complained\n"],
  ]);
  const warned = new Promise((resolve) => process.once("warning", resolve));
  process.emitWarning("careful", "Custom", "C1");
  const { name, message, code } = await warned;
  assert.deepEqual([name, message, code], ["Custom", "careful", "C1"]);
  assert.equal(Object.prototype.toString.call(process), "[object process]");
});

test("the process's input has ended, whichever way it is read", async () => {
  const { stdin } = process;
  assert.deepEqual([stdin.fd, stdin.isTTY, stdin.setEncoding("utf8").read()], [0, false, null]);
  const chunks = [];
  stdin.on("data", (chunk) => chunks.push(chunk));
  await new Promise((resolve) => stdin.on("end", resolve));
  for await (const chunk of stdin) chunks.push(chunk);
  assert.deepEqual([chunks, stdin.readable, stdin.readableEnded], [[], false, true]);
});

test("what packages ask of the process when they are imported is there", () => {
  assert.equal(process.umask(), 0o022);
  assert.equal(process.umask(0o077), 0o022);
  assert.throws(() => process.umask(-1), { code: "ERR_OUT_OF_RANGE" });
  assert.equal(process.config.variables.napi_build_version, undefined);
  assert.deepEqual([process.ref({}), process.unref({})], [undefined, undefined]);
});

test("timers", async () => {
  for (const {
    setTimeout,
    setInterval,
    setImmediate,
    clearTimeout,
    clearInterval,
    clearImmediate,
    promises,
  } of [nodeTimers, timers]) {
    const log = [];
    const stopped = setTimeout(() => log.push("stopped"), 1);
    clearTimeout(stopped);
    clearImmediate(setImmediate(() => log.push("stopped")));
    const kept = setTimeout((x) => log.push(x), 1, "fired").unref();
    log.push(kept.hasRef(), kept.ref().hasRef());
    await promises.setTimeout(5);
    let count = 0;
    await new Promise((resolve) => {
      const interval = setInterval(() => ++count === 3 && resolve(clearInterval(interval)), 1);
    });
    log.push(count, await promises.setTimeout(1, "value"), await promises.setImmediate("soon"));
    for await (const value of promises.setInterval(1, "tick")) if (log.push(value) > 8) break;
    const controller = new AbortController();
    const waiting = promises.setTimeout(1000, null, { signal: controller.signal });
    controller.abort();
    await waiting.catch((error) => log.push(error.name, error.code));
    log.push(outcome(() => setTimeout("code")));
    assert.deepEqual(log, [
      false,
      true,
      "fired",
      3,
      "value",
      "soon",
      "tick",
      "tick",
      "tick",
      "AbortError",
      "ABORT_ERR",
      { threw: "TypeError", code: "ERR_INVALID_ARG_TYPE" },
    ]);
  }
});

test("diagnostics channels", async () => {
  const script = async (
    { channel, subscribe, unsubscribe, hasSubscribers, tracingChannel },
    { AsyncLocalStorage },
  ) => {
    const log = [];
    const listener = (message, name) => log.push(name, message);
    log.push(hasSubscribers("a"), channel("a") === channel("a"));
    subscribe("a", listener);
    channel("a").publish({ x: 1 });
    log.push(
      hasSubscribers("a"),
      unsubscribe("a", listener),
      unsubscribe("a", listener),
      channel("a").hasSubscribers,
    );
    const storage = new AsyncLocalStorage();
    channel("b").bindStore(storage, (message) => message.id);
    log.push(channel("b").runStores({ id: 5 }, (x) => [x, storage.getStore()], null, "arg"));
    const traced = tracingChannel("work");
    const phases = ["start", "end", "asyncStart", "asyncEnd", "error"];
    traced.subscribe(
      Object.fromEntries(
        phases.map((phase) => [
          phase,
          ({ result, error }) => log.push(phase, result, error?.message),
        ]),
      ),
    );
    log.push(traced.traceSync((x) => x * 2, {}, null, 4));
    log.push(
      outcome(() =>
        traced.traceSync(() => {
          throw new Error("sync");
        }),
      ),
    );
    log.push(await traced.tracePromise(async () => "p"));
    await traced
      .tracePromise(async () => {
        throw new Error("async");
      })
      .catch(() => {});
    traced.traceCallback(
      (callback) => callback(null, "c"),
      0,
      {},
      null,
      (error, value) => log.push("called", value),
    );
    return log;
  };
  assert.deepEqual(await script(channels, hooks), await script(nodeChannels, nodeHooks));
});

test("timers as promises are aborted, left early, and checked", async () => {
  const script = async ({
    setTimeout: wait,
    setInterval: every,
    setImmediate: soon,
    scheduler,
  }) => {
    const log = [];
    const note = (error) => log.push(error.name, error.code, error.cause);
    for (const start of [wait, (delay, _, options) => scheduler.wait(delay, options)]) {
      const controller = new AbortController();
      const waiting = start(60_000, 1, { signal: controller.signal }).catch(note);
      controller.abort("why");
      await waiting;
      await start(1, 1, { signal: controller.signal }).catch(note);
    }
    for await (const value of every(1, "tick")) {
      log.push(value);
      if (log.at(-2) === "tick") break;
    }
    const controller = new AbortController();
    try {
      for await (const value of every(1, "tock", { signal: controller.signal })) {
        log.push(value);
        controller.abort("enough");
      }
    } catch (error) {
      note(error);
    }
    const left = every(1, "left");
    log.push(await left.next(), await left.return("mine"), await left.next());
    log.push(await soon("now"), await wait(NaN, "v"), await wait(undefined, "u"));
    const bad = [null, "1", 2n, {}];
    for (const delay of bad) {
      await wait(delay).catch((error) => log.push(error.code));
      await every(delay)
        .next()
        .catch((error) => log.push(error.code));
      await scheduler.wait(delay).catch((error) => log.push(error.code));
    }
    for (const options of [null, 5, { signal: 5 }, { ref: 5 }])
      await wait(1, 1, options).catch((error) => log.push(error.code));
    return log;
  };
  assert.deepEqual(await script(await ours("timers/promises")), await script(nodeTimerPromises));
});

test("require gives the built-in modules, and nothing else", async () => {
  await preload();
  const { createRequire, isBuiltin } = (await ours("module")).default;
  const require = createRequire("file:///server.js");
  assert.equal(require("node:path").join("a", "b"), "a/b");
  assert.equal(require("path"), require("node:path"));
  assert.equal(require("stream").Readable, (await ours("stream")).Readable);
  assert.equal(process.getBuiltinModule("node:os").EOL, "\n");
  assert.equal(require("fs/promises"), require("node:fs").promises);
  assert.deepEqual(
    [isBuiltin("node:test"), isBuiltin("test"), isBuiltin("node:stream/web"), isBuiltin("fs")],
    [false, false, true, true],
  );
  assert.throws(() => require("express"), {
    code: "MODULE_NOT_FOUND",
    message: /express.*buffer, /,
  });
  const { Module } = await ours("module");
  assert.equal(Module.Module, (await ours("module")).default);
  assert.deepEqual({ ...new Module("a/b") }, { ...new NodeModule("a/b") });
  assert.equal(new Module("a").require("path"), require("node:path"));
  assert.throws(() => createRequire("relative.js"), { code: "ERR_INVALID_ARG_VALUE" });
  assert.ok(builtinModules.length > 20);
});
