// `node:vm`, in name only.

import { absent } from "ext:orilla_web/node/internal/absent.js";

const [names, module] = absent("vm", "an app runs in one context, and its code is bundled");

export const {
  Script,
  compileFunction,
  createContext,
  createScript,
  measureMemory,
  runInContext,
  runInNewContext,
  runInThisContext,
} = names;
export const constants = Object.freeze({
  __proto__: null,
  USE_MAIN_CONTEXT_DEFAULT_LOADER: Symbol("vm_dynamic_import_main_context_default"),
  DONT_CONTEXTIFY: Symbol("vm_context_no_contextify"),
});

/** @returns {boolean} never: none can be made */
export function isContext() {
  return false;
}

export default Object.assign(module, { constants, isContext });
