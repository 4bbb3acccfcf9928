// `crypto`'s asymmetric keys, beside Node's own.

import assert from "node:assert/strict";
import nodeCrypto from "node:crypto";
import test from "node:test";
import { isDeepStrictEqual, promisify } from "node:util";
import * as fixed from "./fixed_keys.js";
import { ours, outcome } from "./ours.js";

const { default: crypto } = await ours("crypto");
const { pipeline } = await ours("stream/promises");
const { Readable } = await ours("stream");
const { isKeyObject } = await ours("util/types");

const both = [crypto, nodeCrypto];
const PRIVATE = [
  ...["rsa", "rsaPkcs1", "small", "p256", "p256Sec1", "p384", "p521"],
  ...["ed25519", "x25519"],
];
const CURVES = ["p256", "p384", "p521"];

/** Bytes as digits, so that both compare. */
const plain = (value) => (ArrayBuffer.isView(value) ? Buffer.from(value).toString("hex") : value);

/** Asserts that calls give the same on both, or throw errors with the same name and code. */
function compare(calls) {
  for (const call of calls) {
    const [our, node] = both.map((c) => outcome(() => plain(call(c))));
    assert.ok(isDeepStrictEqual(our, node), `${call}: ${JSON.stringify([our, node])}`);
  }
}

test("keys are read and written as by Node", () => {
  const writings = (key) => [
    key.type,
    key.asymmetricKeyType,
    key.asymmetricKeyDetails,
    key.symmetricKeySize,
    Object.prototype.toString.call(key),
    key.constructor.name,
    ...["pkcs1", "pkcs8", "sec1", "spki", "nope", undefined].flatMap((type) =>
      ["pem", "der"].map((format) => outcome(() => plain(key.export({ type, format })))),
    ),
    { ...key.export({ format: "jwk" }) },
  ];
  for (const name of PRIVATE) {
    const [our, node] = both.map((c) => {
      const key = c.createPrivateKey(fixed[name]);
      const { format, ...der } = { format: "der", type: "pkcs8" };
      const bytes = key.export({ format, ...der });
      const open = c.createPublicKey(key);
      const same = [
        c.createPrivateKey(Buffer.from(fixed[name])),
        c.createPrivateKey({ key: bytes, format, ...der }),
        c.createPrivateKey({ key: bytes.toString("hex"), encoding: "hex", format, ...der }),
        c.createPrivateKey({ key: key.export({ format: "jwk" }), format: "jwk" }),
      ];
      const openSame = [
        c.createPublicKey(fixed[name]),
        c.createPublicKey({ key }),
        c.createPublicKey(open.export({ type: "spki", format: "pem" })),
        c.createPublicKey({ key: open.export({ format: "jwk" }), format: "jwk" }),
        c.createPublicKey({ key: key.export({ format: "jwk" }), format: "jwk" }),
      ];
      return [
        ...writings(key),
        ...writings(open),
        ...same.map((other) => key.equals(other)),
        ...openSame.map((other) => open.equals(other)),
        key.equals(open),
      ];
    });
    assert.deepEqual(our, node, name);
  }
  const key = crypto.createPrivateKey(fixed.rsa);
  assert.ok(key instanceof crypto.KeyObject && isKeyObject(key) && !isKeyObject({}));
});

test("certificates have keys, and text around them is left out", () => {
  compare([
    ...["certificateOfRsa", "certificateOfP256"].flatMap((name) => [
      (c) => c.createPublicKey(fixed[name]).export({ type: "spki", format: "pem" }),
      (c) => c.createPublicKey(`Some: text\n${fixed[name]}more`).export({ format: "jwk" }),
    ]),
    (c) => c.createPrivateKey(`text\n${fixed.certificateOfRsa}${fixed.rsa}`).type,
    (c) => c.createPublicKey(`${fixed.rsa}${fixed.certificateOfP256}`).asymmetricKeyType,
    (c) => c.createPrivateKey(fixed.rsa.replaceAll("\n", "\r\n")).type,
    (c) => c.createPrivateKey(fixed.rsa.replaceAll("\n", "\\n")),
    (c) => c.createPrivateKey(fixed.certificateOfRsa),
  ]);
});

