import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { watchingHazards } from "./hazards.js";
import { moduleShape, viteBuild } from "./vite_build.js";

const DEMO = fileURLToPath(new URL("../../../../examples/sveltekit", import.meta.url));
const OUT = join(DEMO, "build");

let handler, hazardsAtImport;

before(async () => {
  if (!existsSync(join(DEMO, "node_modules"))) {
    execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: DEMO, stdio: "inherit" });
  }
  const { failed, output } = await viteBuild(DEMO, join(DEMO, "node_modules"));
  assert.ok(!failed, output);

  const loaded = await watchingHazards(() => import(pathToFileURL(join(OUT, "server.js"))));
  handler = loaded.module.default;
  hazardsAtImport = loaded.hazards;
});

function request(path, init) {
  return handler.fetch(new Request(`http://demo.test${path}`, init), {}, { waitUntil() {} });
}

test("the scaffolder's demo is built with its prerendered pages and assets", async () => {
  const { name, routes } = JSON.parse(readFileSync(join(OUT, "manifest.json"), "utf8"));
  assert.equal(name, "sveltekit");
  for (const file of Object.values(routes.prerendered))
    assert.ok(existsSync(join(OUT, "static", file)));
  assert.deepEqual(Object.keys(routes.prerendered).sort(), ["/", "/about", "/sverdle/how-to-play"]);
  const assets = readdirSync(join(OUT, "static/_app/immutable"), { recursive: true });
  assert.ok(assets.some((asset) => asset.endsWith(".css")));
  assert.ok(assets.some((asset) => asset.endsWith(".js")));
  assert.ok(existsSync(join(OUT, "static/robots.txt")));

  const { imports } = await moduleShape(join(OUT, "server.js"));
  assert.deepEqual(imports, ["@orilla/platform", "node:async_hooks"]);
});

test("module scope draws no time and no randomness, and starts nothing", () => {
  assert.deepEqual(hazardsAtImport, []);
});

test("the demo's game is played through its form actions", async () => {
  const page = await request("/sverdle");
  assert.equal(page.status, 200);
  assert.match(await page.text(), /<form method="post"/i);

  const body = new URLSearchParams([..."crane"].map((letter) => ["guess", letter]));
  const headers = { accept: "text/html", origin: "http://demo.test" };
  const guess = await request("/sverdle?/enter", { method: "POST", body, headers });
  assert.equal(guess.status, 200);
  const cookie = decodeURIComponent(guess.headers.get("set-cookie"));
  assert.match(cookie, /^sverdle=.*crane/);

  const bad = await request("/sverdle?/enter", {
    method: "POST",
    body: new URLSearchParams([..."zzzzz"].map((letter) => ["guess", letter])),
    headers,
  });
  assert.equal(bad.status, 400);
});

test("a path that does not exist answers with the app's own error page", async () => {
  const missing = await request("/nowhere");
  assert.equal(missing.status, 404);
  assert.match(await missing.text(), /Not found/i);
});
