// `node:module`: `require` for bundles that still call it. It knows the built-in modules only: an
// app is one bundle, and there are no files to load.

import { builtinModules as names, loadBuiltin } from "ext:orilla_web/node_host.js";
import { codedError, invalidArgValue } from "ext:orilla_web/node/internal/errors.js";
import { validateString } from "ext:orilla_web/node/internal/validate.js";

/** Names without `node:`. */
export const builtinModules = Object.freeze([...names]);

/** @param {unknown} name with or without `node:` @returns {boolean} */
export function isBuiltin(name) {
  return typeof name === "string" && names.includes(name.replace(/^node:/, ""));
}

/**
 * @param {string | URL} filename of the caller: a `file:` URL or an absolute path
 * @returns {((name: string) => unknown) & { resolve(name: string): string }}
 */
export function createRequire(filename) {
  const isUsable = filename instanceof URL || /^(file:|\/)/.test(filename);
  if (!isUsable)
    throw invalidArgValue("filename", filename, "must be a file URL or an absolute path");
  const find = (name) => {
    validateString(name, "id");
    if (isBuiltin(name)) return name;
    const advice = `bundle it into the server file. Built in are ${names.join(", ")}`;
    throw codedError(Error, "MODULE_NOT_FOUND", `Cannot find module '${name}': ${advice}`);
  };
  const require = (name) => loadBuiltin(find(name).replace(/^node:/, "")).default;
  require.resolve = find;
  require.cache = Object.create(null);
  return require;
}

export default { builtinModules, createRequire, isBuiltin };
