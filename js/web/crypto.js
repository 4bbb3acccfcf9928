// The global `crypto`. The engine behind it lives on V8's C++ heap and cannot be in a snapshot, so what user code holds
// is this facade, which makes the engine at the first call.
import { core } from "ext:core/mod.js";
import { refuseWhileGuarding } from "ext:orilla_web/snapshot_guard.js";

const engine = () => core.loadExtScript("ext:deno_crypto/00_crypto.js").crypto;

let allowed = false;

class SubtleCrypto {
  constructor() {
    if (!allowed) throw new TypeError("Illegal constructor");
  }
}

const OPERATIONS = [
  "encrypt",
  "decrypt",
  "sign",
  "verify",
  "digest",
  "generateKey",
  "deriveKey",
  "deriveBits",
  "importKey",
  "exportKey",
  "wrapKey",
  "unwrapKey",
];

for (const name of OPERATIONS) {
  const operation = {
    async [name](...args) {
      if (!(this instanceof SubtleCrypto)) throw new TypeError("Illegal invocation");
      refuseWhileGuarding(`crypto.subtle.${name}()`);
      return await engine().subtle[name](...args);
    },
  }[name];
  Object.defineProperty(SubtleCrypto.prototype, name, {
    value: operation,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

class Crypto {
  constructor() {
    if (!allowed) throw new TypeError("Illegal constructor");
  }

  get subtle() {
    if (!(this instanceof Crypto)) throw new TypeError("Illegal invocation");
    return subtle;
  }

  getRandomValues(array) {
    if (!(this instanceof Crypto)) throw new TypeError("Illegal invocation");
    refuseWhileGuarding("crypto.getRandomValues()");
    return engine().getRandomValues(array);
  }

  randomUUID() {
    if (!(this instanceof Crypto)) throw new TypeError("Illegal invocation");
    refuseWhileGuarding("crypto.randomUUID()");
    return engine().randomUUID();
  }
}

for (const [constructor, name] of [
  [Crypto, "Crypto"],
  [SubtleCrypto, "SubtleCrypto"],
]) {
  Object.defineProperty(constructor.prototype, Symbol.toStringTag, {
    value: name,
    configurable: true,
  });
}
for (const name of ["subtle", "getRandomValues", "randomUUID"]) {
  const descriptor = Object.getOwnPropertyDescriptor(Crypto.prototype, name);
  Object.defineProperty(Crypto.prototype, name, { ...descriptor, enumerable: true });
}

allowed = true;
const subtle = new SubtleCrypto();
const crypto = new Crypto();
allowed = false;

export { Crypto, crypto, SubtleCrypto };
