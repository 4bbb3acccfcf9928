// The host's part of the node modules, built on Node's own: what `ext:orilla_web/node_host.js` is
// in the runtime.

import { AsyncLocalStorage } from "node:async_hooks";
import crypto from "node:crypto";
import { readdirSync } from "node:fs";
import { request as nodeRequest } from "node:http";
import nodeProcess from "node:process";
import { inspect, types } from "node:util";
import { setFlagsFromString } from "node:v8";
import { fileURLToPath } from "node:url";

export const hashCreate = (algorithm) => crypto.createHash(algorithm);
export const hmacCreate = (algorithm, key) => crypto.createHmac(algorithm, key);
export const hashUpdate = (handle, bytes) => void handle.update(bytes);
export const hashDigest = (handle) => new Uint8Array(handle.digest());
export const hashCopy = (handle) => handle.copy();
export const timingSafeEqual = (a, b) => crypto.timingSafeEqual(a, b);

export const hkdf = (...args) => new Uint8Array(crypto.hkdfSync(...args));
export const pbkdf2Sync = (digest, password, salt, rounds, length) =>
  new Uint8Array(crypto.pbkdf2Sync(password, salt, rounds, length, digest));
export const pbkdf2 = async (...args) => pbkdf2Sync(...args);
export const scryptSync = (password, salt, N, r, p, length) =>
  new Uint8Array(crypto.scryptSync(password, salt, length, { N, r, p, maxmem: 2 ** 40 }));
export const scrypt = async (...args) => scryptSync(...args);

export function cipherCreate(mode, key, vector, isDecryption) {
  const name = `aes-${key.length * 8}-${mode}`;
  return crypto[isDecryption ? "createDecipheriv" : "createCipheriv"](name, key, vector);
}
export const cipherAdditionalData = (handle, bytes) => void handle.setAAD(bytes);
export function cipherUpdate(handle, bytes, isPadded) {
  handle.setAutoPadding(isPadded);
  return new Uint8Array(handle.update(bytes));
}
export function cipherFinal(handle, isPadded) {
  handle.setAutoPadding(isPadded);
  return new Uint8Array(handle.final());
}
export function cipherTag(handle) {
  handle.final();
  return new Uint8Array(handle.getAuthTag());
}
export function cipherVerify(handle, tag) {
  if (tag.length > 0) handle.setAuthTag(tag);
  handle.final();
}

// What Node's own zlib is made on, for each kind of codec and header.
const binding = nodeProcess.binding("zlib");
const MODES = {
  deflate: { zlib: 1, gzip: 3, none: 5 },
  inflate: { zlib: 2, gzip: 4, none: 6, either: 7 },
};

function zlibOpen(mode, windowBits, level, memLevel, strategy, dictionary) {
  const handle = new binding.Zlib(mode);
  const opened = { handle, left: new Uint32Array(2) };
  handle.onerror = (message, errno, code) => (opened.error = { message, errno, code });
  const given = dictionary.length > 0 ? dictionary : undefined;
  handle.init(windowBits, level, memLevel, strategy, opened.left, () => {}, given);
  return opened;
}

function brotliOpen(handle, params) {
  const opened = { handle, left: new Uint32Array(2) };
  handle.onerror = (message, errno, code) => (opened.error = { message, errno, code });
  handle.init(Uint32Array.from(params), opened.left, () => {});
  return opened;
}

const UNSET = 2 ** 32 - 1;
export const zlibDeflate = (header, level, windowBits, memLevel, strategy, dictionary) =>
  zlibOpen(MODES.deflate[header], windowBits, level, memLevel, strategy, dictionary);
export const zlibInflate = (header, windowBits, dictionary) =>
  zlibOpen(MODES.inflate[header], windowBits, 6, 8, 0, dictionary);
export const zlibBrotliEncoder = (mode, quality, windowBits, blockBits) =>
  brotliOpen(new binding.BrotliEncoder(9), [
    mode,
    quality,
    windowBits,
    blockBits || UNSET,
    ...Array(5).fill(UNSET),
  ]);
export const zlibBrotliDecoder = () =>
  brotliOpen(new binding.BrotliDecoder(8), Array(9).fill(UNSET));
export function zlibWrite(opened, flush, input, output, left) {
  opened.handle.writeSync(flush, input, 0, input.length, output, 0, output.length);
  if (opened.error) throw Object.assign(new Error(opened.error.message), opened.error);
  left.set(opened.left);
}
export const zlibMost = () => 128 << 20;
export const zlibClose = ({ handle }) => handle.close();

/** As client_request.js, over Node's own client. */
export function beginRequest({ method, origin, target, headers }, body) {
  const request = nodeRequest(origin, { path: target, method, headers: headers.flat() });
  const answer = new Promise((resolve, reject) => {
    request.on("error", reject);
    request.on("response", (response) => resolve(answerOf(response)));
  });
  void sendBody(request, body);
  return { answer, abort: () => request.destroy() };
}

async function sendBody(request, body) {
  if (typeof body !== "function") {
    request.end(body ?? undefined);
    return;
  }
  for (let piece = await body(); piece !== null; piece = await body()) {
    if (!request.write(piece)) await new Promise((resolve) => request.once("drain", resolve));
  }
  request.end();
}

function answerOf(response) {
  const { statusCode: status, statusMessage: statusText, rawHeaders } = response;
  const headers = rawHeaders.flatMap((name, at) =>
    at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1]]] : [],
  );
  const pieces = response[Symbol.asyncIterator]();
  const read = async () => (await pieces.next()).value ?? null;
  return { status, statusText, headers, read, cancel: () => response.destroy() };
}

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