test("keys are encrypted with a passphrase", () => {
  const passphrase = "secret";
  for (const name of ["encrypted", "encryptedSha1", "encryptedScrypt", "encryptedOld"]) {
    compare([
      (c) => c.createPrivateKey({ key: fixed[name], passphrase }).export({ format: "jwk" }),
      (c) => c.createPublicKey({ key: fixed[name], passphrase }).export({ format: "jwk" }),
      (c) => c.createPrivateKey({ key: fixed[name], passphrase: "another" }),
      (c) => c.createPrivateKey({ key: fixed[name], passphrase: 5 }),
    ]);
    assert.throws(() => crypto.createPrivateKey(fixed[name]), { code: "ERR_MISSING_PASSPHRASE" });
  }
  for (const format of ["pem", "der"]) {
    for (const cipher of ["aes-128-cbc", "aes-256-cbc", "AES-256-CBC"]) {
      const options = { format, type: "pkcs8", cipher, passphrase: Buffer.from(passphrase) };
      for (const [writer, reader] of [both, both.toReversed()]) {
        const key = writer.createPrivateKey(fixed.small).export(options);
        const read = reader.createPrivateKey({ key, format, type: "pkcs8", passphrase });
        assert.equal(read.export({ format: "pem", type: "pkcs8" }), fixed.small);
      }
    }
  }
  compare([
    (c) => c.createPrivateKey({ key: fixed.rsa, passphrase }).type,
    (c) => {
      const key = c.createPrivateKey(fixed.rsa).export({ format: "der", type: "pkcs8" });
      return c.createPrivateKey({ key, format: "der", type: "pkcs8", passphrase }).type;
    },
  ]);
});

test("what is no key is refused as by Node", () => {
  const rsa = (c) => c.createPrivateKey(fixed.rsa);
  const p256 = (c) => c.createPrivateKey(fixed.p256);
  const write = (c, options) => rsa(c).export({ format: "pem", type: "pkcs8", ...options });
  const jwk = (key) => ({ key, format: "jwk" });
  const text = "AAAA";
  compare([
    (c) => c.createPrivateKey("x"),
    (c) => c.createPublicKey("x"),
    (c) => c.createPrivateKey(fixed.rsa.replace("MII", "AAA")),
    (c) => c.createPrivateKey(),
    (c) => c.createPrivateKey(5),
    (c) => c.createPrivateKey({}),
    (c) => c.createPublicKey(5),
    (c) => c.createPrivateKey({ key: "x", format: "nope" }),
    (c) => c.createPrivateKey({ key: text, format: "der" }),
    (c) => c.createPrivateKey({ key: text, format: "der", type: "spki" }),
    (c) => c.createPublicKey({ key: text, format: "der", type: "x" }),
    (c) => c.createPrivateKey(jwk("x")),
    (c) => c.createPrivateKey(jwk({})),
    (c) => c.createPrivateKey(jwk({ kty: "RSA", n: "x" })),
    (c) => c.createPublicKey(jwk({ kty: "EC", crv: "P-256", x: text, y: text })),
    (c) => c.createPublicKey(jwk({ kty: "EC", crv: "nope", x: text, y: text })),
    (c) => c.createPublicKey(jwk({ kty: "OKP", crv: "Ed25519", x: text })),
    (c) => c.createPublicKey(jwk({ kty: "OKP", crv: "nope", x: text })),
    (c) => c.createPublicKey(jwk({ kty: "OKP", crv: "Ed25519" })),
    (c) => c.createPrivateKey(c.createSecretKey("a")),
    (c) => c.createPublicKey(c.createSecretKey("a")),
    (c) => c.createPublicKey(c.createPublicKey(fixed.rsa)),
    (c) => c.createPrivateKey(rsa(c)),
    (c) => rsa(c).export(),
    (c) => rsa(c).export({}),
    (c) => write(c, { type: "sec1" }),
    (c) => p256(c).export({ format: "pem", type: "pkcs1" }),
    (c) => write(c, { format: "nope" }),
    (c) => write(c, { cipher: "aes-256-cbc" }),
    (c) => write(c, { passphrase: "a" }),
    (c) => write(c, { cipher: "nope", passphrase: "a" }),
    (c) => write(c, { cipher: 5, passphrase: "a" }),
    (c) => write(c, { cipher: "aes-256-cbc", passphrase: 12345 }),
    (c) => write(c, { type: "pkcs1", format: "der", cipher: "aes-256-cbc", passphrase: "a" }),
    (c) => write(c, { format: "jwk", passphrase: "a" }),
    (c) => c.createSecretKey("a").export({ format: "nope" }),
    (c) => rsa(c).equals(5),
    (c) => c.createHmac("sha1", rsa(c)),
    (c) => c.KeyObject.from(5),
  ]);
  for (const call of [
    () => write(crypto, { cipher: "aes-256-cbc", passphrase: 12345 }),
    () => crypto.createPrivateKey({ key: fixed.encrypted, passphrase: 12345 }),
    () => crypto.createPrivateKey(jwk({ kty: "OKP", crv: "Ed25519", x: text, d: 12345 })),
    () => crypto.diffieHellman({ privateKey: "12345", publicKey: "12345" }),
  ])
    assert.throws(call, ({ message }) => !message.includes("12345"));
});

