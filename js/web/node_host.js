// What the `node:` modules may ask of the host, and nothing else of it.
import { core } from "ext:core/mod.js";
import {
  op_console_write,
  op_hash_copy,
  op_hash_create,
  op_hash_digest,
  op_hash_update,
  op_hmac_create,
  op_note_late_module,
  op_timing_safe_equal,
} from "ext:core/ops";
import { processEnv } from "ext:orilla_web/env.js";
import { refuseWhileGuarding } from "ext:orilla_web/snapshot_guard.js";

export {
  currentFrame,
  frameGet,
  frameWith,
  runInFrame,
  setAsyncContext,
} from "ext:orilla_web/async_context.js";

/** Starts a digest: md5, sha1, sha256, sha384 or sha512. */
export const hashCreate = (algorithm) => {
  refuseWhileGuarding("createHash()");
  return op_hash_create(algorithm);
};
/** Starts an HMAC with the same algorithms. */
export const hmacCreate = (algorithm, key) => {
  refuseWhileGuarding("createHmac()");
  return op_hmac_create(algorithm, key);
};
/** Feeds a digest or an HMAC. */
export const hashUpdate = (handle, bytes) => op_hash_update(handle, bytes);
/** An independent digest or HMAC that has seen the same data. */
export const hashCopy = (handle) => op_hash_copy(handle);
/** Ends a digest or an HMAC; the handle cannot be used again. */
export const hashDigest = (handle) => op_hash_digest(handle);
/** Compares in constant time; the lengths must be equal. */
export const timingSafeEqual = (a, b) => op_timing_safe_equal(a, b);
/** Writes a line to the app's log. */
export const writeOutput = (stream, text) =>
  op_console_write(stream === "stderr" ? 3 : 1, text.replace(/\n$/, ""));
/** The app's environment. */
export const env = () => processEnv;
export const isProxy = (value) => core.isProxy(value);
/** Target and handler of a proxy, without asking the handler; null for both once it is revoked. */
export const getProxyDetails = (proxy) => core.getProxyDetails(proxy);
/** State (0 pending, 1 fulfilled, 2 rejected) and value of a promise. */
export const getPromiseDetails = (promise) => core.getPromiseDetails(promise);
/** Bytes that this isolate's heap and its buffers take. */
export const memoryUsage = () => {
  const { heapTotal, heapUsed, external } = core.memoryUsage();
  return { heapTotal, heapUsed, external, arrayBuffers: external };
};

/** The modules an app can import, without `node:`. */
export const builtinModules = [
  "assert",
  "assert/strict",
  "async_hooks",
  "buffer",
  "child_process",
  "cluster",
  "console",
  "constants",
  "crypto",
  "dgram",
  "diagnostics_channel",
  "dns",
  "dns/promises",
  "domain",
  "events",
  "fs",
  "fs/promises",
  "http",
  "http2",
  "https",
  "inspector",
  "inspector/promises",
  "module",
  "net",
  "os",
  "path",
  "path/posix",
  "path/win32",
  "perf_hooks",
  "process",
  "punycode",
  "querystring",
  "readline",
  "readline/promises",
  "repl",
  "sea",
  "sqlite",
  "stream",
  "stream/consumers",
  "stream/promises",
  "stream/web",
  "string_decoder",
  "sys",
  "timers",
  "timers/promises",
  "tls",
  "trace_events",
  "tty",
  "url",
  "util",
  "util/types",
  "v8",
  "vm",
  "wasi",
  "worker_threads",
  "zlib",
];

const loaders = new Map(
  builtinModules.map((name) => {
    const load = core.createLazyLoader(`node:${name}`);
    return [
      name,
      () => {
        op_note_late_module(`node:${name}`);
        return load();
      },
    ];
  }),
);

/**
 * Says that a built-in module is here already.
 * @param {string} name Without `node:`.
 * @param {object} namespace
 */
export const provide = (name, namespace) => loaders.set(name, () => namespace);

/**
 * The namespace of a built-in module, or undefined for a name that is none.
 * @param {string} name With or without `node:`.
 */
export const loadBuiltin = (name) => loaders.get(name.replace(/^node:/, ""))?.();
