/** The app that both major versions of SvelteKit are tested with: `app`, with what is in `kit-<version>` laid over it. */

import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));

/** Where Vite is, and every package that the apps share. */
export const PACKAGES = join(HERE, "../../node_modules");

/** Where npm installed each version. */
const KITS = { 2: "sveltekit-2", 3: "@sveltejs/kit" };

/**
 * @param {2 | 3} version of SvelteKit
 * @returns {string} the app's directory
 */
export function fixture(version) {
  const app = join(HERE, ".apps", `kit-${version}`);
  rmSync(app, { recursive: true, force: true });
  cpSync(join(HERE, "app"), app, { recursive: true });
  const own = join(HERE, `kit-${version}`);
  if (existsSync(own)) cpSync(own, app, { recursive: true });
  installKit(app, version);
  writeCommonJsPackage(app);
  return app;
}

/** A copy, because SvelteKit looks for itself under its own name, and for what it imports where the app does. */
function installKit(app, version) {
  const kit = join(PACKAGES, KITS[version]);
  const installed = JSON.parse(readFileSync(join(kit, "package.json"), "utf8")).version;
  if (Number.parseInt(installed, 10) !== version) throw new Error(`${kit} holds ${installed}`);
  cpSync(kit, join(app, "node_modules/@sveltejs/kit"), { recursive: true });
  const dependencies = join(kit, "node_modules");
  if (existsSync(dependencies))
    cpSync(dependencies, join(app, "node_modules"), { recursive: true });
}

/** A dependency that reaches for Node by `require`. It is written here because git ignores node_modules. */
function writeCommonJsPackage(app) {
  const directory = join(app, "node_modules/digest-in-commonjs");
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