/** Each way to sign, and whether it gives the same each time. */
const MANNERS = [
  ...["md5", "RSA-SHA1", "sha256", "RSA-SHA384", "sha512"].flatMap((hash) => [
    ["rsa", hash, {}, true],
    ["rsa", hash, { padding: 6 }],
    ["rsa", hash, { padding: 6, saltLength: -1 }],
    ["rsa", hash, { padding: 6, saltLength: 0 }, true],
    ["rsa", hash, { padding: 6, saltLength: 11 }],
    ...CURVES.flatMap((curve) => [
      [curve, hash, {}],
      [curve, hash, { dsaEncoding: "ieee-p1363", padding: 6 }],
    ]),
  ]),
  ["small", undefined, {}, true],
  ["p384", null, {}],
  ["ed25519", null, {}, true],
];

test("what one signs the other verifies", async () => {
  const data = Buffer.from("some data");
  for (const [name, hash, options, isSame] of MANNERS) {
    const label = JSON.stringify([name, hash, options]);
    const signatures = both.map((c) => c.sign(hash, data, { key: fixed[name], ...options }));
    if (isSame) assert.equal(...signatures.map(plain), label);
    for (const [at, signature] of signatures.entries()) {
      const c = both[1 - at];
      const key = { key: c.createPublicKey(fixed[name]), ...options };
      assert.ok(c.verify(hash, data, key, signature), label);
      assert.ok(!c.verify(hash, Buffer.from("other data"), key, signature), label);
      if (hash == null) continue;
      assert.ok(
        c.createVerify(hash).update("some ").update(data.subarray(5)).verify(key, signature),
      );
      const again = both[at]
        .createSign(hash)
        .update(data)
        .sign(key.key && { ...options, key: fixed[name] });
      assert.ok(c.verify(hash, data, key, again), label);
    }
  }
  const sign = promisify(crypto.sign);
  const key = crypto.createPrivateKey(fixed.ed25519);
  assert.equal(
    plain(await sign(null, data, key)),
    plain(nodeCrypto.sign(null, data, fixed.ed25519)),
  );
  const open = crypto.createPublicKey(key);
  assert.equal(await promisify(crypto.verify)(null, data, open, new Uint8Array(64)), false);
  await assert.rejects(sign("sha512", data, { key: fixed.small, padding: 6, saltLength: 100 }), {
    code: "ERR_OSSL_RSA_DATA_TOO_LARGE_FOR_KEY_SIZE",
  });
});

