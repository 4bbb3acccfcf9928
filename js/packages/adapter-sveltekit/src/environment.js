/**
 * Which environment variables an app says it cannot do without. SvelteKit 3 has apps declare theirs in `src/env.js` or
 * `src/env.ts` and refuses to start without those it requires; so the host is told about them.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { importBundled } from "./import.js";

/**
 * @param {string} serverDirectory SvelteKit's server output
 * @param {string} workDirectory a directory of the app for what is compiled on the way
 * @returns {Promise<string[]>} names; none before version 3, whose output has no module of declarations
 */
export async function requiredVariables(serverDirectory, workDirectory) {
  const file = join(serverDirectory, "env.js");
  if (!existsSync(file)) return [];
  const { variables } = await importBundled(file, join(workDirectory, "env.mjs"));
  return Object.keys(variables).filter((name) => isRequired(variables[name]));
}

/**
 * Static variables were read by the build. Of the others, those can be missing whose validator takes `undefined`.
 *
 * @param {import("@sveltejs/kit/env").EnvVarConfig<unknown>} variable
 * @returns {boolean}
 */
function isRequired({ static: isStatic, schema }) {
  if (isStatic) return false;
  if (!schema) return true;
  try {
    return Boolean(schema["~standard"].validate(undefined).issues);
  } catch {
    return true;
  }
}
