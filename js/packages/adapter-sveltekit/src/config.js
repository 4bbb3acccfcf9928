/**
 * Reads an app's `orilla.config.js` or `orilla.config.ts`: the blocks of its manifest that a build cannot know. What
 * the blocks mean is not judged here but by `runtime check`, which has the manifest's schema.
 */

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { AdapterError } from "./error.js";
import { importBundled } from "./import.js";

const FILES = ["orilla.config.ts", "orilla.config.js", "orilla.config.mjs"];

const BLOCKS = [
  "limits",
  "env",
  "features",
  "auth",
  "database",
  "transforms",
  "realtime",
  "events",
  "workflows",
];

/**
 * The app's configuration, empty where there is no file.
 *
 * @param {string} workDirectory a directory of the app for what is compiled on the way
 * @returns {Promise<import("@orilla/platform/config").OrillaConfig>}
 * @throws {AdapterError} `ADAPTER_CONFIG`
 */
export async function readConfig(workDirectory) {
  const file = FILES.find((name) => existsSync(name));
  if (!file) return {};

  const { default: config } = await importBundled(resolve(file), join(workDirectory, "config.mjs"));
  check(file, config);
  return config;
}

function check(file, config) {
  if (typeof config !== "object" || config === null) {
    throw new AdapterError(
      "ADAPTER_CONFIG",
      `${file} has no default export that is an object; write \`export default defineConfig({ … })\`.`,
    );
  }
  const unknown = Object.keys(config).find((key) => !BLOCKS.includes(key));
  if (unknown) {
    throw new AdapterError(
      "ADAPTER_CONFIG",
      `${file} has a block named "${unknown}"; the blocks are ${BLOCKS.join(", ")}.`,
    );
  }
}
