// What the `node:` modules may ask of the host, and nothing else of it.
import { core } from "ext:core/mod.js";
import {
  op_cipher_additional_data,
  op_cipher_create,
  op_cipher_final,
  op_cipher_tag,
  op_cipher_update,
  op_cipher_verify,
  op_console_write,
  op_hash_copy,
  op_hash_create,
  op_hash_digest,
  op_hash_update,
  op_hkdf,
  op_hmac_create,
  op_key_agree,
  op_key_decrypt,
  op_key_encrypt,
  op_key_generate,
  op_key_generate_sync,
  op_key_of_parts,
  op_key_parts,
  op_key_public,
  op_key_read,
  op_key_sign,
  op_key_verify,
  op_key_write,
  op_note_late_module,
  op_pbkdf2,
  op_pbkdf2_sync,
  op_rsa_decrypt,
  op_rsa_encrypt,
  op_rsa_recover,
  op_rsa_sign_plain,
  op_scrypt,
  op_scrypt_sync,
  op_timing_safe_equal,
  op_zlib_brotli_decoder,
  op_zlib_brotli_encoder,
  op_zlib_close,
  op_zlib_deflate,
  op_zlib_inflate,
  op_zlib_most,
  op_zlib_write,
} from "ext:core/ops";
import { processEnv } from "ext:orilla_web/env.js";
import { KeptDigest } from "ext:orilla_web/kept_digest.js";
import { isGuarding, refuseWhileGuarding } from "ext:orilla_web/snapshot_guard.js";

export {
  currentFrame,
  frameGet,
  frameWith,
  runInFrame,
  setAsyncContext,
} from "ext:orilla_web/async_context.js";

/** Starts a digest: md5, sha1, sha256, sha384 or sha512. */
export const hashCreate = (algorithm) =>
  isGuarding() ? new KeptDigest(algorithm) : op_hash_create(algorithm);
/** Starts an HMAC with the same algorithms. */
export const hmacCreate = (algorithm, key) =>
  isGuarding() ? new KeptDigest(algorithm, key) : op_hmac_create(algorithm, key);
/** Feeds a digest or an HMAC. */
export const hashUpdate = (handle, bytes) =>
  handle instanceof KeptDigest ? handle.update(bytes) : op_hash_update(handle, bytes);
/** An independent digest or HMAC that has seen the same data. */
export const hashCopy = (handle) =>
  handle instanceof KeptDigest ? handle.copy() : op_hash_copy(handle);
/** Ends a digest or an HMAC; the handle cannot be used again. */
export const hashDigest = (handle) =>
  handle instanceof KeptDigest ? handle.digest() : op_hash_digest(handle);
