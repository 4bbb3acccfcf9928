// How a key is written for others, and the options that say so.

import { keyEncrypt, keyWrite } from "ext:orilla_web/node_host.js";
import { bytesOfSource, encode, kindOnly } from "ext:orilla_web/node/internal/crypto_input.js";
import { codedError, invalidArgValue } from "ext:orilla_web/node/internal/errors.js";
import { jwkOf } from "ext:orilla_web/node/internal/keys/jwk.js";
import { pemOf } from "ext:orilla_web/node/internal/keys/pem.js";
import { validateObject } from "ext:orilla_web/node/internal/validate.js";

const LABELS = {
  public: { spki: "PUBLIC KEY", pkcs1: "RSA PUBLIC KEY" },
  private: { pkcs8: "PRIVATE KEY", pkcs1: "RSA PRIVATE KEY", sec1: "EC PRIVATE KEY" },
};
const ENCRYPTED_LABEL = "ENCRYPTED PRIVATE KEY";
/** What keys are encrypted with. */
const CIPHERS = ["aes-128-cbc", "aes-256-cbc"];

/** Which keys have an encoding of their own. */
const OWNERS = { pkcs1: "RSA", sec1: "EC" };
const ownerOf = (kind) =>
  kind === "rsa" ? "RSA" : ["ed25519", "x25519"].includes(kind) ? undefined : "EC";

function incompatible(encoding, reason) {
  const message = `The selected key encoding ${encoding} ${reason}.`;
  return codedError(Error, "ERR_CRYPTO_INCOMPATIBLE_KEY_OPTIONS", message);
}

/**
 * Checks options before there is a key.
 * @param {object} options @param {"private" | "public"} type of the key @param {string} kind of it
 * @param {string} [name] of the options
 * @returns {{ format: string, encoding?: string, cipher?: string, passphrase?: Uint8Array }}
 */
export function exportSettings(options, type, kind, name = "options") {
  validateObject(options, name);
  const { format, type: encoding, cipher, passphrase } = options;
  const isEncrypted = type === "private" && (cipher != null || passphrase !== undefined);
  if (format === "jwk") {
    if (isEncrypted) throw incompatible("jwk", "does not support encryption");
    return { format };
  }
  if (format !== "pem" && format !== "der") throw invalidArgValue(`${name}.format`, format);
  if (typeof encoding !== "string" || !Object.hasOwn(LABELS[type], encoding)) {
    throw invalidArgValue(`${name}.type`, encoding);
  }
  if (!isEncrypted) return { format, encoding: checkOwner(encoding, kind) };
  if (typeof cipher !== "string") throw invalidArgValue(`${name}.cipher`, cipher);
  const isText = typeof passphrase === "string";
  if (!isText && !ArrayBuffer.isView(passphrase) && !(passphrase instanceof ArrayBuffer)) {
    throw invalidArgValue(`${name}.passphrase`, kindOnly(passphrase));
  }
  const bytes = bytesOfSource(passphrase, `${name}.passphrase`, options.encoding);
  checkOwner(encoding, kind);
  if (encoding !== "pkcs8") throw incompatible(encoding, "does not support encryption");
  if (!CIPHERS.includes(cipher.toLowerCase())) {
    const message = `Unknown cipher: ${cipher}. Keys are encrypted with ${CIPHERS.join(" or ")}`;
    throw codedError(Error, "ERR_CRYPTO_UNKNOWN_CIPHER", message);
  }
  return { format, encoding, cipher: cipher.toLowerCase(), passphrase: bytes };
}

function checkOwner(encoding, kind) {
  const owner = OWNERS[encoding];
  if (owner === undefined || owner === ownerOf(kind)) return encoding;
  throw incompatible(encoding, `can only be used for ${owner} keys`);
}

/**
 * @param {import("ext:orilla_web/node/internal/key_object.js").Material} material of a key that is not secret
 * @param {object} options @param {string} [name] of the options
 * @returns {string | Buffer | object} text, bytes or a JWK
 */
export function exportKey({ type, kind, bytes }, options, name) {
  const { format, encoding, cipher, passphrase } = exportSettings(options, type, kind, name);
  if (format === "jwk") return jwkOf(type, kind, bytes);
  const written = keyWrite(type === "private", encoding, bytes);
  const isEncrypted = passphrase !== undefined;
  const shown = isEncrypted ? keyEncrypt(written, cipher, passphrase) : written;
  if (format === "der") return encode(shown);
  return pemOf(isEncrypted ? ENCRYPTED_LABEL : LABELS[type][encoding], shown);
}
