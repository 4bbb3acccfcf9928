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

export const hashCreate = (algorithm) => ({ hash: crypto.createHash(algorithm), fed: [] });
export const hmacCreate = (algorithm, key) => ({
  hash: crypto.createHmac(algorithm, key),
  fed: [],
});
export function hashUpdate(handle, bytes) {
  handle.hash.update(bytes);
  handle.fed.push(Buffer.from(bytes));
}
export function hashDigest(handle) {
  const digest = handle.hash.digest();
  hashed.set(digest.toString("hex"), Buffer.concat(handle.fed));
  return new Uint8Array(digest);
}
export const hashCopy = ({ hash, fed }) => ({ hash: hash.copy(), fed: [...fed] });
export const timingSafeEqual = (a, b) => crypto.timingSafeEqual(a, b);

export const hkdf = (...args) => new Uint8Array(crypto.hkdfSync(...args));
export const pbkdf2Sync = (digest, password, salt, rounds, length) =>
  new Uint8Array(crypto.pbkdf2Sync(password, salt, rounds, length, digest));
export const pbkdf2 = async (...args) => pbkdf2Sync(...args);
export const scryptSync = (password, salt, N, r, p, length) =>
  new Uint8Array(crypto.scryptSync(password, salt, length, { N, r, p, maxmem: 2 ** 40 }));
export const scrypt = async (...args) => scryptSync(...args);

const KINDS = ["rsa", "ed25519", "x25519"];
const keyIn = (isPrivate, bytes, type = isPrivate ? "pkcs8" : "spki") =>
  crypto[isPrivate ? "createPrivateKey" : "createPublicKey"]({ key: bytes, format: "der", type });
const canonical = (key) => {
  const { namedCurve } = key.asymmetricKeyDetails;
  const type = key.type === "private" ? "pkcs8" : "spki";
  const kind = namedCurve ?? key.asymmetricKeyType;
  return { kind, bytes: new Uint8Array(key.export({ format: "der", type })) };
};

/** Says what the host says of what is no key. */
function read(call) {
  try {
    return canonical(call());
  } catch {
    throw Object.assign(new Error("unsupported"), { code: "ERR_OSSL_UNSUPPORTED" });
  }
}

export const keyRead = (isPrivate, encoding, bytes) =>
  read(() =>
    encoding === "certificate"
      ? new crypto.X509Certificate(bytes).publicKey
      : keyIn(isPrivate, bytes, encoding),
  );
export const keyWrite = (isPrivate, type, key) =>
  new Uint8Array(keyIn(isPrivate, key).export({ format: "der", type }));
export const keyPublic = (key) => canonical(crypto.createPublicKey(keyIn(true, key)));

const MEMBERS = { RSA: "n e d p q dp dq qi", EC: "x y d", OKP: "x d" };
const CURVES = { prime256v1: "P-256", secp384r1: "P-384", secp521r1: "P-521" };
export function keyParts(isPrivate, key) {
  const jwk = keyIn(isPrivate, key).export({ format: "jwk" });
  const members = MEMBERS[jwk.kty].split(" ").filter((member) => member in jwk);
  return members.map((member) => new Uint8Array(Buffer.from(jwk[member], "base64url")));
}
export function keyOfParts(isPrivate, kind, parts) {
  const texts = parts.map((part) => Buffer.from(part).toString("base64url"));
  if (CURVES[kind] !== undefined && parts.length === 1) return ofPoint(isPrivate, kind, parts[0]);
  const kty = kind === "rsa" ? "RSA" : CURVES[kind] === undefined ? "OKP" : "EC";
  const crv = CURVES[kind] ?? kind.replace("ed", "Ed").replace("x", "X");
  const members = Object.fromEntries(texts.map((text, at) => [MEMBERS[kty].split(" ")[at], text]));
  const create = isPrivate ? crypto.createPrivateKey : crypto.createPublicKey;
  return read(() => create({ key: { kty, crv, ...members }, format: "jwk" }));
}
function ofPoint(isPrivate, kind, bytes) {
  const ecdh = crypto.createECDH(kind);
  const point = isPrivate
    ? ecdh.setPrivateKey(bytes).getPublicKey()
    : crypto.ECDH.convertKey(bytes, kind);
  const half = (point.length - 1) / 2;
  const parts = [point.subarray(1, 1 + half), point.subarray(1 + half)];
  return keyOfParts(isPrivate, kind, isPrivate ? [...parts, bytes] : parts);
}

