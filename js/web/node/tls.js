// `node:tls`, in name only, with what its defaults are called.

import { absent } from "ext:orilla_web/node/internal/absent.js";
import { constants } from "ext:orilla_web/node/internal/constants/crypto.js";

const [names, module] = absent(
  "tls",
  "an app has no network beside fetch and WebSocket, which use TLS by themselves",
);

export const {
  SecureContext,
  Server,
  TLSSocket,
  checkServerIdentity,
  connect,
  convertALPNProtocols,
  createSecureContext,
  createSecurePair,
  createServer,
  getCACertificates,
  getCiphers,
  setDefaultCACertificates,
} = names;
export const CLIENT_RENEG_LIMIT = 3;
export const CLIENT_RENEG_WINDOW = 600;
export const DEFAULT_CIPHERS = constants.defaultCipherList;
export const DEFAULT_ECDH_CURVE = "auto";
export const DEFAULT_MAX_VERSION = "TLSv1.3";
export const DEFAULT_MIN_VERSION = "TLSv1.2";
/** Empty: which certificates are trusted is the host's matter. */
export const rootCertificates = Object.freeze([]);

export default Object.assign(module, {
  CLIENT_RENEG_LIMIT,
  CLIENT_RENEG_WINDOW,
  DEFAULT_CIPHERS,
  DEFAULT_ECDH_CURVE,
  DEFAULT_MAX_VERSION,
  DEFAULT_MIN_VERSION,
  rootCertificates,
});
