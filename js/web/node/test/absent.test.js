// The modules that are there in name only: everything Node exports can be imported, what cannot work says so, and the
// little that can does what Node's does.

import assert from "node:assert/strict";
import { builtinModules } from "node:module";
import test from "node:test";
import { promisify } from "node:util";
import { host, ours } from "./ours.js";
import { random } from "./random.js";

process.chdir("/");

const { builtinModules: names } = await host();
const NOT_SUPPORTED = { code: "NODE_API_NOT_SUPPORTED" };

/** Not of use to a server bundle; docs/node-modules.md says so. */
const MISSING = ["test", "test/reporters"];

test("every module of Node can be imported", () => {
  const needed = [...builtinModules, "sea", "sqlite"]
    .map((name) => name.replace(/^node:/, ""))
    .filter((name) => !name.startsWith("_") && !MISSING.includes(name));
  assert.deepEqual(
    needed.filter((name) => !names.includes(name)),
    [],
  );
});

test("what is there has the same kind as in Node", async () => {
  // A global that Node 22 lacks.
  const isKnown = (name, key) => `${name}.${key}` === "http.CloseEvent";
  for (const name of names) {
    const [our, node] = [await ours(name), await import(`node:${name}`)];
    for (const key of Object.keys(our).filter((key) => node[key] !== undefined)) {
      if (key !== "default" && !isKnown(name, key))
        assert.equal(typeof our[key], typeof node[key], `${name}.${key}`);
    }
  }
});

test("functions throw or reject, and name themselves", async () => {
  const fs = await ours("fs");
  const message =
    "fs.readFileSync() is not available: an app has no file system; bundle what it reads into the server file, and keep " +
    "what it writes in a service";
  assert.throws(() => fs.readFileSync("/etc/passwd"), { ...NOT_SUPPORTED, message });
  assert.throws(() => fs.default.writeFile("/x", "", () => {}), NOT_SUPPORTED);
  await assert.rejects(promisify(fs.readFile)("/x"), NOT_SUPPORTED);
  await assert.rejects(fs.promises.readFile("/x"), NOT_SUPPORTED);
  await assert.rejects((await ours("dns/promises")).lookup("example.com"), {
    ...NOT_SUPPORTED,
    message: /^dns\.promises\.lookup\(\) /,
  });
  const calls = {
    child_process: "spawn",
    cluster: "fork",
    dgram: "createSocket",
    dns: "lookup",
    http: "createServer",
    http2: "connect",
    https: "createServer",
    inspector: "open",
    net: "connect",
    os: "userInfo",
    path: "matchesGlob",
    readline: "createInterface",
    repl: "start",
    tls: "connect",
    v8: "serialize",
    vm: "runInThisContext",
    zlib: "zstdCompressSync",
  };
  for (const [name, key] of Object.entries(calls)) {
    const module = await ours(name);
    assert.equal(module[key].name, key);
    assert.throws(() => module.default[key](), {
      ...NOT_SUPPORTED,
      message: new RegExp(`${name}\\.${key}\\(\\) `),
    });
  }
});

test("classes can be extended and asked for, and throw when they are made", async () => {
  const { ServerResponse, Server } = await ours("http");
  class Own extends ServerResponse {}
  function Old() {
    Server.call(this);
  }
  assert.throws(() => new Own(), { ...NOT_SUPPORTED, message: /^new http\.ServerResponse\(\) / });
  assert.throws(() => new Old(), NOT_SUPPORTED);
  assert.ok(!({} instanceof ServerResponse));
  assert.ok(Object.create(ServerResponse.prototype) instanceof ServerResponse);
});

test("agents can be made, extended and asked what they were made with", async () => {
  for (const name of ["http", "https"]) {
    const [our, node] = [await ours(name), await import(`node:${name}`)];
    class Own extends our.Agent {}
    for (const options of [undefined, { keepAlive: true, maxSockets: 50, keepAliveMsecs: 5 }]) {
      const [ourAgent, nodeAgent] = [new Own(options), new node.Agent(options)];
      const shown =
        "defaultPort protocol keepAlive keepAliveMsecs maxSockets maxFreeSockets maxTotalSockets sockets";
      for (const key of shown.split(" ")) assert.deepEqual(ourAgent[key], nodeAgent[key], key);
      assert.deepEqual({ ...ourAgent.options }, { ...nodeAgent.options });
    }
    const agent = our.Agent({});
    assert.ok(agent instanceof our.Agent);
    assert.ok(agent.on("free", () => {}) === agent && agent.destroy() === undefined);
    assert.throws(() => agent.addRequest(), NOT_SUPPORTED);
    assert.ok(our.globalAgent instanceof (await ours("http")).Agent);
  }
  const where = { host: "a.test", port: 80, family: 6, socketPath: "/s" };
  const { Agent } = await import("node:http");
  assert.equal(new (await ours("http")).Agent().getName(where), new Agent().getName(where));
});

