import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { moduleShape, viteBuild } from "./vite_build.js";

const APP = fileURLToPath(new URL("app", import.meta.url));
const PACKAGES = fileURLToPath(new URL("../../node_modules", import.meta.url));
const OUT = join(APP, "build");

/** What was evaluated when the worker was imported, and its handler. */
let atImport, handler;

/** What the build of the app said. */
let said;

before(async () => {
  writeCommonJsPackage();
  const { failed, output } = await viteBuild(APP, PACKAGES);
  assert.ok(!failed, output);
  said = output;
  ({ default: handler } = await import(pathToFileURL(join(OUT, "server.js"))));
  atImport = [...globalThis.evaluated];
});

/** A dependency that reaches for Node by `require`. It is written here because git ignores node_modules. */
function writeCommonJsPackage() {
  const directory = join(APP, "node_modules/digest-in-commonjs");
  mkdirSync(directory, { recursive: true });
  writeFileSync(
    join(directory, "package.json"),
    '{ "name": "digest-in-commonjs", "version": "1.0.0" }',
  );
  writeFileSync(
    join(directory, "index.js"),
    'const { createHash } = require("crypto");\n' +
      'module.exports = (text) => createHash("sha256").update(text).digest("hex");\n',
  );
}

function request(path, init = {}) {
  const headers = { "x-forwarded-for": "203.0.113.7", ...init.headers };
  const env = { GREETING: "good day", PUBLIC_NAME: "orilla" };
  const ctx = { waitUntil() {} };
  return handler.fetch(new Request(`http://app.test${path}`, { ...init, headers }), env, ctx);
}

test("the manifest says what the runtime needs to know", () => {
  assert.deepEqual(JSON.parse(readFileSync(join(OUT, "manifest.json"), "utf8")), {
    version: 1,
    name: "acme-docs",
    entrypoint: "server.js",
    static: "static",
    routes: {
      include: ["/*"],
      exclude: ["/docs/private/*"],
      prerendered: { "/docs/about": "docs/about.html" },
      immutable: ["/docs/_app/immutable/*"],
    },
    limits: { wall_ms: 5000 },
    env: { prefix: "PUBLIC_", required: ["GREETING"] },
  });
});

test("static files lie where their URLs say, compressed beside", () => {
  const page = join(OUT, "static/docs/about.html");
  assert.match(readFileSync(page, "utf8"), /<h1>About<\/h1>/);
  for (const file of [page, `${page}.gz`, `${page}.br`]) assert.ok(existsSync(file), file);
  assert.ok(existsSync(join(OUT, "static/docs/_app/immutable")));
});

test("the worker is one module that imports only what the runtime has, or what it was told to", async () => {
  const { imports, exports } = await moduleShape(join(OUT, "server.js"));
  assert.deepEqual(imports, [
    "@orilla/platform",
    "node:async_hooks",
    "node:crypto",
    "node:fs",
    "node:test",
  ]);
  assert.deepEqual(exports, ["default"]);
  const { sources } = JSON.parse(readFileSync(join(OUT, "server.js.map"), "utf8"));
  assert.ok(sources.some((source) => source.endsWith("endpoints/plain/_server.js")));
});

test("what may be evaluated at module scope is, hooks first; what needs the environment is not", async () => {
  assert.equal(atImport[0], "hooks");
  assert.deepEqual([...atImport].sort(), ["hooks", "page", "plain"]);

  const env = await request("/docs/env");
  assert.equal(await env.text(), "good day");
  assert.equal(await (await request("/docs/waits")).text(), "ready");
  assert.equal(await (await request("/docs/plain")).text(), "late");
  assert.deepEqual(globalThis.evaluated.slice(atImport.length), [
    "greeting",
    "waits",
    "imported by the app itself",
  ]);
});

test("pages, form actions and hooks run, with the platform at hand", async () => {
  const page = await request("/docs/");
  assert.equal(page.status, 200);
  assert.equal(page.headers.get("x-hook"), "ran");
  assert.match(await page.text(), /<p>ctx env getPlatform<\/p>/);

  const body = new URLSearchParams({ name: "Ada" });
  const headers = { accept: "text/html", origin: "http://app.test" };
  const answer = await request("/docs/", { method: "POST", body, headers });
  assert.match(await answer.text(), /<p>Ada<\/p>/);

  const missing = await request("/docs/nothing-here");
  assert.equal(missing.status, 404);
});

test("a CommonJS dependency gets Node's module by import", async () => {
  const expected = createHash("sha256").update("orilla").digest("hex");
  assert.equal(await (await request("/docs/digest")).text(), expected);
});

test("the client's address is the host's word", async () => {
  assert.equal(await (await request("/docs/address")).text(), "203.0.113.7");
});

test("prerendered redirects and the other spelling of a prerendered path are answered", async () => {
  const old = await request("/docs/old");
  assert.deepEqual([old.status, old.headers.get("location")], [301, "/docs/about"]);
  const slash = await request("/docs/about/?q=1");
  assert.deepEqual([slash.status, slash.headers.get("location")], [308, "/docs/about?q=1"]);
  assert.equal((await request("/docs/%E0%A4%A")).status, 400);
});

test("an import of a module that the runtime lacks fails the build and names the importer", async () => {
  const { failed, output } = await viteBuild(APP, PACKAGES, {
    out: ".svelte-kit/refused",
    external: [],
  });
  assert.ok(failed);
  assert.match(
    output,
    /ADAPTER_NODE_MODULE: .*entries\/endpoints\/files\/_server\.js imports node:test/,
  );
});

test("an import of the app's own of a module that is there in name only is noted", () => {
  assert.match(
    said,
    /files\/_server\.js imports node:fs, which the Orilla runtime has in name only/,
  );
});

test("an output directory that holds the project is refused, and nothing is deleted", async () => {
  const { failed, output } = await viteBuild(APP, PACKAGES, { out: "../app" });
  assert.ok(failed);
  assert.match(output, /ADAPTER_OUT: /);
  assert.ok(existsSync(join(APP, "package.json")));
});