test("signatures are streams", async () => {
  const signer = crypto.createSign("sha256");
  await pipeline(Readable.from(["some", " data"]), signer);
  const signature = signer.sign(fixed.rsa, "base64");
  assert.equal(signature, nodeCrypto.sign("sha256", "some data", fixed.rsa).toString("base64"));
  const verifier = new crypto.Verify("RSA-SHA256");
  verifier.write("some data");
  verifier.end();
  assert.ok(verifier.verify(fixed.certificateOfRsa, signature, "base64"));
});

test("signatures refuse what Node's refuse", () => {
  const data = Buffer.from("a");
  const sign = (c, options) => c.sign("sha256", data, { key: fixed.small, ...options });
  const ended = (c) => {
    const signer = c.createSign("sha256").update("a");
    signer.sign(fixed.rsa);
    return signer;
  };
  const open = (c) => c.createPublicKey(fixed.rsa);
  compare([
    (c) => c.createSign("nope"),
    (c) => c.createSign(5),
    (c) => c.createSign("sha256").sign(),
    (c) => c.createSign("sha256").sign(open(c)),
    (c) => c.createSign("sha256").sign(open(c).export({ type: "spki", format: "pem" })),
    (c) => c.createSign("sha256").sign(c.createSecretKey("a")),
    (c) => c.createSign("sha256").update(5),
    (c) => ended(c).sign(fixed.rsa),
    (c) => typeof ended(c).update,
    (c) => ended(c).update("b"),
    (c) => c.createVerify("sha256").verify(open(c)),
    (c) => c.createVerify("sha256").verify(open(c), "x"),
    (c) => c.createVerify("sha256").verify(fixed.rsa, "x"),
    (c) => c.createSign("sha256").sign(fixed.ed25519),
    (c) => c.createVerify("sha256").verify(c.createPublicKey(fixed.ed25519), "x"),
    (c) => c.sign("sha256", data, fixed.ed25519),
    (c) => c.sign("nope", data, fixed.rsa),
    (c) => c.sign("sha256", 5, fixed.rsa),
    (c) => c.sign("sha256", data),
    (c) => c.sign("sha256", data, fixed.rsa, 5),
    (c) => c.sign("sha256", "a", fixed.rsa),
    (c) => sign(c, { dsaEncoding: "nope" }),
    (c) => sign(c, { padding: 4 }),
    (c) => sign(c, { padding: "x" }),
    (c) => sign(c, { padding: 6, saltLength: "5" }),
    (c) => sign(c, { padding: 6, saltLength: 1000 }),
    (c) => sign(c, { padding: 6, saltLength: -5 }),
    (c) => c.verify("sha256", data, open(c), "nothing"),
    (c) => c.verify("sha256", data, { key: open(c), padding: 6 }, Buffer.alloc(256, 1)),
    (c) => c.verify("sha256", data, fixed.p256, Buffer.alloc(64, 1)),
    (c) => c.verify("sha256", data, { key: fixed.p256, dsaEncoding: "ieee-p1363" }, data),
    (c) => c.verify(null, data, fixed.ed25519, data),
    (c) => c.verify("sha256", data, open(c)),
  ]);
});

test("secrets are agreed on as with Node", () => {
  for (const name of [...CURVES, "x25519"]) {
    const other = nodeCrypto.generateKeyPairSync(
      name === "x25519" ? name : "ec",
      name === "x25519" ? {} : { namedCurve: name.replace("p", "P-") },
    );
    const pem = other.publicKey.export({ type: "spki", format: "pem" });
    const [secret, expected] = both.map((c) =>
      c.diffieHellman({
        privateKey: c.createPrivateKey(fixed[name]),
        publicKey: c.createPublicKey(pem),
      }),
    );
    assert.equal(plain(secret), plain(expected));
  }
  const key = (c, name) => c.createPrivateKey(fixed[name]);
  compare([
    ...[
      ["p256", "x25519"],
      ["p256", "p384"],
      ["rsa", "rsa"],
      ["ed25519", "ed25519"],
      ["p256", "p256"],
    ].map(
      ([own, other]) =>
        (c) =>
          c.diffieHellman({ privateKey: key(c, own), publicKey: key(c, other) }),
    ),
    (c) =>
      c.diffieHellman({ privateKey: c.createPublicKey(fixed.p256), publicKey: key(c, "p256") }),
    (c) => c.diffieHellman({ privateKey: fixed.p256 }),
    (c) => c.diffieHellman(),
  ]);
});

