// crypto and crypto.subtle, with vectors from the standards of the algorithms.
import { assert, assertEquals, assertThrows, differs, test } from "./harness.js";

const { subtle } = crypto;
const hex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const text = (value) => new TextEncoder().encode(value);
const toHex = (buffer) =>
  Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");

test("getRandomValues fills integer views, up to 65536 bytes", async () => {
  const array = new Uint8Array(65536);
  assert(crypto.getRandomValues(array) === array);
  assert(new Set(array).size > 200);
  for (const buffer of [new ArrayBuffer(128), new SharedArrayBuffer(128)]) {
    for (const View of [Int8Array, Uint8ClampedArray, Uint16Array, Int32Array, BigUint64Array]) {
      const bytes = new Uint8Array(buffer).fill(0);
      crypto.getRandomValues(new View(buffer, 32, 64 / View.BYTES_PER_ELEMENT));
      const isZero = (part) => part.every((byte) => byte === 0);
      assert(isZero(bytes.subarray(0, 32)) && isZero(bytes.subarray(96)), View.name);
      assert(!isZero(bytes.subarray(32, 64)) && !isZero(bytes.subarray(64, 96)), View.name);
    }
  }
  assertEquals(crypto.getRandomValues(new Uint8Array()).length, 0);
  await assertThrows(() => crypto.getRandomValues(new Uint8Array(65537)), QuotaExceededError);
  for (const bad of [new Float32Array(1), new DataView(new ArrayBuffer(1))])
    await assertThrows(() => crypto.getRandomValues(bad), "TypeMismatchError");
  await assertThrows(() => crypto.getRandomValues([]), TypeError);
  await assertThrows(() => crypto.getRandomValues(), TypeError);
});

test("randomUUID", () => {
  const all = new Set(Array.from({ length: 1000 }, () => crypto.randomUUID()));
  assertEquals(all.size, 1000);
  for (const uuid of all)
    assert(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/.test(uuid), uuid);
});

test("subtle is one object, of its class", () => {
  assert(crypto.subtle === subtle && subtle instanceof SubtleCrypto && crypto instanceof Crypto);
});

const digests = {
  "SHA-1": "a9993e364706816aba3e25717850c26c9cd0d89d",
  "SHA-256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  "SHA-384":
    "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
  "SHA-512":
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
};

for (const [name, digest] of Object.entries(digests)) {
  test(`digest ${name}`, async () => {
    assertEquals(toHex(await subtle.digest(name, text("abc"))), digest);
    assertEquals(
      toHex(await subtle.digest({ name: name.toLowerCase() }, text("abc").buffer)),
      digest,
    );
  });
}

test("digest takes its input when it is called", async () => {
  const data = text("abc");
  const digest = subtle.digest("SHA-256", data);
  data.fill(0);
  assertEquals(toHex(await digest), digests["SHA-256"]);
});

test("algorithms that there are not", async () => {
  for (const name of ["MD5", "sha256", ""])
    await assertThrows(() => subtle.digest(name, text("")), "NotSupportedError");
  await assertThrows(() => subtle.digest({}, text("")), TypeError);
  await assertThrows(() => subtle.digest("SHA-1", "text"), TypeError);
});

test("operations reject, they do not throw", () => {
  for (const name of ["digest", "sign", "importKey"]) {
    const promise = subtle[name]();
    assert(promise instanceof Promise);
    promise.catch(() => {});
  }
});

test("HMAC: RFC 4231", async () => {
  const key = await subtle.importKey(
    "raw",
    text("Jefe"),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign", "verify"],
  );
  assertEquals(
    [key.type, key.extractable, key.algorithm.length, key.algorithm.hash],
    ["secret", false, 32, { name: "SHA-256" }],
  );
  const data = text("what do ya want for nothing?");
  const signature = await subtle.sign("HMAC", key, data);
  assertEquals(
    toHex(signature),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
  assertEquals(await subtle.verify("HMAC", key, signature, data), true);
  assertEquals(await subtle.verify("HMAC", key, signature.slice(1), data), false);
  await assertThrows(() => subtle.exportKey("raw", key), "InvalidAccessError");
});

test("AES-CBC: NIST SP 800-38A", async () => {
  const key = await subtle.importKey(
    "raw",
    hex("2b7e151628aed2a6abf7158809cf4f3c"),
    "AES-CBC",
    true,
    ["encrypt", "decrypt"],
  );
  const algorithm = { name: "AES-CBC", iv: hex("000102030405060708090a0b0c0d0e0f") };
  const plain = hex("6bc1bee22e409f96e93d7e117393172a");
  const packed = await subtle.encrypt(algorithm, key, plain);
  assertEquals(toHex(packed).slice(0, 32), "7649abac8119b246cee98e9b12e9197d");
  assertEquals(new Uint8Array(await subtle.decrypt(algorithm, key, packed)), plain);
  await assertThrows(() => subtle.decrypt(algorithm, key, packed.slice(0, 16)), "OperationError");
  await assertThrows(
    () => subtle.encrypt({ ...algorithm, iv: new Uint8Array(8) }, key, plain),
    "OperationError",
  );
});

test("AES-GCM: NIST vector, additional data, a forged tag", async () => {
  const key = await subtle.importKey(
    "raw",
    hex("feffe9928665731c6d6a8f9467308308"),
    "AES-GCM",
    false,
    ["encrypt", "decrypt"],
  );
  const algorithm = {
    name: "AES-GCM",
    iv: hex("cafebabefacedbaddecaf888"),
    additionalData: hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
  };
  const plain = hex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
  );
  const packed = await subtle.encrypt(algorithm, key, plain);
  assertEquals(toHex(packed).slice(-32), "5bc94fbc3221a5db94fae95ae7121a47");
  assertEquals(new Uint8Array(await subtle.decrypt(algorithm, key, packed)), plain);
  const forged = new Uint8Array(packed);
  forged[0] ^= 1;
  await assertThrows(() => subtle.decrypt(algorithm, key, forged), "OperationError");
});

