// `crypto`'s derivation of keys and ciphers, beside Node's own.

import assert from "node:assert/strict";
import nodeCrypto from "node:crypto";
import test from "node:test";
import { promisify } from "node:util";
import { ours, outcome } from "./ours.js";
import { random } from "./random.js";

const { default: crypto } = await ours("crypto");
const { pipeline } = await ours("stream/promises");
const { Readable } = await ours("stream");
const plain = (value) => (typeof value === "string" ? value : Buffer.from(value).toString("hex"));

/** Asserts that calls give the same on both, or throw errors with the same name and code. */
function compare(calls) {
  for (const call of calls)
    assert.deepEqual(
      outcome(() => call(crypto)),
      outcome(() => call(nodeCrypto)),
      String(call),
    );
}

test("keys are derived as by Node, at once and with a callback", async () => {
  const inputs = () => [random.bytes(random.integer(80)), random.text(random.integer(20))];
  for (const digest of [...crypto.getHashes(), "SHA512", "RSA-SHA256"]) {
    for (const length of [1, 20, 33, 200]) {
      const [a, b] = inputs();
      for (const derive of [
        (c) => c.pbkdf2Sync(a, b, 1 + (length % 7), length, digest),
        (c) => c.hkdfSync(digest, a, b, a, length),
      ])
        assert.equal(plain(derive(crypto)), plain(derive(nodeCrypto)));
    }
  }
  for (const options of [
    undefined,
    {},
    { N: 16 },
    { cost: 2, blockSize: 3, p: 4 },
    { N: 0, r: 1 },
  ]) {
    const [a, b] = inputs();
    const derive = (c) => plain(c.scryptSync(a, b, 40, options));
    assert.equal(derive(crypto), derive(nodeCrypto));
    const later = await promisify(crypto.scrypt)(a, b, 40, options);
    assert.equal(plain(later), derive(nodeCrypto));
  }
  const view = new DataView(new ArrayBuffer(4), 1);
  assert.equal(
    plain(await promisify(crypto.pbkdf2)("p", view, 3, 9, "sha1")),
    plain(nodeCrypto.pbkdf2Sync("p", view, 3, 9, "sha1")),
  );
  const key = await promisify(crypto.hkdf)("sha1", crypto.createSecretKey("k"), "", "", 9);
  assert.ok(key instanceof ArrayBuffer);
  assert.equal(plain(key), plain(nodeCrypto.hkdfSync("sha1", "k", "", "", 9)));
});

test("what derives keys checks its arguments as Node does", () => {
  const none = () => {};
  compare([
    (c) => c.scryptSync(),
    (c) => c.scryptSync("a", 5, 5),
    (c) => c.scryptSync("a", "b", -1),
    (c) => c.scryptSync("a", "b", 1.5),
    (c) => c.scryptSync("a", "b", "5"),
    (c) => c.scryptSync("a", "b", 5, { N: 3 }),
    (c) => c.scryptSync("a", "b", 5, { N: 1 }),
    (c) => c.scryptSync("a", "b", 5, { N: -1 }),
    (c) => c.scryptSync("a", "b", 5, { N: "16" }),
    (c) => c.scryptSync("a", "b", 5, { N: 16, cost: 16 }),
    (c) => c.scryptSync("a", "b", 5, { N: 2 ** 20 }),
    (c) => c.scryptSync("a", "b", 5, { N: 2 ** 14, r: 16 }),
    (c) => c.scryptSync("a", "b", 5, { N: 16, maxmem: 10 }),
    (c) => c.scryptSync("a", "b", 5, { p: 2 ** 30 }),
    (c) => c.scryptSync("a", "b", 5, { maxmem: -1 }),
    (c) => c.scryptSync("a", "b", 5, { maxmem: 2 ** 53 }),
    (c) => c.scrypt("a", "b", 5),
    (c) => c.scrypt("a", "b", 5, {}),
    (c) => c.scrypt("a", "b", 5, { N: 3 }, none),
    (c) => c.pbkdf2Sync("a", "b", 1, 5),
    (c) => c.pbkdf2Sync("a", "b", 1, 5, "nope"),
    (c) => c.pbkdf2Sync("a", "b", 0, 5, "sha1"),
    (c) => c.pbkdf2Sync("a", "b", 1, -5, "sha1"),
    (c) => c.pbkdf2Sync("a", "b", 2 ** 31, 5, "sha1"),
    (c) => c.pbkdf2Sync(null, "b", 1, 5, "sha1"),
    (c) => c.pbkdf2("a", "b", 1, 5, none),
    (c) => c.pbkdf2("a", "b", 1, 5, "sha1"),
    (c) => c.pbkdf2("a", "b", 1, 5, "nope", none),
    (c) => c.hkdfSync("nope", "a", "b", "c", 5),
    (c) => c.hkdfSync(5, "a", "b", "c", 5),
    (c) => c.hkdfSync("sha1", 5, "b", "c", 5),
    (c) => c.hkdfSync("sha1", "a", 5, "c", 5),
    (c) => c.hkdfSync("sha1", "a", "b", undefined, 5),
    (c) => c.hkdfSync("sha1", "a", "b", "c".repeat(1025), 5),
    (c) => c.hkdfSync("sha1", "a", "b", "c", 255 * 20 + 1),
    (c) => c.hkdfSync("sha1", "a", "b", "c", -1),
    (c) => c.hkdf("sha1", "a", "b", "c", 5),
    (c) => c.hkdf("nope", "a", "b", "c", 5, none),
  ]);
});

