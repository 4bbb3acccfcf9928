// What functions take for a key: an object that is one, text or bytes in one of the encodings, JSON, or any of these with options.

import { keyDecrypt, keyPublic, keyRead } from "ext:orilla_web/node_host.js";
import { Buffer } from "node:buffer";
import { isAnyArrayBuffer, isCryptoKey } from "node:util/types";
import { bytesOfSource, kindOnly } from "ext:orilla_web/node/internal/crypto_input.js";
import {
  codedError,
  invalidArgType,
  invalidArgValue,
} from "ext:orilla_web/node/internal/errors.js";
import {
  KeyObject,
  keyObjectOf,
  materialOf,
  wrongKeyType,
} from "ext:orilla_web/node/internal/key_object.js";
import { keyOfJwk } from "ext:orilla_web/node/internal/keys/jwk.js";
import { blocksIn, decryptBlock } from "ext:orilla_web/node/internal/keys/pem.js";

const ENCRYPTED_LABEL = "ENCRYPTED PRIVATE KEY";
/** How what a label stands for is encoded. The first of them that a text has counts. */
const PRIVATE_LABELS = {
  "PRIVATE KEY": "pkcs8",
  [ENCRYPTED_LABEL]: "pkcs8",
  "RSA PRIVATE KEY": "pkcs1",
  "EC PRIVATE KEY": "sec1",
};
const PUBLIC_LABELS = {
  "PUBLIC KEY": "spki",
  "RSA PUBLIC KEY": "pkcs1",
  CERTIFICATE: "certificate",
};
const ENCODINGS = { private: ["pkcs1", "pkcs8", "sec1"], public: ["pkcs1", "spki"] };

const BYTES = "of type string or an instance of ArrayBuffer, Buffer, TypedArray, or DataView";
const BYTES_OR_KEY =
  "of type string or an instance of ArrayBuffer, Buffer, TypedArray, DataView, KeyObject, or CryptoKey";

const isBytes = (value) => typeof value === "string" || ArrayBuffer.isView(value);

/** To ask a CryptoKey whether it is one loads what makes them. */
function looksLikeCryptoKey(value) {
  return value?.[Symbol.toStringTag] === "CryptoKey" && isCryptoKey(value);
}

function unsupported() {
  const message =
    "unsupported: this is no key in PEM, or none of the kind that is asked for, or is encrypted in a way that is not available";
  return codedError(Error, "ERR_OSSL_UNSUPPORTED", message);
}

/**
 * @typedef {{ type: string, kind: string, bytes: Uint8Array }} Key
 */

/** @param {unknown} given @param {string} [name] of the argument @returns {Key} */
export function privateKeyFrom(given, name = "key") {
  const key = keyFrom(given, name, false, true);
  if (key.type !== "private") throw wrongKeyType(key.type, "private");
  return key;
}

/** @param {unknown} given of which a private key is the public one's other half @param {string} [name] @returns {Key} */
export function publicKeyFrom(given, name = "key") {
  const key = keyFrom(given, name, true, true);
  if (key.type === "secret") throw wrongKeyType("secret", "private or public");
  return publicHalf(key);
}

function publicHalf(key) {
  return key.type === "public" ? key : { type: "public", ...keyPublic(key.bytes) };
}

/**
 * @param {string | ArrayBuffer | ArrayBufferView | { key: string | ArrayBuffer | ArrayBufferView | object,
 *   format?: "pem" | "der" | "jwk", type?: "pkcs1" | "pkcs8" | "sec1", passphrase?: string | ArrayBufferView,
 *   encoding?: string }} key
 * @returns {KeyObject}
 */
export function createPrivateKey(key) {
  const read = keyFrom(key, "key", false, false);
  if (read.type !== "private") throw wrongKeyType(read.type, "private");
  return keyObjectOf("private", read);
}

/**
 * @param {string | ArrayBuffer | ArrayBufferView | KeyObject | object} key as for `createPrivateKey`; of a private key, or of a
 *   certificate, the public key
 * @returns {KeyObject}
 */
export function createPublicKey(key) {
  const object = key instanceof KeyObject ? key : key?.key;
  if (object instanceof KeyObject) {
    const material = materialOf(object);
    if (material.type !== "private") throw wrongKeyType(material.type, "private");
    return keyObjectOf("public", publicHalf(material));
  }
  return keyObjectOf("public", publicHalf(keyFrom(key, "key", true, false)));
}

