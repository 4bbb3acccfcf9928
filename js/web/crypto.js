// The global `crypto`. The engine behind it lives on V8's C++ heap and cannot be in a snapshot, so what user code holds
// is this facade, which makes the engine at the first call.
import { core, internals, primordials } from "ext:core/mod.js";
import { op_crypto_random_uuid_batch, op_random_fill } from "ext:core/ops";
import { refuseWhileGuarding } from "ext:orilla_web/snapshot_guard.js";

// The engine marks keys with this so that they can be cloned. In Deno it is node:crypto that provides it.
internals.kKeyObject = Symbol("kKeyObject");

const {
  ArrayBufferPrototypeGetByteLength,
  DataViewPrototypeGetByteLength,
  ObjectCreate,
  SafeSet,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetByteOffset,
  TypedArrayPrototypeGetSymbolToStringTag,
  Uint8Array,
} = primordials;

const engine = () => core.loadExtScript("ext:orilla_web/crypto_engine.js");

let allowed = false;

class SubtleCrypto {
  constructor() {
    if (!allowed) throw new TypeError("Illegal constructor");
  }
}

/** More than so many bytes are counted while an operation works on them. */
const LARGE_BYTES = 65_536;

/** For each operation that works on so much, a buffer of that size. */
const reserves = new SafeSet();

/** Each operation, how many arguments it needs, and which of them is the list of a key's usages. */
const OPERATIONS = {
  encrypt: [3],
  decrypt: [3],
  sign: [3],
  verify: [4],
  digest: [2],
  generateKey: [3, 2],
  deriveKey: [5, 4],
  deriveBits: [2],
  importKey: [5, 4],
  exportKey: [2],
  wrapKey: [4],
  unwrapKey: [7, 6],
};