/** The lengths of keys and vectors of a cipher, as Node gives them. */
const sizes = (name) => nodeCrypto.getCipherInfo(name);

test("ciphers are Node's, in pieces and in every encoding", () => {
  for (const name of crypto.getCiphers()) {
    const { keyLength, ivLength, mode } = sizes(name);
    for (let i = 0; i < 20; i++) {
      const key = random.bytes(keyLength);
      const iv = random.bytes(mode === "gcm" ? 1 + random.integer(20) : ivLength);
      const pieces = Array.from({ length: random.integer(4) }, () =>
        random.bytes(random.integer(50)),
      );
      const encoding = random.pick([undefined, "hex", "base64", "latin1"]);
      const options = random.pick([undefined, { authTagLength: random.pick([4, 8, 12, 16]) }]);
      const isPadded = mode !== "cbc" || random.integer(2) === 0;
      if (!isPadded)
        pieces.push(new Uint8Array((16 - (pieces.flatMap((p) => [...p]).length % 16)) % 16));
      const encrypt = (c) => {
        const cipher = c.createCipheriv(name, key, iv, options).setAutoPadding(isPadded);
        if (mode === "gcm") cipher.setAAD(pieces[0] ?? "none");
        const parts = [
          ...pieces.map((piece) => cipher.update(piece, undefined, encoding)),
          cipher.final(encoding),
        ];
        return [parts.map(plain), mode === "gcm" ? plain(cipher.getAuthTag()) : ""];
      };
      const [parts, tag] = encrypt(crypto);
      assert.deepEqual([parts, tag], encrypt(nodeCrypto), name);
      const decrypt = (c) => {
        const cipher = c.createDecipheriv(name, key, iv, options).setAutoPadding(isPadded);
        if (mode === "gcm") cipher.setAAD(pieces[0] ?? "none").setAuthTag(tag, "hex");
        const from = encoding ?? "hex";
        const clear = parts.map((part) =>
          cipher.update(encoding === "base64" ? Buffer.from(part, "base64") : part, from),
        );
        return [...clear, cipher.final()].map(plain);
      };
      assert.deepEqual(decrypt(crypto), decrypt(nodeCrypto), name);
      assert.equal(decrypt(crypto).join(""), pieces.map(plain).join(""));
    }
  }
});

test("ciphers are streams", async () => {
  const [key, iv] = [random.bytes(32), random.bytes(16)];
  for (const name of ["aes-256-cbc", "aes-256-ctr", "aes-256-gcm"]) {
    const collected = [];
    const cipher = crypto.createCipheriv(name, key, iv);
    const text = ["héllo ".repeat(50), "x", "y".repeat(1000)];
    await pipeline(Readable.from(text), cipher, async (source) => {
      for await (const chunk of source) collected.push(chunk);
    });
    const decipher = nodeCrypto.createDecipheriv(name, key, iv);
    if (name.endsWith("gcm")) decipher.setAuthTag(cipher.getAuthTag());
    assert.equal(
      decipher.update(Buffer.concat(collected), undefined, "utf8") + decipher.final("utf8"),
      text.join(""),
    );
  }
  const damaged = crypto.createDecipheriv("aes-256-gcm", key, iv);
  damaged.setAuthTag(new Uint8Array(16));
  await assert.rejects(pipeline(Readable.from(["x"]), damaged));
});

