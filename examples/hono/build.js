/** Bundles the app into `build/`: what the runtime brings along stays an import. */

import { cp, rm } from "node:fs/promises";
import { build } from "esbuild";

await rm("build", { recursive: true, force: true });
await build({
  entryPoints: ["src/server.js"],
  outfile: "build/server.js",
  bundle: true,
  format: "esm",
  target: "es2022",
  platform: "neutral",
  mainFields: ["module", "main"],
  external: ["@orilla/platform", "node:*"],
  sourcemap: true,
});
await cp("manifest.json", "build/manifest.json");
await cp("static", "build/static", { recursive: true });
