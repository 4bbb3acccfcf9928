// Encryption with RSA: OAEP both ways, PKCS #1 v1.5 to encrypt only. `privateEncrypt` and `publicDecrypt` are signatures without a digest.

import { rsaDecrypt, rsaEncrypt, rsaRecover, rsaSignPlain } from "ext:orilla_web/node_host.js";
import { constants } from "ext:orilla_web/node/internal/constants/crypto.js";
import { bytesOfSource, encode, hashNamed } from "ext:orilla_web/node/internal/crypto_input.js";
import { codedError, invalidArgValue } from "ext:orilla_web/node/internal/errors.js";
import { privateKeyFrom, publicKeyFrom } from "ext:orilla_web/node/internal/keys/read.js";
import { validateString } from "ext:orilla_web/node/internal/validate.js";

const { RSA_PKCS1_PADDING, RSA_PKCS1_OAEP_PADDING } = constants;
const DEFAULT_OAEP_HASH = "sha1";

function checkIsRsa({ kind }) {
  if (kind === "rsa") return;
  const code = "ERR_OSSL_EVP_OPERATION_NOT_SUPPORTED_FOR_THIS_KEYTYPE";
  throw codedError(Error, code, "operation not supported for this keytype");
}

function unsupportedPadding() {
  const code = "ERR_OSSL_ILLEGAL_OR_UNSUPPORTED_PADDING_MODE";
  return codedError(Error, code, "illegal or unsupported padding mode");
}

/** Digest and label of OAEP. */
function oaepFrom(options) {
  const { oaepHash = DEFAULT_OAEP_HASH, oaepLabel } = options ?? {};
  validateString(oaepHash, "key.oaepHash");
  const hash = hashNamed(oaepHash);
  if (hash === undefined) {
    throw codedError(Error, "ERR_OSSL_EVP_INVALID_DIGEST", "Invalid digest used");
  }
  const label =
    oaepLabel === undefined
      ? new Uint8Array(0)
      : bytesOfSource(oaepLabel, "key.oaepLabel", options.encoding);
  return [hash, label];
}

const paddingOf = (options, otherwise) => options?.padding ?? otherwise;

/**
 * @param {unknown} publicKey or a private one, or a certificate, with `padding`, `oaepHash` and `oaepLabel` or without
 * @param {string | ArrayBuffer | ArrayBufferView} data
 * @returns {Buffer}
 */
export function publicEncrypt(publicKey, data) {
  const key = publicKeyFrom(publicKey);
  const [hash, label] = oaepFrom(publicKey);
  const bytes = bytesOfSource(data, "buffer", publicKey.encoding);
  checkIsRsa(key);
  const padding = paddingOf(publicKey, RSA_PKCS1_OAEP_PADDING);
  if (padding === RSA_PKCS1_OAEP_PADDING) return encode(rsaEncrypt(key.bytes, hash, label, bytes));
  if (padding !== RSA_PKCS1_PADDING) throw unsupportedPadding();
  return encode(rsaEncrypt(key.bytes, "", new Uint8Array(0), bytes));
}

/**
 * @param {unknown} privateKey with `oaepHash` and `oaepLabel` or without
 * @param {string | ArrayBuffer | ArrayBufferView} data that was encrypted with OAEP
 * @returns {Buffer}
 */
export function privateDecrypt(privateKey, data) {
  const key = privateKeyFrom(privateKey);
  const [hash, label] = oaepFrom(privateKey);
  const bytes = bytesOfSource(data, "buffer", privateKey.encoding);
  checkIsRsa(key);
  const padding = paddingOf(privateKey, RSA_PKCS1_OAEP_PADDING);
  if (padding === RSA_PKCS1_PADDING) {
    const reason = "is not available for private decryption: use RSA_PKCS1_OAEP_PADDING";
    throw invalidArgValue("options.padding", padding, reason);
  }
  if (padding !== RSA_PKCS1_OAEP_PADDING) throw unsupportedPadding();
  return encode(rsaDecrypt(key.bytes, hash, label, bytes));
}

/**
 * @param {unknown} privateKey @param {string | ArrayBuffer | ArrayBufferView} data
 * @returns {Buffer} what `publicDecrypt` makes the data of
 */
export function privateEncrypt(privateKey, data) {
  const key = privateKeyFrom(privateKey);
  const bytes = bytesOfSource(data, "buffer", privateKey.encoding);
  checkIsRsa(key);
  if (paddingOf(privateKey, RSA_PKCS1_PADDING) !== RSA_PKCS1_PADDING) throw unsupportedPadding();
  return encode(rsaSignPlain(key.bytes, bytes));
}

/**
 * @param {unknown} publicKey or a private one, or a certificate @param {string | ArrayBuffer | ArrayBufferView} data
 * @returns {Buffer} what `privateEncrypt` had
 */
export function publicDecrypt(publicKey, data) {
  const key = publicKeyFrom(publicKey);
  const bytes = bytesOfSource(data, "buffer", publicKey.encoding);
  checkIsRsa(key);
  if (paddingOf(publicKey, RSA_PKCS1_PADDING) !== RSA_PKCS1_PADDING) throw unsupportedPadding();
  return encode(rsaRecover(key.bytes, bytes));
}

export default { privateDecrypt, privateEncrypt, publicDecrypt, publicEncrypt };