test("ciphers refuse what Node's refuse", () => {
  const [key, iv] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
  const cbc = (c) => c.createCipheriv("aes-128-cbc", key, iv);
  const gcm = (c, options) => c.createCipheriv("aes-128-gcm", key, iv, options);
  const ended = (cipher) => {
    cipher.final();
    return cipher;
  };
  const open = (c, options) => c.createDecipheriv("aes-128-gcm", key, iv, options);
  const shut = (c) => c.createDecipheriv("aes-128-cbc", key, iv);
  compare([
    (c) => c.createCipheriv("nope", key, iv),
    (c) => c.createCipheriv(5, key, iv),
    (c) => c.createCipheriv("aes-128-cbc", key.subarray(1), iv),
    (c) => c.createCipheriv("aes-128-cbc", 5, iv),
    (c) => c.createCipheriv("aes-128-cbc", key, iv.subarray(1)),
    (c) => c.createCipheriv("aes-128-cbc", key, null),
    (c) => c.createCipheriv("aes-128-cbc", key),
    (c) => c.createCipheriv("aes-128-gcm", key, null),
    (c) => c.createCipheriv("aes-128-gcm", key, ""),
    (c) => c.createCipheriv("aes-128-gcm", key, new Uint8Array(129)),
    (c) => plain(c.createCipheriv("aes-128-gcm", key, new Uint8Array(128)).update("a")),
    (c) => gcm(c, { authTagLength: 3 }),
    (c) => gcm(c, { authTagLength: "x" }),
    (c) => gcm(c, { authTagLength: -1 }),
    (c) => ended(cbc(c)).update("a"),
    (c) => ended(cbc(c)).final(),
    (c) => ended(gcm(c)).final(),
    (c) => ended(gcm(c)).update("a"),
    (c) => ended(gcm(c)).setAAD("a"),
    (c) => ended(cbc(c)).setAutoPadding(),
    (c) => gcm(c).getAuthTag(),
    (c) => ended(cbc(c)).getAuthTag(),
    (c) => typeof gcm(c).setAuthTag,
    (c) => shut(c).setAuthTag(key),
    (c) => shut(c).setAAD(key),
    (c) => (gcm(c).update("a"), 1),
    (c) => {
      const cipher = gcm(c);
      cipher.update("a");
      cipher.setAAD("b");
    },
    (c) => open(c).setAuthTag(key).setAuthTag(key),
    (c) => open(c).setAuthTag("abc"),
    (c) => open(c).setAuthTag(5),
    (c) => open(c, { authTagLength: 16 }).setAuthTag("abcd"),
    (c) => plain(open(c).final()),
    (c) => plain(open(c).setAuthTag(key).final()),
    (c) => plain(shut(c).final()),
    (c) => plain(shut(c).setAutoPadding(false).final()),
    (c) => [shut(c)].map((cipher) => [cipher.update(key), cipher.final()]),
    (c) => [shut(c)].map((cipher) => [cipher.update("abc"), cipher.final()]),
    (c) => [cbc(c).setAutoPadding(false)].map((cipher) => [cipher.update("abc"), cipher.final()]),
    (c) => cbc(c).update(5),
    (c) => cbc(c).update("abc", "hex"),
    (c) => cbc(c).update("abc", "utf8", "nope"),
    (c) => gcm(c).setAAD(5),
    (c) => [cbc(c)].map((cipher) => [cipher.update("abc", "utf8", "hex"), cipher.final("base64")]),
    (c) => c.createCipheriv("AES128", "0123456789abcdef", "0123456789abcdef").final("base64"),
    (c) => c.createCipheriv("aes128", c.createSecretKey(key), iv).final("base64"),
  ]);
});

test("what is told of ciphers is what Node tells", () => {
  const known = new Set(nodeCrypto.getCiphers());
  for (const name of crypto.getCiphers()) {
    assert.ok(known.has(name), name);
    assert.deepEqual(crypto.getCipherInfo(name), nodeCrypto.getCipherInfo(name));
    const { nid } = crypto.getCipherInfo(name);
    assert.deepEqual(crypto.getCipherInfo(nid), nodeCrypto.getCipherInfo(nid));
  }
  assert.ok(crypto.getCiphers().includes("aes-192-gcm"));
  compare([
    (c) => c.getCipherInfo("nope"),
    (c) => c.getCipherInfo(null),
    (c) => c.getCipherInfo("aes-128-gcm", 5),
    (c) => c.getCipherInfo("aes-128-gcm", { ivLength: 16 }),
    (c) => c.getCipherInfo("aes-128-gcm", { ivLength: 0 }),
    (c) => c.getCipherInfo("aes-128-cbc", { ivLength: 12 }),
    (c) => c.getCipherInfo("aes-128-cbc", { keyLength: 12 }),
    (c) => c.getCipherInfo("AES-128-CBC", { keyLength: 16 }),
  ]);
});

test("secret keys are generated in the lengths that Node generates", async () => {
  const key = crypto.generateKeySync("aes", { length: 192 });
  assert.ok(
    key instanceof crypto.KeyObject && !key.equals(crypto.generateKeySync("aes", { length: 192 })),
  );
  assert.equal((await promisify(crypto.generateKey)("hmac", { length: 100 })).symmetricKeySize, 12);
  compare([
    (c) => c.generateKeySync("aes", { length: 256 }).symmetricKeySize,
    (c) => c.generateKeySync("aes", { length: 100 }),
    (c) => c.generateKeySync("aes", { length: "128" }),
    (c) => c.generateKeySync("aes"),
    (c) => c.generateKeySync("hmac", { length: 7 }),
    (c) => c.generateKeySync("hmac", { length: 9 }).symmetricKeySize,
    (c) => c.generateKeySync("hmac", { length: 2 ** 31 }),
    (c) => c.generateKeySync("hmac", { length: "8" }),
    (c) => c.generateKeySync("nope", { length: 128 }),
    (c) => c.generateKeySync(5, {}),
    (c) => c.generateKey("aes", { length: 128 }),
  ]);
});
