import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { PACKAGES, fixture } from "./fixture.js";
import { watchingHazards } from "./hazards.js";
import { moduleShape, viteBuild } from "./vite_build.js";

const ENVIRONMENT = { GREETING: "good day", PUBLIC_NAME: "orilla", TOKEN: "secret" };

/** What a build says of the environment: SvelteKit 2 knows a prefix, in version 3 apps declare their variables. */
const ENV_IN_MANIFEST = {
  2: { prefix: "PUBLIC_", required: ["GREETING"] },
  3: { required: ["GREETING", "TOKEN", "PUBLIC_NAME"] },
};

/** What is evaluated first: the app's declarations where it has them, and then its hooks. */
const FIRST = { 2: ["hooks"], 3: ["env", "hooks"] };

/**
 * The tests of an app that is built with one major version of SvelteKit. What the app traces is global, so each version
 * is tested in a process of its own.
 *
 * @param {2 | 3} version
 */
export function testAdapter(version) {
  const app = fixture(version);
  const build = join(app, "build");

  /** What was evaluated when the worker was imported, what else that did, and the worker's handler. */
  let atImport, hazardsAtImport, handler;

  /** What the build of the app said. */
  let said;

  before(async () => {
    const { failed, output } = await viteBuild(app, PACKAGES);
    assert.ok(!failed, output);
    said = output;
    const loaded = await watchingHazards(() => import(pathToFileURL(join(build, "server.js"))));
    handler = loaded.module.default;
    hazardsAtImport = loaded.hazards;
    atImport = [...globalThis.evaluated];
  });

  function request(path, init = {}, to = handler) {
    const headers = { "x-forwarded-for": "203.0.113.7", ...init.headers };
    const ctx = { waitUntil() {} };
    const request = new Request(`http://app.test${path}`, { ...init, headers });
    return to.fetch(request, ENVIRONMENT, ctx);
  }

  test("the manifest says what the runtime needs to know", () => {
    assert.deepEqual(JSON.parse(readFileSync(join(build, "manifest.json"), "utf8")), {
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
      env: ENV_IN_MANIFEST[version],
    });
  });

  test("static files lie where their URLs say, compressed beside", () => {
    const page = join(build, "static/docs/about.html");
    assert.match(readFileSync(page, "utf8"), /<h1>About<\/h1>/);
    for (const file of [page, `${page}.gz`, `${page}.br`]) assert.ok(existsSync(file), file);
    assert.ok(existsSync(join(build, "static/docs/_app/immutable")));
  });

  test("the worker is one module that imports only what the runtime has, or what it was told to", async () => {
    const { imports, exports } = await moduleShape(join(build, "server.js"));
    assert.deepEqual(imports, [
      "@orilla/platform",
      "node:async_hooks",
      "node:crypto",
      "node:fs",
      "node:test",
    ]);
    assert.deepEqual(exports, ["default"]);
    const { sources } = JSON.parse(readFileSync(join(build, "server.js.map"), "utf8"));
    assert.ok(sources.some((source) => /plain\/[_+]server\.js$/.test(source)));
  });

  test("what may be evaluated at module scope is, hooks first; what needs the environment is not", async () => {
    const first = FIRST[version];
    assert.deepEqual(atImport.slice(0, first.length), first);
    assert.deepEqual(atImport.slice(first.length).sort(), ["page", "plain"]);

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

  test("module scope draws no time and no randomness, and starts nothing", () => {
    assert.deepEqual(hazardsAtImport, []);
  });

  test("a minified build, which does not tell what needs the environment, is evaluated late", async () => {
    const out = ".svelte-kit/minified";
    const { failed, output } = await viteBuild(app, PACKAGES, { out }, { MINIFY: "true" });
    assert.ok(!failed, output);
    globalThis.evaluated = [];
    const { default: minified } = await import(pathToFileURL(join(app, out, "server.js")));
    assert.deepEqual(globalThis.evaluated, []);
    const env = await request("/docs/env", {}, minified);
    assert.equal(await env.text(), "good day");
  });

  if (version >= 3) {
    test("declared variables have their values where modules are evaluated", async () => {
      const declared = await request("/docs/declared");
      assert.equal(await declared.text(), "secret nobody vite orilla");
      const module = await request("/docs/_app/env.js");
      assert.match(await module.text(), /PUBLIC_NAME:"orilla"/);
    });
  }

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
    const { failed, output } = await viteBuild(app, PACKAGES, {
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
    const { failed, output } = await viteBuild(app, PACKAGES, { out: `../${basename(app)}` });
    assert.ok(failed);
    assert.match(output, /ADAPTER_OUT: /);
    assert.ok(existsSync(join(app, "package.json")));
  });
}