test("constants are Node's", async () => {
  const plain = (value) => JSON.parse(JSON.stringify(value));
  const same = {
    fs: "constants",
    http: "STATUS_CODES",
    os: "constants",
    http2: "constants",
    sqlite: "constants",
  };
  for (const [name, key] of Object.entries({ ...same, zlib: "constants" })) {
    assert.deepEqual(
      plain((await ours(name))[key]),
      plain((await import(`node:${name}`))[key]),
      name,
    );
  }
  assert.deepEqual((await ours("http")).METHODS, (await import("node:http")).METHODS);
  assert.deepEqual((await ours("zlib")).codes, { ...(await import("node:zlib")).codes });
  const [our, node] = [await ours("constants"), await import("node:constants")];
  for (const key of Object.keys(our).filter(
    (key) => !["default", "OPENSSL_VERSION_NUMBER"].includes(key),
  ))
    assert.equal(our[key], node[key], key);
  for (const name of ["tls", "dns", "net", "cluster", "worker_threads"]) {
    const [our, node] = [await ours(name), await import(`node:${name}`)];
    for (const [key, value] of Object.entries(our))
      if (["string", "number", "boolean"].includes(typeof value))
        assert.equal(value, node[key], `${name}.${key}`);
  }
});

test("there is no file, no terminal and one thread", async () => {
  const fs = await ours("fs");
  assert.equal(fs.existsSync("/"), false);
  assert.equal(await promisify(fs.exists)("/"), false);
  assert.equal(await new Promise((resolve) => fs.exists("/", resolve)), false);
  assert.equal((await ours("tty")).isatty(1), false);
  assert.equal((await ours("sea")).isSea(), false);
  const threads = await ours("worker_threads");
  assert.deepEqual([threads.isMainThread, threads.threadId, threads.parentPort], [true, 0, null]);
  assert.ok(new threads.MessageChannel().port1 instanceof MessagePort);
  const channel = new threads.BroadcastChannel("x");
  assert.ok(channel instanceof BroadcastChannel && channel instanceof threads.BroadcastChannel);
  channel.close();
  (await ours("console")).default.log.call(undefined);
  assert.equal((await ours("console")).default.warn, console.warn);
});

test("addresses and headers are checked as in Node", async () => {
  const [net, nodeNet] = [await ours("net"), await import("node:net")];
  const parts = ["::", ":", "1", "ffff", "0", "127.0.0.1", "1.2", ".", "256", "%eth0", "g", "01"];
  for (let i = 0; i < 5000; i++) {
    const count = random.integer(9);
    const text = Array.from({ length: count }, () => random.pick(parts)).join(
      random.pick(["", ":", "."]),
    );
    assert.equal(net.isIP(text), nodeNet.isIP(text), text);
    assert.equal(net.isIPv4(text), nodeNet.isIPv4(text), text);
    assert.equal(net.isIPv6(text), nodeNet.isIPv6(text), text);
  }
  const [http, nodeHttp] = [await ours("http"), await import("node:http")];
  const outcome = (call) => {
    try {
      return call();
    } catch ({ name, code, message }) {
      return [name, code, message];
    }
  };
  for (const value of ["", "a", "a b", "é", "a\n", "日", undefined, 1, "x-Y_1~", "a:"]) {
    for (const call of [
      (http) => http.validateHeaderName(value),
      (http) => http.validateHeaderValue("x", value),
    ])
      assert.deepEqual(
        outcome(() => call(http)),
        outcome(() => call(nodeHttp)),
        String(value),
      );
  }
});

test("punycode is Node's", async () => {
  const [our, node] = [await ours("punycode"), (await import("node:punycode")).default];
  for (let i = 0; i < 2000; i++) {
    const text = random.text(random.integer(12)).replace(/[\ud800-\udfff]/g, "");
    for (const call of ["encode", "toASCII"]) assert.equal(our[call](text), node[call](text), text);
    assert.equal(our.decode(our.encode(text)), text);
    assert.equal(our.toUnicode(our.toASCII(text)), node.toUnicode(node.toASCII(text)), text);
    assert.deepEqual(our.ucs2.decode(text), node.ucs2.decode(text));
  }
  for (const malformed of ["é-x", "99999999", "a-\u0081"])
    assert.throws(() => our.decode(malformed), RangeError);
  assert.equal(our.toASCII("é@mañana。com"), node.toASCII("é@mañana。com"));
});