export const keyEncrypt = (key, cipher, passphrase) =>
  new Uint8Array(
    keyIn(true, key).export({
      format: "der",
      type: "pkcs8",
      cipher,
      passphrase: Buffer.from(passphrase),
    }),
  );
export const keyDecrypt = (bytes, passphrase) =>
  canonical(
    crypto.createPrivateKey({
      key: bytes,
      format: "der",
      type: "pkcs8",
      passphrase: Buffer.from(passphrase),
    }),
  ).bytes;
export function keyGenerateSync(kind, modulusLength, publicExponent) {
  const type = KINDS.includes(kind) ? kind : "ec";
  const options = { namedCurve: kind, modulusLength, publicExponent };
  return canonical(crypto.generateKeyPairSync(type, options).privateKey);
}
export const keyGenerate = async (...args) => keyGenerateSync(...args);

/** Node signs what it has hashed itself; so what was hashed is kept, by the hash. */
const hashed = new Map();
const unhashed = (data, digest) =>
  digest === "" ? data : hashed.get(Buffer.from(data).toString("hex"));
const manner = (key, padding, saltLength, isPlain) => ({
  key,
  dsaEncoding: isPlain ? "ieee-p1363" : "der",
  ...(key.asymmetricKeyType === "rsa" ? { padding, saltLength } : {}),
});
export const keySign = (key, data, digest, ...rest) =>
  new Uint8Array(
    crypto.sign(digest || null, unhashed(data, digest), manner(keyIn(true, key), ...rest)),
  );
export const keyVerify = (key, data, signature, digest, ...rest) =>
  crypto.verify(
    digest || null,
    unhashed(data, digest),
    manner(keyIn(false, key), ...rest),
    signature,
  );
export const keyAgree = (own, other) =>
  new Uint8Array(
    crypto.diffieHellman({ privateKey: keyIn(true, own), publicKey: keyIn(false, other) }),
  );
const { RSA_PKCS1_PADDING, RSA_PKCS1_OAEP_PADDING } = crypto.constants;
const encryption = (key, oaepHash, oaepLabel) =>
  oaepHash === ""
    ? { key, padding: RSA_PKCS1_PADDING }
    : { key, padding: RSA_PKCS1_OAEP_PADDING, oaepHash, oaepLabel };
export const rsaEncrypt = (key, digest, label, data) =>
  new Uint8Array(crypto.publicEncrypt(encryption(keyIn(false, key), digest, label), data));
export const rsaDecrypt = (key, digest, label, data) =>
  new Uint8Array(crypto.privateDecrypt(encryption(keyIn(true, key), digest, label), data));
export const rsaSignPlain = (key, data) =>
  new Uint8Array(crypto.privateEncrypt(keyIn(true, key), data));
export const rsaRecover = (key, signature) =>
  new Uint8Array(crypto.publicDecrypt(keyIn(false, key), signature));
export function cryptoKeyMaterial(cryptoKey) {
  const key = crypto.KeyObject.from(cryptoKey);
  if (key.type === "secret") return { type: "secret", data: new Uint8Array(key.export()) };
  return { type: key.type, data: canonical(key).bytes };
}
export function cryptoKeyImport(format, bytes, algorithm, extractable, usages) {
  const key = format === "raw" ? crypto.createSecretKey(bytes) : keyIn(format === "pkcs8", bytes);
  return key.toCryptoKey(algorithm, extractable, usages);
}

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
