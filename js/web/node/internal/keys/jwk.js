// Keys as JSON (RFC 7517): which member has which of a key's numbers.

import { keyOfParts, keyParts } from "ext:orilla_web/node_host.js";
import { Buffer } from "node:buffer";
import { kindOnly } from "ext:orilla_web/node/internal/crypto_input.js";
import { codedError, invalidArgType } from "ext:orilla_web/node/internal/errors.js";
import { validateObject, validateOneOf } from "ext:orilla_web/node/internal/validate.js";

/** The members of each type: those of public keys, and those that private ones have beside. The host has them in this order. */
const MEMBERS = {
  RSA: [
    ["n", "e"],
    ["d", "p", "q", "dp", "dq", "qi"],
  ],
  EC: [["x", "y"], ["d"]],
  OKP: [["x"], ["d"]],
};

/** What JSON calls a curve, and what OpenSSL does. */
const CURVES = {
  EC: { "P-256": "prime256v1", "P-384": "secp384r1", "P-521": "secp521r1" },
  OKP: { Ed25519: "ed25519", X25519: "x25519" },
};

const BY_KIND = new Map([["rsa", { kty: "RSA" }]]);
for (const [kty, curves] of Object.entries(CURVES))
  for (const [crv, kind] of Object.entries(curves)) BY_KIND.set(kind, { kty, crv });

/**
 * @param {"private" | "public"} type @param {string} kind @param {Uint8Array} bytes
 * @returns {object}
 */
export function jwkOf(type, kind, bytes) {
  const { kty, crv } = BY_KIND.get(kind);
  const isPrivate = type === "private";
  const [publicMembers, privateMembers] = MEMBERS[kty];
  const members = isPrivate ? [...publicMembers, ...privateMembers] : publicMembers;
  const parts = keyParts(isPrivate, bytes);
  const jwk = Object.fromEntries(
    members.map((member, at) => [member, Buffer.from(parts[at]).toString("base64url")]),
  );
  return crv === undefined ? { kty, ...jwk } : { kty, crv, ...jwk };
}

/**
 * @param {object} jwk @param {boolean} isPublic whether the private half is left out
 * @returns {{ type: "private" | "public", kind: string, bytes: Uint8Array }}
 */
export function keyOfJwk(jwk, isPublic) {
  validateObject(jwk, "key.key");
  const { kty, crv } = jwk;
  validateOneOf(kty, "key.kty", Object.keys(MEMBERS));
  const kind = kty === "RSA" ? "rsa" : kindOfCurve(kty, crv);
  const [publicMembers, privateMembers] = MEMBERS[kty];
  // What has no private number is a public key, and is refused as one where a private key is asked for.
  const isPrivate = !isPublic && (jwk.d !== undefined || kty !== "RSA");
  const members = isPrivate ? [...publicMembers, ...privateMembers] : publicMembers;
  const parts = members.map((member) => {
    const value = jwk[member];
    if (typeof value !== "string") {
      throw invalidArgType(`key.${member}`, "of type string", kindOnly(value));
    }
    return Buffer.from(value, "base64url");
  });
  try {
    return { type: isPrivate ? "private" : "public", ...keyOfParts(isPrivate, kind, parts) };
  } catch (error) {
    if (error.code !== "ERR_OSSL_UNSUPPORTED") throw error;
    throw codedError(TypeError, "ERR_CRYPTO_INVALID_JWK", `Invalid JWK ${kty} key`);
  }
}

function kindOfCurve(kty, crv) {
  validateOneOf(crv, "key.crv", Object.keys(CURVES[kty]));
  return CURVES[kty][crv];
}
