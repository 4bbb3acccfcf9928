import { Buffer } from "node:buffer";
import crypto from "node:crypto";
import { pipeline } from "node:stream/promises";
import { Readable } from "node:stream";
import { promisify } from "node:util";

const scrypt = promisify(crypto.scrypt);
const pbkdf2 = promisify(crypto.pbkdf2);

/** The same bytes on each run. */
const bytes = (length, seed = 1) => Buffer.from(Array.from({ length }, (_, at) => (at * 7 + seed * 13) & 255));
const digest = (value) => crypto.createHash("sha256").update(value).digest("base64url");
/** The code of what a call throws. */
async function refused(call) {
  try {
    return `no error: ${await call()}`;
  } catch (error) {
    return `${error.name} ${error.code}`;
  }
}

/** A session in a cookie, as packages seal them: a key from a password, GCM, everything in one text. */
function seal(session, password) {
  const [salt, iv] = [crypto.randomBytes(16), crypto.randomBytes(12)];
  const cipher = crypto.createCipheriv("aes-256-gcm", crypto.pbkdf2Sync(password, salt, 1000, 32, "sha256"), iv);
  const sealed = Buffer.concat([cipher.update(JSON.stringify(session), "utf8"), cipher.final()]);
  return [salt, iv, cipher.getAuthTag(), sealed].map((part) => part.toString("base64url")).join(".");
}

function unseal(text, password) {
  const [salt, iv, tag, sealed] = text.split(".").map((part) => Buffer.from(part, "base64url"));
  const key = crypto.pbkdf2Sync(password, salt, 1000, 32, "sha256");
  const decipher = crypto.createDecipheriv("aes-256-gcm", key, iv).setAuthTag(tag);
  return JSON.parse(decipher.update(sealed, undefined, "utf8") + decipher.final("utf8"));
}

/** What each digest, each length of a key and each mode comes to, in pieces that do not end with blocks. */
function encrypted(name) {
  const { keyLength, mode } = crypto.getCipherInfo(name);
  const vectors = mode === "gcm" ? [1, 12, 16, 33] : [16];
  return vectors.map((length) => {
    const [key, iv] = [bytes(keyLength), bytes(length, 2)];
    const cipher = crypto.createCipheriv(name, key, iv);
    if (mode === "gcm") cipher.setAAD(bytes(21, 3));
    const pieces = [0, 5, 11, 16, 33, 100_000].map((size) => cipher.update(bytes(size, size)));
    const all = Buffer.concat([...pieces, cipher.final()]);
    const decipher = crypto.createDecipheriv(name, key, iv);
    if (mode === "gcm") decipher.setAAD(bytes(21, 3)).setAuthTag(cipher.getAuthTag());
    const clear = Buffer.concat([decipher.update(all.subarray(0, 40)), decipher.update(all.subarray(40)), decipher.final()]);
    const tag = mode === "gcm" ? cipher.getAuthTag().toString("hex") : "";
    return [digest(all), tag, digest(clear)];
  });
}

const answers = {
  pbkdf2: async () => [
    ...["md5", "sha1", "sha256", "sha384", "sha512"].map((name) => crypto.pbkdf2Sync("password", "salt", 5000, 100, name).toString("base64url")),
    (await pbkdf2(bytes(200), bytes(64), 2, 20, "sha512")).toString("hex"),
    (await pbkdf2("", "", 1, 1, "sha1")).toString("hex"),
  ],
  hkdf: async () => [
    ...["md5", "sha1", "sha256", "sha384", "sha512"].map((name) => Buffer.from(crypto.hkdfSync(name, "key", "salt", "info", 100)).toString("base64url")),
    Buffer.from(await promisify(crypto.hkdf)("sha512", bytes(200), "", "", 64)).toString("hex"),
  ],
  // The parameters of better-auth and of lucia, and one that its own test vectors name.
  scrypt: async () => [
    ...(await Promise.all([1, 2, 3, 4].map((n) => scrypt("password".normalize("NFKC"), `salt ${n}`, 64, { N: 16_384, r: 16, p: 1, maxmem: 128 * 16_384 * 16 * 2 })))).map((key) => key.toString("hex")),
    crypto.scryptSync("pleaseletmein", "SodiumChloride", 64).toString("hex"),
    crypto.scryptSync("", "", 5, { N: 2, r: 1, p: 3 }).toString("hex"),
  ],
  limits: async () => [
    await refused(() => crypto.scryptSync("a", "b", 64, { N: 2 ** 15 })),
    await refused(() => crypto.scryptSync("a", "b", 64, { N: 2 ** 15, r: 128, maxmem: 2 ** 40 })),
    await refused(() => scrypt("a", "b", 64, { N: 2 ** 15, p: 1000, maxmem: 2 ** 40 })),
    await refused(() => crypto.scryptSync("a", "b", 2 ** 20 + 1)),
    await refused(() => crypto.scryptSync("a", "b", 64, { N: 3 })),
    await refused(() => crypto.pbkdf2Sync("a", "b", 10_000_001, 20, "sha1")),
    await refused(() => pbkdf2("a", "b", 2_000_000, 120, "sha1")),
    await refused(() => pbkdf2("a", "b", 1, 2 ** 30, "sha1")),
    await refused(() => crypto.hkdfSync("sha1", "a", "b", "c", 255 * 20 + 1)),
    await refused(() => crypto.hkdfSync("sha1", "a", "b", "c", 2 ** 31)),
  ],
  ciphers: () => ["cbc", "ctr", "gcm"].flatMap((mode) => [128, 192, 256].map((bits) => encrypted(`aes-${bits}-${mode}`))),
  refused: async () => {
    const [key, iv] = [bytes(16), bytes(16)];
    const decipher = (name) => crypto.createDecipheriv(name, key, iv);
    return [
      await refused(() => decipher("aes-128-gcm").setAuthTag(key).final()),
      await refused(() => decipher("aes-128-gcm").final()),
      await refused(() => decipher("aes-128-cbc").final()),
      await refused(() => [decipher("aes-128-cbc")].map((cipher) => [cipher.update(key), cipher.final()])),
      await refused(() => crypto.createCipheriv("aes-128-cbc", key, key.subarray(1))),
    ];
  },
  async stream() {
    const cipher = crypto.createCipheriv("aes-128-cbc", bytes(16), bytes(16));
    const parts = [];
    await pipeline(Readable.from(["some", " text"]), cipher, async (source) => {
      for await (const part of source) parts.push(part);
    });
    return Buffer.concat(parts).toString("hex");
  },
  async session() {
    const cookie = seal({ user: "zoë" }, "a password of at least 32 characters");
    return [
      unseal(cookie, "a password of at least 32 characters"),
      await refused(() => unseal(cookie, "another")),
      await refused(() => unseal(cookie.replace(/.$/, (last) => (last === "A" ? "B" : "A")), "a password of at least 32 characters")),
    ];
  },
};

export default {
  async fetch(request) {
    return Response.json(await answers[new URL(request.url).pathname.slice(1)]());
  },
};