for (const [name, [length, usages]] of Object.entries(OPERATIONS)) {
  const operation = {
    async [name](...args) {
      if (!(this instanceof SubtleCrypto)) throw new TypeError("Illegal invocation");
      refuseWhileGuarding(`crypto.subtle.${name}()`);
      if (usages !== undefined && args.length > usages)
        args[usages] = withoutDuplicates(args[usages]);
      if (name === "importKey" && args[0] === "jwk") args[1] = readOnce(args[1]);
      const reserve = reserved(args);
      try {
        return await engine().run(name, args);
      } finally {
        reserves.delete(reserve);
      }
    },
  }[name];
  Object.defineProperty(operation, "length", { value: length, configurable: true });
  Object.defineProperty(SubtleCrypto.prototype, name, {
    value: operation,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

/** Members of a JsonWebKey. */
const MEMBERS_OF_JWK = [
  ...[
    "alg",
    "crv",
    "d",
    "dp",
    "dq",
    "e",
    "ext",
    "k",
    "key_ops",
    "kty",
    "n",
    "p",
    "priv",
    "pub",
    "q",
  ],
  ...["qi", "use", "x", "y"],
];

/** A key whose members stay what they are: the engine reads them more than once, and ends the process if they change meanwhile. */
function readOnce(jwk) {
  if (typeof jwk !== "object" || jwk === null || byteLength(jwk) !== undefined) return jwk;
  const copy = { __proto__: null };
  for (let i = 0; i < MEMBERS_OF_JWK.length; i++) {
    const name = MEMBERS_OF_JWK[i];
    const value = jwk[name];
    if (value === undefined) continue;
    const isList = typeof value === "object" && value !== null && Symbol.iterator in value;
    copy[name] = isList ? [...value] : value;
  }
  return copy;
}

/** How much work an algorithm may ask for. No limit of the app sees it while it is done. */
const MOST_OF_ALGORITHMS = {
  __proto__: null,
  iterations: 10_000_000,
  modulusLength: 8192,
  passes: 64,
};
/** Argon2's memory, in KiB: it counts like bytes that are brought. */
const MEMORY = "memory";

/** The members of algorithms that are bytes, as many as one likes. */
const BYTES_OF_ALGORITHMS = ["additionalData", "context", "info", "iv", "label", "salt"];

/**
 * The engine copies what it works on to where nobody counts it. So a buffer of that size is kept meanwhile, where it counts; nothing is
 * ever written to it.
 */
function reserved(args) {
  let bytes = 0;
  for (let i = 0; i < args.length; i++) {
    const argument = args[i];
    const length = byteLength(argument);
    if (length !== undefined) bytes += length;
    else if (typeof argument === "object" && argument !== null) {
      const read = withBytesRead(argument);
      args[i] = read.algorithm;
      bytes += read.bytes;
    }
  }
  if (bytes <= LARGE_BYTES) return undefined;
  const reserve = new Uint8Array(bytes);
  reserves.add(reserve);
  return reserve;
}

/** An algorithm whose bytes stay what they are when they are counted, whatever its getters say next. */
function withBytesRead(algorithm) {
  let bytes = 0;
  let members;
  for (let i = 0; i < BYTES_OF_ALGORITHMS.length; i++) {
    const name = BYTES_OF_ALGORITHMS[i];
    if (!(name in algorithm)) continue;
    const value = algorithm[name];
    bytes += byteLength(value) ?? 0;
    members = withMember(members, name, value);
  }
  for (const name in MOST_OF_ALGORITHMS) {
    if (!(name in algorithm)) continue;
    const value = +algorithm[name];
    if (value > MOST_OF_ALGORITHMS[name])
      throw new DOMException(
        `${name} is more than ${MOST_OF_ALGORITHMS[name]}, which is the most here`,
        "NotSupportedError",
      );
    members = withMember(members, name, value);
  }
  if (MEMORY in algorithm) {
    const value = +algorithm[MEMORY];
    if (value > 0) bytes += value * 1024;
    members = withMember(members, MEMORY, value);
  }
  return { algorithm: members === undefined ? algorithm : ObjectCreate(algorithm, members), bytes };
}

function withMember(members, name, value) {
  members ??= { __proto__: null };
  members[name] = { __proto__: null, value, enumerable: true };
  return members;
}

/** Bytes of a buffer or a view; `undefined` for anything else. */
function byteLength(value) {
  if (core.isArrayBuffer(value)) return ArrayBufferPrototypeGetByteLength(value);
  if (core.isDataView(value)) return DataViewPrototypeGetByteLength(value);
  return TypedArrayPrototypeGetSymbolToStringTag(value) === undefined
    ? undefined
    : TypedArrayPrototypeGetByteLength(value);
}

/** A key has each of its usages once. What is no list is left to the engine, which refuses it. */
function withoutDuplicates(usages) {
  return typeof usages?.[Symbol.iterator] === "function" ? [...new Set(usages)] : usages;
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
    if (!ArrayBuffer.isView(array))
      throw new TypeError(
        "Failed to execute 'getRandomValues' on 'Crypto': the argument is not a view",
      );
    refuseWhileGuarding("crypto.getRandomValues()");
    if (!fill(array)) return engine().getRandomValues(array);
    return array;
  }

  randomUUID() {
    if (!(this instanceof Crypto)) throw new TypeError("Illegal invocation");
    refuseWhileGuarding("crypto.randomUUID()");
    if (nextUuid === uuids.length) {
      uuids = op_crypto_random_uuid_batch();
      nextUuid = 0;
    }
    return uuids.slice(nextUuid, (nextUuid += UUID_LENGTH));
  }
}

/** The most bytes that one call of `getRandomValues` fills. */
const MAX_RANDOM_BYTES = 65_536;

const INTEGERS = new Set([
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "BigInt64Array",
  "BigUint64Array",
]);

/** Fills a view without the engine, which takes a millisecond to make; not one that only the engine can refuse properly. */
function fill(view) {
  if (!INTEGERS.has(TypedArrayPrototypeGetSymbolToStringTag(view))) return false;
  const buffer = TypedArrayPrototypeGetBuffer(view);
  const length = TypedArrayPrototypeGetByteLength(view);
  if (length > MAX_RANDOM_BYTES || core.isSharedArrayBuffer(buffer)) return false;
  op_random_fill(new Uint8Array(buffer, TypedArrayPrototypeGetByteOffset(view), length));
  return true;
}

const UUID_LENGTH = 36;
/** Some that are not given out yet, from `nextUuid` on. */
let uuids = "";
let nextUuid = 0;

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
