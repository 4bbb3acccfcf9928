/** Imports modules of an app into the build: its configuration, and what it declares. */

import { pathToFileURL } from "node:url";
import { build } from "esbuild";

/**
 * @param {string} file an ES module or one in TypeScript
 * @param {string} outfile where it is compiled to, together with what it imports; a file of the app, so that its
 *   packages are found
 * @returns {Promise<Record<string, unknown>>} the module
 */
export async function importBundled(file, outfile) {
  await build({
    entryPoints: [file],
    outfile,
    bundle: true,
    packages: "external",
    format: "esm",
    platform: "node",
    logLevel: "silent",
  });
  // The query keeps Node from answering with the module of an earlier build in the same process.
  return import(`${pathToFileURL(outfile)}?${Date.now()}`);
}