function keyFrom(given, name, isPublic, takesObjects) {
  if (takesObjects) {
    const key = materialIn(given) ?? materialIn(given?.key);
    if (key !== undefined) return key;
  }
  if (isBytes(given) || isAnyArrayBuffer(given)) return keyInPem(given, {}, isPublic, name);
  if (typeof given !== "object" || given instanceof KeyObject) {
    throw invalidArgType(name, takesObjects ? BYTES_OR_KEY : BYTES, given);
  }
  const { key, format = "pem" } = given;
  if (format === "jwk") return keyOfJwk(key, isPublic);
  if (!isBytes(key) && !isAnyArrayBuffer(key)) {
    throw invalidArgType(`${name}.key`, takesObjects ? BYTES_OR_KEY : BYTES, key);
  }
  if (format === "pem") return keyInPem(key, given, isPublic, name);
  if (format === "der") return keyInDer(key, given, isPublic, name);
  throw invalidArgValue("options.format", format);
}

function materialIn(value) {
  if (value instanceof KeyObject) return materialOf(value);
  return looksLikeCryptoKey(value) ? materialOf(KeyObject.from(value)) : undefined;
}

function keyInPem(key, { encoding, passphrase }, isPublic, name) {
  const text =
    typeof key === "string" && (encoding === undefined || encoding === "utf8")
      ? key
      : Buffer.from(bytesOfSource(key, `${name}.key`, encoding)).toString("latin1");
  const blocks = [...blocksIn(text)];
  const find = (labels) => blocks.find(({ label }) => Object.hasOwn(labels, label));
  const open = isPublic ? find(PUBLIC_LABELS) : undefined;
  if (open !== undefined) {
    return { type: "public", ...keyRead(false, PUBLIC_LABELS[open.label], open.bytes) };
  }
  const block = find(PRIVATE_LABELS);
  if (block === undefined) throw unsupported();
  return privateKeyIn(block, PRIVATE_LABELS[block.label], passphrase);
}

function privateKeyIn(block, encoding, passphrase) {
  const read = (bytes) => ({ type: "private", ...keyRead(true, encoding, bytes) });
  const isEncrypted = block.label === ENCRYPTED_LABEL;
  if (!isEncrypted && block.encryption === undefined) return read(block.bytes);
  const secret = passphraseFrom(passphrase);
  if (isEncrypted) return read(keyDecrypt(block.bytes, secret));
  try {
    return read(decryptBlock(block, secret));
  } catch (error) {
    // What has no code says that nothing is decrypted now.
    if (error.code === undefined) throw error;
    throw codedError(Error, "ERR_OSSL_BAD_DECRYPT", "bad decrypt: the passphrase is another");
  }
}

function passphraseFrom(passphrase) {
  if (isBytes(passphrase) || isAnyArrayBuffer(passphrase)) return bytesOfSource(passphrase);
  if (passphrase !== undefined) throw invalidArgValue("options.passphrase", kindOnly(passphrase));
  throw codedError(TypeError, "ERR_MISSING_PASSPHRASE", "Passphrase required for encrypted key");
}

function keyInDer(key, { type: encoding, encoding: ofText, passphrase }, isPublic, name) {
  const isOpen = isPublic && ENCODINGS.public.includes(encoding);
  if (!isOpen && !ENCODINGS.private.includes(encoding)) {
    throw invalidArgValue("options.type", encoding);
  }
  const bytes = bytesOfSource(key, `${name}.key`, ofText);
  if (!isOpen) {
    const plain = passphrase === undefined ? bytes : decryptedIfPossible(bytes, passphrase);
    return { type: "private", ...keyRead(true, encoding, plain) };
  }
  try {
    return { type: "public", ...keyRead(false, encoding, bytes) };
  } catch (error) {
    // PKCS #1 has keys of both kinds.
    if (encoding !== "pkcs1") throw error;
    return { type: "private", ...keyRead(true, encoding, bytes) };
  }
}

/** A passphrase may come with a key that is not encrypted. */
function decryptedIfPossible(bytes, passphrase) {
  try {
    return keyDecrypt(bytes, passphraseFrom(passphrase));
  } catch (error) {
    if (error.code !== "ERR_OSSL_UNSUPPORTED") throw error;
    return bytes;
  }
}