test("AES-CTR and AES-KW", async () => {
  const key = await subtle.importKey(
    "raw",
    hex("2b7e151628aed2a6abf7158809cf4f3c"),
    "AES-CTR",
    false,
    ["encrypt"],
  );
  const algorithm = {
    name: "AES-CTR",
    counter: hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"),
    length: 64,
  };
  const packed = await subtle.encrypt(algorithm, key, hex("6bc1bee22e409f96e93d7e117393172a"));
  assertEquals(toHex(packed), "874d6191b620e3261bef6864990db6ce");
  const wrapping = await subtle.importKey(
    "raw",
    hex("000102030405060708090a0b0c0d0e0f"),
    "AES-KW",
    false,
    ["wrapKey", "unwrapKey"],
  );
  const inner = await subtle.importKey(
    "raw",
    hex("00112233445566778899aabbccddeeff"),
    "AES-GCM",
    true,
    ["encrypt"],
  );
  const wrapped = await subtle.wrapKey("raw", inner, wrapping, "AES-KW");
  assertEquals(toHex(wrapped), "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5");
  const unwrapped = await subtle.unwrapKey("raw", wrapped, wrapping, "AES-KW", "AES-GCM", true, [
    "encrypt",
  ]);
  assertEquals(toHex(await subtle.exportKey("raw", unwrapped)), "00112233445566778899aabbccddeeff");
});

test("PBKDF2 and HKDF", async () => {
  const password = await subtle.importKey("raw", text("password"), "PBKDF2", false, [
    "deriveBits",
    "deriveKey",
  ]);
  const pbkdf2 = { name: "PBKDF2", hash: "SHA-1", salt: text("salt"), iterations: 2 };
  assertEquals(
    toHex(await subtle.deriveBits(pbkdf2, password, 160)),
    "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957",
  );
  const material = await subtle.importKey("raw", new Uint8Array(22).fill(11), "HKDF", false, [
    "deriveBits",
  ]);
  const hkdf = {
    name: "HKDF",
    hash: "SHA-256",
    salt: hex("000102030405060708090a0b0c"),
    info: hex("f0f1f2f3f4f5f6f7f8f9"),
  };
  assertEquals(
    toHex(await subtle.deriveBits(hkdf, material, 336)),
    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
  );
  const key = await subtle.deriveKey(pbkdf2, password, { name: "AES-GCM", length: 256 }, true, [
    "encrypt",
  ]);
  assertEquals([key.algorithm.length, (await subtle.exportKey("raw", key)).byteLength], [256, 32]);
});

for (const namedCurve of ["P-256", "P-384"]) {
  test(`ECDSA and ECDH ${namedCurve}`, async () => {
    const ecdsa = { name: "ECDSA", namedCurve };
    const pair = await subtle.generateKey(ecdsa, true, ["sign", "verify"]);
    assertEquals(
      [pair.publicKey.type, pair.publicKey.usages, pair.privateKey.usages],
      ["public", ["verify"], ["sign"]],
    );
    const algorithm = { name: "ECDSA", hash: "SHA-256" };
    const signature = await subtle.sign(algorithm, pair.privateKey, text("m"));
    for (const format of ["raw", "spki", "jwk"]) {
      const exported = await subtle.exportKey(format, pair.publicKey);
      const key = await subtle.importKey(format, exported, ecdsa, true, ["verify"]);
      assertEquals(
        [
          await subtle.verify(algorithm, key, signature, text("m")),
          await subtle.verify(algorithm, key, signature, text("n")),
        ],
        [true, false],
        format,
      );
    }
    const jwk = await subtle.exportKey("jwk", pair.privateKey);
    assertEquals([jwk.kty, jwk.crv, jwk.ext, jwk.key_ops], ["EC", namedCurve, true, ["sign"]]);
    const [a, b] = await Promise.all(
      [1, 2].map(() => subtle.generateKey({ name: "ECDH", namedCurve }, false, ["deriveBits"])),
    );
    const bits = await Promise.all([
      subtle.deriveBits({ name: "ECDH", public: b.publicKey }, a.privateKey, 256),
      subtle.deriveBits({ name: "ECDH", public: a.publicKey }, b.privateKey, 256),
    ]);
    assertEquals(toHex(bits[0]), toHex(bits[1]));
  });
}

