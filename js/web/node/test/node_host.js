// The host's part of the node modules, built on Node's own: what `ext:orilla_web/node_host.js` is
// in the runtime.

import { AsyncLocalStorage } from "node:async_hooks";
import { createHash, createHmac, timingSafeEqual as nodeTimingSafeEqual } from "node:crypto";
import { readdirSync } from "node:fs";
import nodeProcess from "node:process";
import { inspect, types } from "node:util";
import { setFlagsFromString } from "node:v8";
import { fileURLToPath } from "node:url";

export const hashCreate = (algorithm) => createHash(algorithm);
export const hmacCreate = (algorithm, key) => createHmac(algorithm, key);
export const hashUpdate = (handle, bytes) => void handle.update(bytes);
export const hashDigest = (handle) => new Uint8Array(handle.digest());
export const hashCopy = (handle) => handle.copy();
export const timingSafeEqual = (a, b) => nodeTimingSafeEqual(a, b);

// A frame is an immutable map that rides in one of Node's own storages.
const frames = new AsyncLocalStorage();
export const currentFrame = () => frames.getStore();
export const setAsyncContext = (frame) => frames.enterWith(frame);
export const runInFrame = (frame, fn, thisArg, args) =>
  frames.run(frame, () => Reflect.apply(fn, thisArg, args));
export const frameGet = (key) => currentFrame()?.get(key);
export function frameWith(key, value) {
  const frame = new Map(currentFrame());
  if (value === undefined) frame.delete(key);
  else frame.set(key, value);
  return frame;
}

/** What was written, for the tests to look at. */
export const written = [];
export const writeOutput = (stream, text) => void written.push([stream, text]);

const environment = { __proto__: null, GREETING: "hello" };
export const env = () => environment;

export const isProxy = (value) => types.isProxy(value);
setFlagsFromString("--allow-natives-syntax");
export const getProxyDetails = new Function(
  "proxy",
  "return [%JSProxyGetTarget(proxy), %JSProxyGetHandler(proxy)]",
);
export function getPromiseDetails(promise) {
  if (!types.isPromise(promise)) throw new TypeError("expected a promise");
  const text = inspect(promise, { depth: 0 });
  if (text.includes("<pending>")) return [0, undefined];
  return [text.includes("<rejected>") ? 2 : 1, settled.get(promise)];
}
/** Results by promise: Node shows no way to read them, so that tests put them here. */
export const settled = new WeakMap();

export const memoryUsage = () => nodeProcess.memoryUsage();

const root = fileURLToPath(new URL("../", import.meta.url));
export const builtinModules = readdirSync(root, { recursive: true })
  .filter((path) => path.endsWith(".js") && !/^(internal|test)\//.test(path))
  .map((path) => path.slice(0, -3))
  .sort();

/** Node 20 imports modules asynchronously only, hence a test calls `preload` first. */
const loaded = new Map();
export async function preload() {
  for (const name of builtinModules)
    loaded.set(name, await import(`ext:orilla_web/node/${name}.js`));
}
export const loadBuiltin = (name) => loaded.get(name);