/** Derives a key, given digest, password, salt, iterations and bytes: a promise of it, and it. */
export const pbkdf2 = (...args) => {
  refuseWhileGuarding("pbkdf2()");
  return op_pbkdf2(...args);
};
export const pbkdf2Sync = (...args) => op_pbkdf2_sync(...args);
/** Derives a key, given password, salt, N, r, p and bytes: a promise of it, and it. */
export const scrypt = (...args) => {
  refuseWhileGuarding("scrypt()");
  return op_scrypt(...args);
};
export const scryptSync = (...args) => op_scrypt_sync(...args);
/** Derives a key, given digest, key, salt, info and bytes. */
export const hkdf = (...args) => op_hkdf(...args);
/** Starts a cipher: cbc, ctr or gcm, with key and vector, to decrypt or not. */
export const cipherCreate = (...args) => {
  refuseWhileGuarding("createCipheriv()");
  return op_cipher_create(...args);
};
/** Data that GCM authenticates, before any other. */
export const cipherAdditionalData = (handle, bytes) => op_cipher_additional_data(handle, bytes);
/** Encrypts or decrypts; with padding the last block may have to wait. */
export const cipherUpdate = (handle, bytes, isPadded) => op_cipher_update(handle, bytes, isPadded);
/** Ends CBC or CTR. */
export const cipherFinal = (handle, isPadded) => op_cipher_final(handle, isPadded);
/** Ends an encryption with GCM and gives its tag, and a decryption, given the tag or how it begins. */
export const cipherTag = (handle) => op_cipher_tag(handle);
export const cipherVerify = (handle, tag) => op_cipher_verify(handle, tag);
/** Reads a key, private or not, in one of the encodings: its kind, and the bytes that all of these take. */
export const keyRead = (isPrivate, encoding, bytes) => op_key_read(isPrivate, encoding, bytes);
/** Writes one. */
export const keyWrite = (isPrivate, encoding, key) => op_key_write(isPrivate, encoding, key);
/** The public key of a private one. */
export const keyPublic = (key) => op_key_public(key);
/** The numbers of a key, in the order of JSON Web Keys, the public ones first; and the key of such numbers. */
export const keyParts = (isPrivate, key) => op_key_parts(isPrivate, key);
export const keyOfParts = (isPrivate, kind, parts) => op_key_of_parts(isPrivate, kind, parts);
/** Encrypts PKCS #8, with a cipher and a passphrase, and decrypts it. */
export const keyEncrypt = (key, cipher, passphrase) => {
  refuseWhileGuarding("a key that is encrypted");
  return op_key_encrypt(key, cipher, passphrase);
};
export const keyDecrypt = (bytes, passphrase) => op_key_decrypt(bytes, passphrase);
/** Makes a private key, given its kind, bits and exponent: a promise of it, and it. */
export const keyGenerate = (...args) => {
  refuseWhileGuarding("generateKeyPair()");
  return op_key_generate(...args);
};
export const keyGenerateSync = (...args) => {
  refuseWhileGuarding("generateKeyPairSync()");
  return op_key_generate_sync(...args);
};
/** Signs data, given key, data, digest, padding, length of the salt and whether numbers stand one after the other. */
export const keySign = (...args) => {
  refuseWhileGuarding("sign()");
  return op_key_sign(...args);
};
/** Whether a signature, which comes after the data, is genuine. */
export const keyVerify = (...args) => op_key_verify(...args);
/** The secret of a private and a public key. */
export const keyAgree = (own, other) => op_key_agree(own, other);
/** Encrypts, given key, digest of OAEP or none, label and data, and decrypts. */
export const rsaEncrypt = (...args) => {
  refuseWhileGuarding("publicEncrypt()");
  return op_rsa_encrypt(...args);
};
export const rsaDecrypt = (...args) => op_rsa_decrypt(...args);
/** Signs what is not hashed, and gives back what was signed. */
export const rsaSignPlain = (key, data) => op_rsa_sign_plain(key, data);
export const rsaRecover = (key, signature) => op_rsa_recover(key, signature);
const cryptoEngine = () => core.loadExtScript("ext:orilla_web/crypto_engine.js");
/** The type and the bytes of a CryptoKey, and a CryptoKey, given format, bytes, algorithm, extractable and usages. */
export const cryptoKeyMaterial = (key) => cryptoEngine().material(key);
export const cryptoKeyImport = (...args) => {
  refuseWhileGuarding("toCryptoKey()");
  return cryptoEngine().importNow(...args);
};
/** Compares in constant time; the lengths must be equal. */
export const timingSafeEqual = (a, b) => op_timing_safe_equal(a, b);
/** A compressor of zlib's, with a header of `zlib`, `gzip` or `none`. */
export const zlibDeflate = (...settings) => {
  refuseWhileGuarding("zlib");
  return op_zlib_deflate(...settings);
};
/** A decompressor of zlib's, for a header of `zlib`, `gzip`, `either` or `none`. */
export const zlibInflate = (...settings) => {
  refuseWhileGuarding("zlib");
  return op_zlib_inflate(...settings);
};
/** A compressor of Brotli's. */
export const zlibBrotliEncoder = (...settings) => {
  refuseWhileGuarding("zlib");
  return op_zlib_brotli_encoder(...settings);
};
/** A decompressor of Brotli's. */
export const zlibBrotliDecoder = () => {
  refuseWhileGuarding("zlib");
  return op_zlib_brotli_decoder();
};
/** One step: `left` gets what stays unused of the output and of the input. The output is nobody else's. */
export const zlibWrite = (handle, flush, input, output, left) =>
  op_zlib_write(handle, flush, input, output, left);
/** Bytes outside the heap that the app may have. */
export const zlibMost = () => op_zlib_most();
/** Gives back what a codec takes. */
export const zlibClose = (handle) => op_zlib_close(handle);
const clientRequest = core.createLazyLoader("ext:orilla_web/client_request.js");
/** Begins a request of `node:http`; what it takes and gives is in client_request.js. */
export const beginRequest = (head, body) => clientRequest().begin(head, body);
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