test("createECDH is Node's", () => {
  for (const curve of crypto.getCurves()) {
    const node = nodeCrypto.createECDH(curve);
    const our = crypto.createECDH(curve);
    const formats = ["compressed", "uncompressed", "hybrid", undefined];
    our.generateKeys();
    node.setPrivateKey(our.getPrivateKey());
    for (const format of formats)
      assert.equal(our.getPublicKey("hex", format), node.getPublicKey("hex", format));
    assert.equal(our.setPrivateKey(node.getPrivateKey("hex"), "hex"), our);
    const other = nodeCrypto.createECDH(curve);
    for (const format of formats) {
      const point = other.generateKeys("base64", format);
      const secret = our.computeSecret(point, "base64", "hex");
      assert.equal(secret, node.computeSecret(point, "base64", "hex"));
      for (const to of formats) {
        const [a, b] = both.map((c) => c.ECDH.convertKey(point, curve, "base64", "hex", to));
        assert.equal(a, b);
      }
    }
  }
  const ecdh = (c) => c.createECDH("prime256v1");
  const known = (c) => ecdh(c).setPrivateKey("01", "hex");
  compare([
    (c) => c.createECDH("nope"),
    (c) => c.createECDH(5),
    (c) => ecdh(c).getPublicKey(),
    (c) => ecdh(c).getPrivateKey(),
    (c) => ecdh(c).computeSecret(Buffer.alloc(65)),
    (c) => ecdh(c).setPrivateKey(Buffer.alloc(32)),
    (c) => ecdh(c).setPrivateKey(Buffer.alloc(32, 255)),
    (c) => ecdh(c).setPublicKey(Buffer.alloc(3)),
    (c) => known(c).getPublicKey("hex"),
    (c) => known(c).getPublicKey("hex", "nope"),
    (c) => known(c).computeSecret(Buffer.alloc(65)),
    (c) => known(c).computeSecret(known(c).getPublicKey(), null, "hex"),
    (c) => known(c).computeSecret(5),
    (c) => c.ECDH.convertKey(Buffer.alloc(3), "prime256v1"),
    (c) => c.ECDH.convertKey("00", "nope", "hex"),
    (c) => c.ECDH.convertKey(5, "prime256v1"),
  ]);
});

test("what one encrypts the other decrypts", () => {
  const data = Buffer.from("some data");
  for (const options of [
    {},
    { oaepHash: "sha256" },
    { oaepHash: "sha512", oaepLabel: Buffer.from([255, 0]) },
    { padding: 4, oaepHash: "SHA1" },
  ]) {
    for (const [writer, reader] of [both, both.toReversed()]) {
      const sealed = writer.publicEncrypt({ key: fixed.certificateOfRsa, ...options }, data);
      assert.equal(
        plain(reader.privateDecrypt({ key: fixed.rsa, ...options }, sealed)),
        plain(data),
      );
    }
  }
  const old = crypto.publicEncrypt({ key: fixed.rsa, padding: 1 }, data);
  assert.equal(plain(nodeCrypto.privateDecrypt({ key: fixed.rsa, padding: 1 }, old)), plain(data));
  assert.throws(() => crypto.privateDecrypt({ key: fixed.rsa, padding: 1 }, old), {
    code: "ERR_INVALID_ARG_VALUE",
  });
  compare([
    (c) => c.privateEncrypt(fixed.rsa, data),
    (c) => c.publicDecrypt(fixed.rsa, nodeCrypto.privateEncrypt(fixed.rsa, data)),
    (c) => c.publicEncrypt(),
    (c) => c.publicEncrypt(fixed.rsa, 5),
    (c) => c.publicEncrypt(fixed.rsa, Buffer.alloc(300)),
    (c) => c.publicEncrypt(fixed.p256, data),
    (c) => c.publicEncrypt({ key: fixed.rsa, oaepHash: "nope" }, data),
    (c) => c.publicEncrypt({ key: fixed.rsa, oaepHash: 5 }, data),
    (c) => c.publicEncrypt({ key: fixed.rsa, oaepLabel: 5 }, data),
    (c) => c.privateDecrypt(fixed.rsa, Buffer.alloc(256)),
    (c) => c.privateEncrypt({ key: fixed.rsa, padding: 4 }, data),
    (c) => c.privateEncrypt(fixed.rsa, Buffer.alloc(250)),
  ]);
});