test("Ed25519: RFC 8032", async () => {
  const pkcs8 = hex(
    "302e020100300506032b657004220420" +
      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
  );
  const key = await subtle.importKey("pkcs8", pkcs8, "Ed25519", false, ["sign"]);
  const signature = await subtle.sign("Ed25519", key, new Uint8Array());
  assertEquals(
    toHex(signature),
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  );
  const publicKey = await subtle.importKey(
    "raw",
    hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
    "Ed25519",
    true,
    ["verify"],
  );
  assertEquals(await subtle.verify("Ed25519", publicKey, signature, new Uint8Array()), true);
});

test("X25519", async () => {
  const [a, b] = await Promise.all(
    [1, 2].map(() => subtle.generateKey("X25519", false, ["deriveBits"])),
  );
  const bits = await Promise.all([
    subtle.deriveBits({ name: "X25519", public: b.publicKey }, a.privateKey, 256),
    subtle.deriveBits({ name: "X25519", public: a.publicKey }, b.privateKey, 256),
  ]);
  assertEquals(toHex(bits[0]), toHex(bits[1]));
});

test("RSA: sign and encrypt", async () => {
  const rsa = (name) => ({
    name,
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: "SHA-256",
  });
  const pair = await subtle.generateKey(rsa("RSASSA-PKCS1-v1_5"), true, ["sign", "verify"]);
  assertEquals(
    [pair.publicKey.algorithm.modulusLength, pair.publicKey.algorithm.publicExponent],
    [2048, new Uint8Array([1, 0, 1])],
  );
  const signature = await subtle.sign("RSASSA-PKCS1-v1_5", pair.privateKey, text("m"));
  assertEquals(
    [
      signature.byteLength,
      await subtle.verify("RSASSA-PKCS1-v1_5", pair.publicKey, signature, text("m")),
    ],
    [256, true],
  );
  const pkcs8 = await subtle.exportKey("pkcs8", pair.privateKey);
  const spki = await subtle.exportKey("spki", pair.publicKey);

  const pss = { name: "RSA-PSS", hash: "SHA-256" };
  const signer = await subtle.importKey("pkcs8", pkcs8, pss, false, ["sign"]);
  const verifier = await subtle.importKey("spki", spki, pss, false, ["verify"]);
  const salted = { name: "RSA-PSS", saltLength: 32 };
  const other = await subtle.sign(salted, signer, text("m"));
  assertEquals(await subtle.verify(salted, verifier, other, text("m")), true);

  const oaep = { name: "RSA-OAEP", hash: "SHA-256" };
  const encrypting = await subtle.importKey("spki", spki, oaep, false, ["encrypt"]);
  const decrypting = await subtle.importKey("pkcs8", pkcs8, oaep, false, ["decrypt"]);
  const packed = await subtle.encrypt(
    { name: "RSA-OAEP", label: text("l") },
    encrypting,
    text("m"),
  );
  assertEquals(
    new Uint8Array(
      await subtle.decrypt({ name: "RSA-OAEP", label: text("l") }, decrypting, packed),
    ),
    text("m"),
  );
});

test("keys: usages and formats that do not fit", async () => {
  const hmac = { name: "HMAC", hash: "SHA-256" };
  await assertThrows(() => subtle.generateKey(hmac, true, []), "SyntaxError");
  await assertThrows(() => subtle.generateKey(hmac, true, ["encrypt"]), "SyntaxError");
  await assertThrows(
    () => subtle.importKey("spki", new Uint8Array(1), hmac, true, ["sign"]),
    "NotSupportedError",
  );
  await assertThrows(
    () => subtle.importKey("raw", new Uint8Array(3), "AES-GCM", true, ["encrypt"]),
    "DataError",
  );
  await assertThrows(
    () => subtle.importKey("jwk", { kty: "EC" }, "AES-GCM", true, ["encrypt"]),
    "DataError",
  );
  const key = await subtle.generateKey(hmac, true, ["sign"]);
  await assertThrows(
    () => subtle.verify("HMAC", key, new Uint8Array(1), new Uint8Array(1)),
    "InvalidAccessError",
  );
  await assertThrows(
    () => subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, new Uint8Array(1)),
    "InvalidAccessError",
  );
  assert(key instanceof CryptoKey && Object.isFrozen(key) === false);
  assert(key.usages === key.usages && key.algorithm === key.algorithm);
});

differs("a usage that does not exist is a SyntaxError", "keys: an unknown usage", async () => {
  const hmac = { name: "HMAC", hash: "SHA-256" };
  await assertThrows(() => subtle.generateKey(hmac, true, ["other"]), TypeError);
});

test("keys: each usage is there once", async () => {
  const usages = ["sign", "verify", "sign"];
  const key = await subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, usages);
  assertEquals(key.usages, ["sign", "verify"]);
});
