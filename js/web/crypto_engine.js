// deno_crypto, and what it leaves out: AES-CTR with counters of any length, AES-GCM with initialization vectors and tags of any length,
// whether the point of an elliptic curve's key is on the curve, and whether the primes of RSA's are alike. It hides the methods that
// show the bytes of keys which cannot be exported. Compiled at the first use of a key.
(function () {
  const { core } = __bootstrap;
  const {
    op_cipher_additional_data,
    op_cipher_create,
    op_cipher_tag,
    op_cipher_update,
    op_cipher_verify,
    op_key_parts,
  } = core.ops;
  const loaded = core.loadExtScript("ext:deno_crypto/00_crypto.js");
  const { CryptoKey } = loaded;
  const { exportNodeMaterial, fromCloneData, importSync } = CryptoKey;

  for (const name of ["exportNodeMaterial", "fromCloneData", "importSync"]) delete CryptoKey[name];
  core.getCloneableDeserializers().CryptoKey = (data) => fromCloneData(data);

  const BLOCK_BYTES = 16;
  /** Lengths of counters that the engine knows, in bits. */
  const KNOWN_COUNTERS = [32, 64, 128];
  /** Lengths of vectors that the engine knows, in bytes. */
  const KNOWN_VECTORS = [12, 16];
  const TAG_BITS = [32, 64, 96, 104, 112, 120, 128];

  const CURVES = ["P-256", "P-384", "P-521"];

  const subtle = () => loaded.crypto.subtle;
  const nameOf = (algorithm) => String(algorithm?.name ?? algorithm).toUpperCase();
  const integer = (bytes) => BigInt(`0x${bytes.toHex() || "0"}`);
  const failed = (message) => new DOMException(message, "OperationError");

  /** What algorithms to encrypt with have. */
  const MEMBERS = ["name", "additionalData", "counter", "iv", "label", "length", "tagLength"];

  /** An algorithm whose members have been read, once and before the data: getters may do anything to it. */
  function readOnce(algorithm) {
    if (typeof algorithm !== "object" || algorithm === null) return algorithm;
    const read = MEMBERS.map((name) => [name, algorithm[name]]);
    return Object.fromEntries(read.filter(([, value]) => value !== undefined));
  }

  /** A copy, which nobody changes meanwhile; of what was transferred there is nothing left. */
  function copied(source) {
    if (source?.detached || source?.buffer?.detached) return new Uint8Array();
    if (ArrayBuffer.isView(source))
      return new Uint8Array(source.buffer, source.byteOffset, source.byteLength).slice();
    if (core.isAnyArrayBuffer(source)) return new Uint8Array(source).slice();
    throw new TypeError("the data is no ArrayBuffer, and no view of one");
  }

  /** Encrypts or decrypts: with the engine where it can. */
  async function crypt(operation, given, key, data) {
    const algorithm = readOnce(given);
    const name = nameOf(algorithm);
    if (name === "AES-CTR") {
      const { counter, length } = algorithm;
      if (
        !KNOWN_COUNTERS.includes(+length) &&
        length >= 1 &&
        length <= 128 &&
        counter?.byteLength === BLOCK_BYTES
      )
        return await cryptCounting(
          operation,
          copied(counter),
          Math.trunc(length),
          key,
          copied(data),
        );
    }
    if (name === "AES-GCM") {
      const { iv, tagLength = 128 } = algorithm;
      const isKnown = KNOWN_VECTORS.includes(iv?.byteLength) && +tagLength === 128;
      if (!isKnown && iv?.byteLength > 0 && key instanceof CryptoKey)
        return cryptHashing(operation, algorithm, copied(iv), key, copied(data));
    }
    return await subtle()[operation](algorithm, key, data);
  }

  /** AES-CTR of which so many bits count. Until they are all zero again, all 128 count alike. */
  async function cryptCounting(operation, counter, bits, key, data) {
    const blocks = BigInt(Math.ceil(data.length / BLOCK_BYTES));
    const values = 1n << BigInt(bits);
    if (blocks > values) throw failed("the counter is too short for so much data");
    const run = (start, part) =>
      subtle()[operation]({ name: "AES-CTR", counter: start, length: 128 }, key, part);
    const value = integer(counter);
    const left = values - (value % values);
    if (blocks <= left) return await run(counter, data);
    const first = Number(left) * BLOCK_BYTES;
    const again = (value - (value % values)).toString(16).padStart(2 * BLOCK_BYTES, "0");
    const parts = [
      await run(counter, data.subarray(0, first)),
      await run(Uint8Array.fromHex(again), data.subarray(first)),
    ];
    return joined(parts.map((part) => new Uint8Array(part)));
  }

  function joined([first, second]) {
    const whole = new Uint8Array(first.length + second.length);
    whole.set(first);
    whole.set(second, first.length);
    return whole.buffer;
  }

  /** AES-GCM whose vector has to be hashed. */
  function cryptHashing(operation, { additionalData, tagLength }, iv, key, data) {
    if (key.algorithm.name !== "AES-GCM" || !key.usages.includes(operation))
      throw new DOMException(
        `the key is not one to ${operation} with AES-GCM`,
        "InvalidAccessError",
      );
    const bits = tagLength === undefined ? 128 : +tagLength;
    if (!TAG_BITS.includes(bits)) throw failed(`a tag of ${tagLength} bits is not possible`);
    const handle = op_cipher_create(
      "gcm",
      exportNodeMaterial(key).data,
      iv,
      operation === "decrypt",
    );
    if (additionalData !== undefined) op_cipher_additional_data(handle, copied(additionalData));
    if (operation === "encrypt") {
      const encrypted = op_cipher_update(handle, data, false);
      return joined([encrypted, op_cipher_tag(handle).subarray(0, bits / 8)]);
    }
    const end = data.length - bits / 8;
    if (end < 0) throw failed("the data is shorter than the tag");
    const decrypted = op_cipher_update(handle, data.subarray(0, end), false);
    try {
      op_cipher_verify(handle, data.subarray(end));
    } catch {
      throw failed("the data is not authentic");
    }
    return decrypted.buffer;
  }

  async function importKey(format, ...args) {
    const key = checkPrimes(await subtle().importKey(format, ...args));
    if (!CURVES.includes(key.algorithm?.namedCurve)) return key;
    if (key.type === "public") checkIsOnCurve(key);
    else if (format === "jwk") await checkPoint(args);
    return key;
  }

  /** The engine takes any point for a key, and writes none that is not on its curve. */
  function checkIsOnCurve(key) {
    try {
      exportNodeMaterial(key);
    } catch {
      throw new DOMException("the key's point is not on its curve", "DataError");
    }
  }

  /** The engine takes as many steps as the second prime of an RSA key is larger than the first, and nothing stops it. */
  function checkPrimes(key) {
    if (key.type !== "private" || !key.algorithm.name.startsWith("RSA")) return key;
    try {
      const [, , , p, q] = op_key_parts(true, exportNodeMaterial(key).data);
      if (Math.abs(p.length - q.length) <= 1) return key;
    } catch {
      // It is none, or one that takes too long.
    }
    throw new DOMException("the key's primes are not what they should be", "DataError");
  }

  /** A private key as JWK names its public key too, which must be the one that belongs to it. */
  async function checkPoint([jwk, algorithm, , usages]) {
    const whole = await subtle().importKey("jwk", { ...jwk, ext: true }, algorithm, true, usages);
    const { x, y } = await subtle().exportKey("jwk", whole);
    const same = (a, b) => b === undefined || a.replace(/=+$/, "") === String(b).replace(/=+$/, "");
    if (same(x, jwk.x) && same(y, jwk.y)) return;
    throw new DOMException("the key's point is not that of its number", "DataError");
  }

  /**
   * Does an operation of SubtleCrypto.
   * @param {string} name @param {unknown[]} args @returns {Promise<unknown>}
   */
  async function run(name, args) {
    if (name === "encrypt" || name === "decrypt") return await crypt(name, ...args);
    if (name === "importKey") return await importKey(...args);
    if (name === "unwrapKey") return checkPrimes(await subtle().unwrapKey(...args));
    return await subtle()[name](...args);
  }

  return {
    CryptoKey,
    run,
    getRandomValues: (view) => loaded.crypto.getRandomValues(view),
    // What `node:crypto` has of keys: their bytes, and keys of bytes, at once.
    material: (key) => exportNodeMaterial(key),
    importNow: (...args) => checkPrimes(importSync(...args)),
  };
})();
