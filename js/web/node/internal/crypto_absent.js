// What `node:crypto` has in name only: classic Diffie-Hellman, certificates, primes and what is obsolete.

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
  X509Certificate,
  checkPrime,
  checkPrimeSync,
  createDiffieHellman,
  createDiffieHellmanGroup,
  generatePrime,
  generatePrimeSync,
  getDiffieHellman,
  secureHeapUsed,
  setEngine,
  setFips,
} = names;

export default module;
