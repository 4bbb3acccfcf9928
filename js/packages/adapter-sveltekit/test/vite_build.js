/** Builds SvelteKit apps as their users do: `vite build` in the app's directory. */

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";

/**
 * @param {string} app the app's directory
 * @param {string} vite the `node_modules` that Vite is taken from
 * @param {object} [adapterOptions] for the fixture: options of the adapter
 * @param {Record<string, string>} [variables] of the build's environment
 * @returns {Promise<{ failed: boolean, output: string }>}
 */
export async function viteBuild(app, vite, adapterOptions = {}, variables = {}) {
  const options = { ADAPTER_OPTIONS: JSON.stringify(adapterOptions), NODE_ENV: "" };
  const env = { ...process.env, ...options, ...variables };
  try {
    const args = [join(vite, "vite/bin/vite.js"), "build"];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: app, env });
    return { failed: false, output: stdout + stderr };
  } catch ({ stdout, stderr }) {
    return { failed: true, output: stdout + stderr };
  }
}

/**
 * @param {string} file an ES module
 * @returns {Promise<{ imports: string[], exports: string[] }>} what it imports, dynamically too, and what it exports
 */
export async function moduleShape(file) {
  const { metafile } = await build({
    entryPoints: [file],
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "neutral",
    external: ["*"],
    outdir: "/",
  });
  const { imports, exports } = Object.values(metafile.outputs)[0];
  return { imports: [...new Set(imports.map(({ path }) => path))].sort(), exports };
}
