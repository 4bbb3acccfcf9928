// `node:process`: what an app may know of the process it runs in, which is little: its environment
// and the clock. Everything else is a documented constant; there are no signals and no exit.

import {
  env as appEnvironment,
  loadBuiltin,
  memoryUsage as heap,
} from "ext:orilla_web/node_host.js";
import { EventEmitter } from "node:events";
import { invalidArgType, notSupported } from "ext:orilla_web/node/internal/errors.js";
import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";
import { stderr, stdin, stdout } from "ext:orilla_web/node/internal/process_streams.js";
import { validateInteger } from "ext:orilla_web/node/internal/validate.js";
import { emitWarning as warn, setWarningListener } from "ext:orilla_web/node/internal/warning.js";

export { nextTick, stderr, stdin, stdout };

/** The version of Node whose API these modules follow. */
export const version = "v22.12.0";
export const versions = Object.freeze({ node: "22.12.0", orilla: "0.1.0" });
export const release = Object.freeze({ name: "node", lts: "Jod" });
export const platform = "linux";
export const arch = "x64";
export const pid = 1;
export const ppid = 0;
export const title = "orilla";
export const argv = [];
export const argv0 = "orilla";
export const execArgv = [];
export const execPath = "/";
/** How Node was built, for packages that look for an add-on of theirs. */
export const config = Object.freeze({
  target_defaults: Object.freeze({}),
  variables: Object.freeze({}),
});
/** What packages expect a file to be made with that only its owner may write. */
const FILE_MODE_MASK = 0o022;
export const features = Object.freeze({
  inspector: false,
  debug: false,
  uv: false,
  ipv6: true,
  tls: true,
});

/** The app's environment. The host looks each variable up when it is read. */
export const env = appEnvironment();

/** @returns {string} always the root */
export function cwd() {
  return "/";
}

/** @throws {Error} NODE_API_NOT_SUPPORTED */
export function chdir() {
  throw notSupported("process.chdir()", "an app has no working directory");
}

/**
 * @param {number} [mask] checked, and without effect: there are no files
 * @returns {number} the usual one
 */
export function umask(mask) {
  if (mask !== undefined) validateInteger(mask, "mask", 0, 2 ** 32 - 1);
  return FILE_MODE_MASK;
}

/** Without effect: nothing keeps an isolate alive. */
export function ref() {}

/** Without effect, like {@link ref}. */
export function unref() {}

/** @throws {Error} NODE_API_NOT_SUPPORTED */
export function exit() {
  throw notSupported("process.exit()", "return a response or throw an error instead");
}

/**
 * @param {[number, number]} [previous] to measure from
 * @returns {[number, number]} seconds and nanoseconds since the isolate began
 */
export function hrtime(previous) {
  const now = hrtime.bigint();
  if (previous === undefined) return [Number(now / 1_000_000_000n), Number(now % 1_000_000_000n)];
  if (!Array.isArray(previous)) throw invalidArgType("time", "an instance of Array", previous);
  const elapsed = now - (BigInt(previous[0]) * 1_000_000_000n + BigInt(previous[1]));
  return [Number(elapsed / 1_000_000_000n), Number(elapsed % 1_000_000_000n)];
}

/** @returns {bigint} nanoseconds since the isolate began */
hrtime.bigint = function bigint() {
  return BigInt(Math.round(performance.now() * 1e6));
};

/** @returns {number} seconds since the isolate began */
export function uptime() {
  return performance.now() / 1000;
}

/**
 * @returns {{ rss: number, heapTotal: number, heapUsed: number, external: number, arrayBuffers:
 *   number }}
 *   bytes of this isolate; `rss` is what the heap and what hangs on it take together
 */
export function memoryUsage() {
  const { heapTotal, heapUsed, external, arrayBuffers } = heap();
  return { rss: heapTotal + external, heapTotal, heapUsed, external, arrayBuffers };
}
memoryUsage.rss = () => memoryUsage().rss;

/**
 * @param {string | Error} warning
 * @param {string | { type?: string, code?: string, detail?: string }} [typeOrOptions]
 * @param {string} [code]
 */
export function emitWarning(warning, typeOrOptions, code) {
  if (typeof warning !== "string" && !(warning instanceof Error)) {
    throw invalidArgType("warning", "of type string or an instance of Error", warning);
  }
  const isObject = typeOrOptions !== null && typeof typeOrOptions === "object";
  warn(
    warning,
    isObject
      ? typeOrOptions
      : { type: typeof typeOrOptions === "string" ? typeOrOptions : undefined, code },
  );
}

/** @param {string} name with or without `node:` @returns {object | undefined} */
export function getBuiltinModule(name) {
  return loadBuiltin(String(name).replace(/^node:/, ""))?.default;
}

// An emitter like Node's, whose events are the app's own: nothing but `warning` is emitted from
// here.
const process = Object.create(
  Object.create(EventEmitter.prototype, {
    constructor: { value: function process() {}, writable: true, configurable: true },
    [Symbol.toStringTag]: { value: "process", configurable: true },
  }),
);
EventEmitter.call(process);
setWarningListener((warning) => process.emit("warning", warning));

Object.assign(process, {
  arch,
  argv,
  argv0,
  chdir,
  config,
  cwd,
  emitWarning,
  env,
  execArgv,
  execPath,
  exit,
  exitCode: undefined,
  features,
  getBuiltinModule,
  hrtime,
  memoryUsage,
  nextTick,
  pid,
  platform,
  ppid,
  ref,
  release,
  stderr,
  stdin,
  stdout,
  title,
  umask,
  unref,
  uptime,
  version,
  versions,
});

const bound = (name) => process[name].bind(process);
export const on = bound("on");
export const once = bound("once");
export const off = bound("off");
export const emit = bound("emit");
export const addListener = bound("addListener");
export const removeListener = bound("removeListener");
export const removeAllListeners = bound("removeAllListeners");
export const listeners = bound("listeners");
export const listenerCount = bound("listenerCount");

export default process;
