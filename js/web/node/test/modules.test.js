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

/** Exports that are left out on purpose, by module: the table in docs/node-modules.md. */
function documentedAsLeftOut() {
  const text = readFileSync(new URL("../../../../docs/node-modules.md", import.meta.url), "utf8");
  const section = text.split("## Exports that are left out")[1].split("\n## ")[0];
  const names = (cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
  const rows = [...section.matchAll(/^\| (`.*?) \| (.*) \|$/gm)];
  return new Map(
    rows.flatMap(([, modules, exports]) =>
      names(modules).map((module) => [module, names(exports)]),
    ),
  );
}

test("each export of Node's is here or documented as left out, and the default export has all", async () => {
  const leftOut = documentedAsLeftOut();
  for (const name of builtinModules) {
    const [our, node] = [await ours(name), await import(`node:${name}`)];
    const documented = leftOut.get(name) ?? [];
    leftOut.delete(name);
    const missing = Object.keys(node).filter((key) => !(key in our));
    assert.deepEqual(
      missing.filter((key) => !documented.includes(key)),
      [],
      `missing in ${name}, and not in the table of docs/node-modules.md`,
    );
    assert.deepEqual(
      documented.filter((key) => key in our),
      [],
      `in ${name}, although the table says otherwise`,
    );
    const onlyNamed = Object.keys(our).filter((key) => key !== "default" && !(key in our.default));
    assert.deepEqual(onlyNamed, [], `not on the default export of ${name}`);
  }
  assert.deepEqual([...leftOut.keys()], [], "the table names modules that there are not");
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
