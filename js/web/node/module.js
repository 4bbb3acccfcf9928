// `node:module`: `require` for bundles that still call it. It knows the built-in modules only: an
// app is one bundle, and there are no files to load. What loads other modules is there in name only.

import { builtinModules as names, loadBuiltin } from "ext:orilla_web/node_host.js";
import { absent } from "ext:orilla_web/node/internal/absent.js";
import { codedError, invalidArgValue } from "ext:orilla_web/node/internal/errors.js";
import { validateString } from "ext:orilla_web/node/internal/validate.js";
import { dirname } from "node:path";

const [absentNames, absentMembers] = absent(
  "module",
  "an app is one bundle, and nothing else is loaded",
);

export const {
  SourceMap,
  findPackageJSON,
  register,
  registerHooks,
  runMain,
  setSourceMapsSupport,
  stripTypeScriptTypes,
} = absentNames;
export const constants = Object.freeze({
  compileCacheStatus: Object.freeze({ FAILED: 0, ENABLED: 1, ALREADY_ENABLED: 2, DISABLED: 3 }),
});
export const globalPaths = [];

/** @returns {{ status: number }} that it is off here: the host keeps compiled code by itself */
export function enableCompileCache() {
  return { status: constants.compileCacheStatus.DISABLED };
}

/** @returns {undefined} the host has the app's source map */
export function findSourceMap() {
  return undefined;
}

/** Does nothing: the host keeps compiled code. */
export function flushCompileCache() {}

/** @returns {undefined} */
export function getCompileCacheDir() {
  return undefined;
}

/** @returns {{ enabled: boolean, nodeModules: boolean, generatedCode: boolean }} what the host does with stack traces */
export function getSourceMapsSupport() {
  return { enabled: true, nodeModules: true, generatedCode: false };
}

/** Does nothing: what is exported from a module here stays as it is. */
export function syncBuiltinESMExports() {}

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

/**
 * The record of a CommonJS module. Nothing is ever loaded into one here.
 * @constructor
 * @param {string} [id]
 */
export function Module(id = "") {
  this.id = id;
  this.path = dirname(id);
  this.exports = {};
  this.filename = null;
  this.loaded = false;
  this.children = [];
}

/** @param {string} name of a built-in module @returns {unknown} */
Module.prototype.require = function require(name) {
  return createRequire("/").call(this, name);
};

export default Object.assign(Module, absentMembers, {
  Module,
  builtinModules,
  constants,
  createRequire,
  enableCompileCache,
  findSourceMap,
  flushCompileCache,
  getCompileCacheDir,
  getSourceMapsSupport,
  globalPaths,
  isBuiltin,
  syncBuiltinESMExports,
});
