// What `node:crypto` has in name only: asymmetric keys, signatures and the rest.

import { absent } from "ext:orilla_web/node/internal/absent.js";

const [names, module] = absent(
  "crypto",
  "use crypto.subtle where it has it, or a package that is written in JavaScript",
);

export const {
  Certificate,
  Cipher,
  Decipher,
  DiffieHellman,
  DiffieHellmanGroup,
  ECDH,
  Sign,
  Verify,
  X509Certificate,
  checkPrime,
  checkPrimeSync,
  createDiffieHellman,
  createDiffieHellmanGroup,
  createECDH,
  createPrivateKey,
  createPublicKey,
  createSign,
  createVerify,
  diffieHellman,
  generateKeyPair,
  generateKeyPairSync,
  generatePrime,
  generatePrimeSync,
  getDiffieHellman,
  privateDecrypt,
  privateEncrypt,
  publicDecrypt,
  publicEncrypt,
  secureHeapUsed,
  setEngine,
  setFips,
  sign,
  verify,
} = names;

export default module;