test("pairs of keys are generated as asked for", async () => {
  const generate = promisify(crypto.generateKeyPair);
  const asked = [
    ["rsa", { modulusLength: 1024 }],
    ["rsa", { modulusLength: 512, publicExponent: 3 }],
    ...["P-256", "secp384r1", "P-521", "prime256v1"].map((namedCurve) => ["ec", { namedCurve }]),
    ["ed25519", {}],
    ["x25519"],
  ];
  for (const [type, options] of asked) {
    const details = nodeCrypto.generateKeyPairSync(type, options).publicKey.asymmetricKeyDetails;
    for (const pair of [crypto.generateKeyPairSync(type, options), await generate(type, options)]) {
      const { publicKey, privateKey } = pair;
      assert.deepEqual(publicKey.asymmetricKeyDetails, details);
      assert.ok(crypto.createPublicKey(privateKey).equals(publicKey));
    }
  }
  const written = crypto.generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "jwk" },
    privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "a" },
  });
  const read = nodeCrypto.createPrivateKey({ key: written.privateKey, passphrase: "a" });
  assert.deepEqual(
    { ...nodeCrypto.createPublicKey(read).export({ format: "jwk" }) },
    { ...written.publicKey },
  );
  const ec = (options) => (c) => c.generateKeyPairSync("ec", { namedCurve: "P-256", ...options });
  compare([
    (c) => c.generateKeyPairSync("rsa"),
    (c) => c.generateKeyPairSync("rsa", {}),
    (c) => c.generateKeyPairSync("rsa", { modulusLength: "1024" }),
    (c) => c.generateKeyPairSync("rsa", { modulusLength: 1024, publicExponent: -1 }),
    (c) => c.generateKeyPairSync("ec", {}),
    (c) => c.generateKeyPairSync("ec", { namedCurve: "nope" }),
    (c) => c.generateKeyPairSync("nope", {}),
    (c) => c.generateKeyPairSync(5),
    ec({ publicKeyEncoding: 5 }),
    ec({ publicKeyEncoding: { format: "pem" } }),
    ec({ privateKeyEncoding: { format: "pem", type: "spki" } }),
    (c) => c.generateKeyPair("ed25519", {}),
  ]);
});

test("keys become CryptoKeys and the other way round", async () => {
  const usages = ["sign"];
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const key = crypto.createPrivateKey(fixed.p256);
  const cryptoKey = key.toCryptoKey(algorithm, true, usages);
  assert.deepEqual(
    [cryptoKey.type, cryptoKey.extractable, cryptoKey.usages],
    ["private", true, usages],
  );
  assert.ok(crypto.KeyObject.from(cryptoKey).equals(key));
  const signature = crypto.sign("sha256", "x", { key: cryptoKey, dsaEncoding: "ieee-p1363" });
  const open = crypto.createPublicKey(key).toCryptoKey(algorithm, true, ["verify"]);
  const hash = { name: "ECDSA", hash: "SHA-256" };
  assert.ok(await nodeCrypto.subtle.verify(hash, open, signature, Buffer.from("x")));
  const hidden = key.toCryptoKey(algorithm, false, usages);
  assert.throws(() => crypto.KeyObject.from(hidden).export({ format: "jwk" }), {
    code: "ERR_CRYPTO_OPERATION_FAILED",
  });
  const aes = crypto.createSecretKey(Buffer.alloc(16)).toCryptoKey("AES-GCM", true, ["encrypt"]);
  assert.equal(crypto.KeyObject.from(aes).symmetricKeySize, 16);
});