test("paths of Windows are Node's", async () => {
  const { win32: our, posix } = await ours("path");
  const { win32: node } = await import("node:path");
  assert.equal((await ours("path/win32")).default, our);
  assert.equal(our.posix, posix);
  const parts = [
    "\\",
    "\\",
    "/",
    "a",
    "b",
    ".",
    "..",
    "C:\\",
    "c:",
    "D:/",
    "x.txt",
    ".y",
    "\\\\s\\t",
  ];
  const path = () => Array.from({ length: random.integer(7) }, () => random.pick(parts)).join("");
  for (let i = 0; i < 5000; i++) {
    const [a, b] = [path(), path()];
    for (const name of [
      "basename",
      "dirname",
      "extname",
      "isAbsolute",
      "normalize",
      "parse",
      "toNamespacedPath",
    ])
      assert.deepEqual(our[name](a), node[name](a), `${name} ${a}`);
    for (const name of ["join", "resolve"])
      assert.equal(our[name](a, b), node[name](a, b), `${name} ${a} ${b}`);
    assert.equal(our.format(our.parse(a)), node.format(node.parse(a)));
  }
  for (const [from, to] of [
    ["C:\\a\\b", "c:\\A\\d\\e"],
    ["C:\\a", "D:\\a"],
    ["C:\\a", "C:\\a"],
    ["a\\b", "a"],
  ])
    assert.equal(our.relative(from, to), node.relative(from, to));
});

test("zlib's functions with a callback compress and decompress", async () => {
  const [our, node] = [await ours("zlib"), await import("node:zlib")];
  const { Buffer: OurBuffer } = await ours("buffer");
  const run = (module, name, ...args) => promisify(module[name])(...args);
  const text = "héllo ".repeat(1000);
  const pairs = [
    ["gzip", "gunzip"],
    ["deflate", "inflate"],
    ["deflateRaw", "inflateRaw"],
    ["gzip", "unzip"],
  ];
  for (const [pack, unpack] of [...pairs, ["deflate", "unzip"]]) {
    const packed = await run(our, pack, text);
    assert.ok(OurBuffer.isBuffer(packed) && packed.length < 200);
    assert.equal(String(await run(node, unpack, packed)), text);
    assert.equal(
      String(await run(our, unpack, await run(node, pack, text, { level: 1 }), {})),
      text,
    );
  }
  await assert.rejects(run(our, "gunzip", "no gzip"), { code: "Z_DATA_ERROR", errno: -3 });
  const bomb = await run(node, "gzip", Buffer.alloc(1 << 20));
  await assert.rejects(run(our, "gunzip", bomb, { maxOutputLength: 1000 }), {
    code: "ERR_BUFFER_TOO_LARGE",
  });
  assert.throws(() => our.gzip(1, () => {}), { code: "ERR_INVALID_ARG_TYPE" });
  assert.throws(() => our.gzip("x"), { code: "ERR_INVALID_ARG_TYPE" });
  assert.equal(our.crc32("world", our.crc32("hello ")), node.crc32("hello world"));
});

test("what is written to standard output and error by number goes to the log", async () => {
  const { written } = await host();
  const fs = await ours("fs");
  written.length = 0;
  assert.equal(fs.writeSync(1, "é\n"), 3);
  const bytes = new TextEncoder().encode("a line\n");
  assert.equal(await promisify(fs.write)(2, bytes, 2, 4), 4);
  await new Promise((resolve) => fs.write(1, "text", resolve));
  assert.equal(fs.writeSync(1, bytes, { offset: 2 }), 5);
  assert.deepEqual(written, [
    ["stdout", "é\n"],
    ["stderr", "line"],
    ["stdout", "text"],
    ["stdout", "line\n"],
  ]);
  assert.throws(() => fs.writeSync(3, "x"), { ...NOT_SUPPORTED, message: /^fs\.writeSync\(\) / });
  assert.throws(() => fs.write(1, "x"), { code: "ERR_INVALID_ARG_TYPE" });
});

test("secret keys are objects that HMACs take", async () => {
  const [our, node] = [await ours("crypto"), await import("node:crypto")];
  for (const key of ["sécret", new Uint8Array([1, 2, 3]).subarray(1), new ArrayBuffer(2), ""]) {
    const play = (crypto) => {
      const secret = crypto.createSecretKey(key, "utf8");
      return [
        crypto.createHmac("sha256", secret).update("x").digest("hex"),
        secret.export().toString("hex"),
        secret.export({ format: "jwk" }),
        [secret.type, secret.symmetricKeySize, secret.asymmetricKeyType],
        secret.equals(crypto.createSecretKey(key, "utf8")),
        secret instanceof crypto.KeyObject,
      ];
    };
    assert.deepEqual(play(our), play(node));
  }
  assert.throws(() => our.createDiffieHellman(64), NOT_SUPPORTED);
  assert.throws(() => new our.KeyObject("secret"), NOT_SUPPORTED);
  assert.throws(() => our.createSecretKey(1), { code: "ERR_INVALID_ARG_TYPE" });
});
