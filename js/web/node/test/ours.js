// Imports our modules in a test: `await ours("buffer")` is our `node:buffer`.

import { register } from "node:module";
import "./strict_timers.js";

register("./loader.js", import.meta.url);

/** @param {string} name a module name without `node:` @returns {Promise<Record<string, any>>} */
export function ours(name) {
  return import(`ext:orilla_web/node/${name}.js`);
}

/** @returns {Promise<typeof import("./node_host.js")>} */
export function host() {
  return import("ext:orilla_web/node_host.js");
}

/** @returns what a call does, comparable between two implementations */
export function outcome(call) {
  try {
    return { value: call() };
  } catch (error) {
    return { threw: error.name, code: error.code };
  }
}
