// New pairs of keys. The host makes them: with a callback beside the isolate, and at once without one.

import { keyGenerate, keyGenerateSync, keyPublic } from "ext:orilla_web/node_host.js";
import { codedError, invalidArgValue, notSupported } from "ext:orilla_web/node/internal/errors.js";
import { keyObjectOf } from "ext:orilla_web/node/internal/key_object.js";
import { exportKey, exportSettings } from "ext:orilla_web/node/internal/keys/export.js";
import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";
import {
  validateFunction,
  validateInteger,
  validateObject,
  validateString,
} from "ext:orilla_web/node/internal/validate.js";

const MAX_UINT32 = 2 ** 32 - 1;
const DEFAULT_EXPONENT = 65_537;
/** What a curve may be called beside what OpenSSL calls it. */
const CURVES = {
  "P-256": "prime256v1",
  "P-384": "secp384r1",
  "P-521": "secp521r1",
  prime256v1: "prime256v1",
  secp384r1: "secp384r1",
  secp521r1: "secp521r1",
};
const ABSENT_TYPES = ["rsa-pss", "dsa", "dh", "ed448", "x448"];
const kCustomPromisify = Symbol.for("nodejs.util.promisify.custom");

/** @param {string} name @returns {string} what OpenSSL calls the curve */
export function curveNamed(name) {
  if (Object.hasOwn(CURVES, name)) return CURVES[name];
  const message = `Invalid EC curve name: use one of ${getCurves().join(", ")}`;
  throw codedError(TypeError, "ERR_CRYPTO_INVALID_CURVE", message);
}

/** @returns {string[]} */
export function getCurves() {
  return [...new Set(Object.values(CURVES))];
}

/** What the host makes: a kind, bits and an exponent. */
function wanted(type, options) {
  validateString(type, "type");
  if (ABSENT_TYPES.includes(type)) {
    throw notSupported(`crypto.generateKeyPair("${type}")`, "use rsa, ec, ed25519 or x25519");
  }
  if (type === "rsa") {
    validateObject(options, "options");
    const { modulusLength, publicExponent = DEFAULT_EXPONENT } = options;
    validateInteger(modulusLength, "options.modulusLength", 0, MAX_UINT32);
    validateInteger(publicExponent, "options.publicExponent", 0, MAX_UINT32);
    return ["rsa", modulusLength, publicExponent];
  }
  if (type === "ec") {
    validateObject(options, "options");
    validateString(options.namedCurve, "options.namedCurve");
    return [curveNamed(options.namedCurve), 0, 0];
  }
  if (type === "ed25519" || type === "x25519") return [type, 0, 0];
  throw invalidArgValue("type", type, "must be a supported key type");
}

/** How both are to be written, if they are. */
function encodings(options, kind) {
  const settings = {};
  for (const type of ["public", "private"]) {
    const name = `options.${type}KeyEncoding`;
    const encoding = options?.[`${type}KeyEncoding`];
    if (encoding === undefined || encoding === null) continue;
    if (typeof encoding !== "object") throw invalidArgValue(name, encoding);
    exportSettings(encoding, type, kind, name);
    settings[type] = encoding;
  }
  return settings;
}

function pairOf(key, settings) {
  const give = (type, half) => {
    if (settings[type] === undefined) return keyObjectOf(type, half);
    return exportKey({ type, ...half }, settings[type], `options.${type}KeyEncoding`);
  };
  return { publicKey: give("public", keyPublic(key.bytes)), privateKey: give("private", key) };
}

/**
 * @param {"rsa" | "ec" | "ed25519" | "x25519"} type
 * @param {{ modulusLength?: number, publicExponent?: number, namedCurve?: string, publicKeyEncoding?: object,
 *   privateKeyEncoding?: object }} [options]
 * @returns {{ publicKey: KeyObject | string | Buffer | object, privateKey: KeyObject | string | Buffer | object }}
 */
export function generateKeyPairSync(type, options) {
  const asked = wanted(type, options);
  const settings = encodings(options, asked[0]);
  return pairOf(keyGenerateSync(...asked), settings);
}

/**
 * @param {"rsa" | "ec" | "ed25519" | "x25519"} type @param {object} [options] as for `generateKeyPairSync`
 * @param {(error: Error | null, publicKey?: unknown, privateKey?: unknown) => void} callback
 */
export function generateKeyPair(type, options, callback) {
  if (typeof options === "function") [options, callback] = [undefined, options];
  validateFunction(callback, "callback");
  const asked = wanted(type, options);
  const settings = encodings(options, asked[0]);
  keyGenerate(...asked)
    .then((key) => pairOf(key, settings))
    .then(
      ({ publicKey, privateKey }) => nextTick(callback, null, publicKey, privateKey),
      (error) => nextTick(callback, error),
    );
}

Object.defineProperty(generateKeyPair, kCustomPromisify, {
  value: (type, options) =>
    new Promise((resolve, reject) => {
      generateKeyPair(type, options, (error, publicKey, privateKey) =>
        error ? reject(error) : resolve({ publicKey, privateKey }),
      );
    }),
});

export default { generateKeyPair, generateKeyPairSync, getCurves };
