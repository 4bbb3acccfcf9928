// What holds for every module: it needs nothing of Node's, leaves the global object alone, draws no
// time or randomness when it is imported, and has the shape of Node's module.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { host, ours } from "./ours.js";

const { builtinModules } = await host();
const root = fileURLToPath(new URL("../", import.meta.url));

test("importing needs no globals of Node's, no time, no chance, and leaves no trace", async () => {
  const script = `
    import { host, ours } from ${JSON.stringify(new URL("ours.js", import.meta.url).href)};
    const { builtinModules, env } = await host();
    // Node compiles it at the first look, with globals of its own.
    void MessageEvent;
    const ofNode = ["process", "Buffer", "global", "setImmediate", "clearImmediate"];
    for (const name of ofNode) delete globalThis[name];
    const refuse = (what) => () => { throw new Error(what + " was used at import"); };
    Object.assign(Date, { now: refuse("Date.now") });
    Math.random = refuse("Math.random");
    performance.now = refuse("performance.now");
    crypto.getRandomValues = crypto.randomUUID = refuse("crypto");
    globalThis.setTimeout = globalThis.setInterval = globalThis.queueMicrotask = refuse("a timer");
    Object.setPrototypeOf(env(), new Proxy({}, { get: refuse("env"), has: refuse("env") }));
    const before = Reflect.ownKeys(globalThis);
    for (const name of builtinModules) await ours(name);
    const added = Reflect.ownKeys(globalThis).filter((key) => !before.includes(key));
    if (added.length > 0) throw new Error("added " + added);
    console.log("clean " + builtinModules.length);
  `;
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--input-type=module",
    "-e",
    script,
  ]);
  assert.equal(stdout.trim(), `clean ${builtinModules.length}`);
});

/** Exports of Node's modules that are left out on purpose; docs/node-modules.md says so. */
const LEFT_OUT = {
  assert: ["CallTracker", "Assert", "partialDeepStrictEqual"],
  "assert/strict": ["CallTracker", "Assert", "partialDeepStrictEqual"],
  async_hooks: ["asyncWrapProviders"],
  buffer: ["resolveObjectURL", "transcode"],
  crypto: [],
  diagnostics_channel: [],
  events: [
    "EventEmitterAsyncResource",
    "usingDomains",
    "init",
    "defaultMaxListeners",
    "captureRejections",
  ],
  stream: ["compose", "duplexPair"],
  timers: ["active", "enroll", "unenroll", "_unrefActive"],
  url: ["fileURLToPathBuffer"],
  util: [
    "MIMEParams",
    "MIMEType",
    "getCallSite",
    "getCallSites",
    "getSystemErrorMap",
    "getSystemErrorMessage",
    "getSystemErrorName",
    "parseArgs",
    "parseEnv",
    "transferableAbortController",
    "transferableAbortSignal",
    "diff",
    "setTraceSigInt",
    "convertProcessSignalToExitCode",
  ],
  "util/types": ["isEventTarget"],
};
LEFT_OUT.sys = LEFT_OUT.util;
/** Of these only the part that the documentation lists exists. */
const PARTIAL = new Set(["process"]);

test("each module exports what Node's does, by name and on its default export", async () => {
  for (const name of builtinModules) {
    const [our, node] = [await ours(name), await import(`node:${name}`)];
    const isOld = (key) =>
      key.startsWith("_") || (["sys", "util"].includes(name) && /^(is[A-Z]|log$|_)/.test(key));
    const missing = Object.keys(node).filter((key) => !(key in our) && !isOld(key));
    if (!PARTIAL.has(name)) {
      assert.deepEqual(
        missing.filter((key) => !LEFT_OUT[name]?.includes(key) && key !== "default"),
        [],
        `missing in ${name}`,
      );
    }
    const onlyNamed = Object.keys(our).filter((key) => key !== "default" && !(key in our.default));
    assert.deepEqual(onlyNamed, [], `not on the default export of ${name}`);
  }
});

test("files stay short, and what they import is here", () => {
  const files = readdirSync(root, { recursive: true }).filter(
    (path) => path.endsWith(".js") && !path.startsWith("test/"),
  );
  for (const file of files) {
    const text = readFileSync(`${root}/${file}`, "utf8");
    assert.ok(text.split("\n").length <= 501, `${file} is longer than 500 lines`);
    for (const [, specifier] of text.matchAll(/from "([^"]+)"/g)) {
      const path = specifier.startsWith("node:")
        ? `${specifier.slice(5)}.js`
        : specifier.replace("ext:orilla_web/node/", "");
      const isKnown = specifier === "ext:orilla_web/node_host.js" || files.includes(path);
      assert.ok(isKnown, `${file} imports ${specifier}`);
    }
  }
});
