// Keys as text (RFC 7468), with the encryption that OpenSSL had before PKCS #8 (RFC 1421): a header names the cipher and its vector.

import {
  cipherCreate,
  cipherFinal,
  cipherUpdate,
  hashCreate,
  hashDigest,
  hashUpdate,
} from "ext:orilla_web/node_host.js";
import { Buffer } from "node:buffer";

const BEGIN = "-----BEGIN ";
const DASHES = "-----";
/** Characters in a line. */
const LINE = 64;
const BASE64 = /^[A-Za-z0-9+/\s]*[=\s]*$/;
const HEADERS =
  /^\s*Proc-Type: ?4,ENCRYPTED\r?\nDEK-Info: ?AES-(128|192|256)-CBC,([0-9A-F]{32})\r?\n\r?\n/i;
/** Bytes of the vector that salt the key. */
const SALT_BYTES = 8;

/**
 * @typedef {object} Block
 * @property {string} label
 * @property {Uint8Array} bytes
 * @property {{ keyLength: number, vector: Uint8Array }} [encryption] when they are encrypted in the old way
 */

/** @param {string} text @returns {Generator<Block>} all that can be read */
export function* blocksIn(text) {
  let begin = text.indexOf(BEGIN);
  while (begin >= 0) {
    const labelEnd = text.indexOf(DASHES, begin + BEGIN.length);
    const label = text.slice(begin + BEGIN.length, labelEnd);
    const end = text.indexOf(`-----END ${label}-----`, labelEnd);
    if (labelEnd < 0 || end < 0) return;
    const block = blockOf(label, text.slice(labelEnd + DASHES.length, end));
    if (block !== undefined) yield block;
    begin = text.indexOf(BEGIN, end);
  }
}

function blockOf(label, body) {
  const headers = HEADERS.exec(body);
  const base64 = headers === null ? body : body.slice(headers[0].length);
  if (!BASE64.test(base64)) return undefined;
  const bytes = Buffer.from(base64, "base64");
  if (headers === null) return { label, bytes };
  const [, bits, vector] = headers;
  return {
    label,
    bytes,
    encryption: { keyLength: Number(bits) / 8, vector: Buffer.from(vector, "hex") },
  };
}

/** @param {string} label @param {Uint8Array} bytes @returns {string} */
export function pemOf(label, bytes) {
  const base64 = Buffer.from(bytes).toString("base64");
  const lines = base64.match(new RegExp(`.{1,${LINE}}`, "g")) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/**
 * @param {Block} block that is encrypted in the old way @param {Uint8Array} passphrase
 * @returns {Uint8Array}
 * @throws where the passphrase is another, for the most part
 */
export function decryptBlock({ bytes, encryption: { keyLength, vector } }, passphrase) {
  const salt = vector.subarray(0, SALT_BYTES);
  const key = keyFrom(passphrase, salt, keyLength);
  const cipher = cipherCreate("cbc", key, vector, true);
  return Buffer.concat([cipherUpdate(cipher, bytes, true), cipherFinal(cipher, true)]);
}

/** OpenSSL's own way to a key, `EVP_BytesToKey` with MD5 once. */
function keyFrom(passphrase, salt, length) {
  let key = Buffer.alloc(0);
  let last = key;
  while (key.length < length) {
    const hash = hashCreate("md5");
    for (const bytes of [last, passphrase, salt]) hashUpdate(hash, bytes);
    last = hashDigest(hash);
    key = Buffer.concat([key, last]);
  }
  return key.subarray(0, length);
}
