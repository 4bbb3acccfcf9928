const bytes = (text) => new TextEncoder().encode(text);
const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

const answers = {
  async digest() {
    const names = ["SHA-1", "SHA-256", "SHA-384", "SHA-512"];
    return await Promise.all(names.map(async (name) => hex(await crypto.subtle.digest(name, bytes("abc")))));
  },
  async hmac() {
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("raw", bytes("key"), algorithm, false, ["sign", "verify"]);
    const signature = await crypto.subtle.sign("HMAC", key, bytes("message"));
    const right = await crypto.subtle.verify("HMAC", key, signature, bytes("message"));
    const wrong = await crypto.subtle.verify("HMAC", key, signature, bytes("massage"));
    return [hex(signature), right, wrong, key instanceof CryptoKey];
  },
  async aes() {
    const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt", "decrypt"]);
    const algorithm = { name: "AES-GCM", iv: crypto.getRandomValues(new Uint8Array(12)) };
    const sealed = new Uint8Array(await crypto.subtle.encrypt(algorithm, key, bytes("secret")));
    const opened = new TextDecoder().decode(await crypto.subtle.decrypt(algorithm, key, sealed));
    sealed[0] ^= 1;
    const forged = await crypto.subtle.decrypt(algorithm, key, sealed).catch((error) => error.name);
    return [opened, forged];
  },
  async ecdsa() {
    const curve = { name: "ECDSA", namedCurve: "P-256" };
    const { privateKey, publicKey } = await crypto.subtle.generateKey(curve, false, ["sign", "verify"]);
    const algorithm = { name: "ECDSA", hash: "SHA-256" };
    const signature = await crypto.subtle.sign(algorithm, privateKey, bytes("m"));
    return await crypto.subtle.verify(algorithm, publicKey, signature, bytes("m"));
  },
  async pbkdf2() {
    const key = await crypto.subtle.importKey("raw", bytes("password"), "PBKDF2", false, ["deriveBits"]);
    const algorithm = { name: "PBKDF2", hash: "SHA-256", salt: bytes("salt"), iterations: 2 };
    return hex(await crypto.subtle.deriveBits(algorithm, key, 256));
  },
  // Counters of any length, with all their values used and begun again, and vectors of any length.
  async lengths() {
    const raw = Uint8Array.from({ length: 16 }, (_, at) => at);
    const text = bytes("sixteen bytes of it and so on, until the counter begins again".repeat(3));
    const both = async (algorithm, data) => {
      const key = await crypto.subtle.importKey("raw", raw, algorithm.name, false, ["encrypt", "decrypt"]);
      const sealed = await crypto.subtle.encrypt(algorithm, key, data);
      const opened = await crypto.subtle.decrypt(algorithm, key, sealed);
      return [hex(await crypto.subtle.digest("SHA-1", sealed)), hex(opened) === hex(data)];
    };
    const counter = new Uint8Array(16).fill(0xff, 4);
    const found = [];
    for (const length of [4, 5, 33, 96, 127, 128]) found.push(await both({ name: "AES-CTR", counter, length }, text));
    for (const length of [12, 16, 17, 60]) {
      const iv = new Uint8Array(length).fill(7);
      found.push(await both({ name: "aes-gcm", iv }, text));
      found.push(await both({ name: "AES-GCM", iv, additionalData: raw, tagLength: 96 }, text));
    }
    const refused = async (...args) => await both(...args).catch((error) => error.name);
    found.push(await refused({ name: "AES-CTR", counter, length: 3 }, text));
    found.push(await refused({ name: "AES-CTR", counter, length: 5 }, 5));
    found.push(await refused({ name: "AES-GCM", iv: new Uint8Array(20) }, 5));
    found.push(await refused({ name: "AES-CTR", counter, length: 129 }, text));
    found.push(await refused({ name: "AES-CTR", counter: counter.subarray(1), length: 5 }, text));
    found.push(await refused({ name: "AES-GCM", iv: new Uint8Array(20), tagLength: 7 }, text));
    return found;
  },
  async forged() {
    const iv = new Uint8Array(20);
    const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 128 }, false, ["encrypt", "decrypt"]);
    const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, bytes("secret")));
    sealed[0] ^= 1;
    const reader = await crypto.subtle.generateKey({ name: "AES-GCM", length: 128 }, false, ["decrypt"]);
    const other = await crypto.subtle.generateKey({ name: "AES-CBC", length: 128 }, false, ["encrypt"]);
    const nameOf = (promise) => promise.then(() => "done", (error) => error.name);
    return [
      await nameOf(crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, sealed)),
      await nameOf(crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, sealed.subarray(0, 3))),
      await nameOf(crypto.subtle.encrypt({ name: "AES-GCM", iv }, reader, sealed)),
      await nameOf(crypto.subtle.encrypt({ name: "AES-GCM", iv }, other, sealed)),
    ];
  },
  // Keys whose point is not on the curve, or not that of their number.
  async points() {
    const found = [];
    for (const namedCurve of ["P-256", "P-384", "P-521"]) {
      const curve = { name: "ECDSA", namedCurve };
      const [a, b] = [1, 2].map(() => crypto.subtle.generateKey(curve, true, ["sign", "verify"]));
      const [one, two] = [await a, await b];
      const open = await crypto.subtle.exportKey("jwk", one.publicKey);
      const secret = await crypto.subtle.exportKey("jwk", one.privateKey);
      const other = await crypto.subtle.exportKey("jwk", two.publicKey);
      const raw = new Uint8Array(await crypto.subtle.exportKey("raw", one.publicKey));
      const damaged = raw.with(raw.length - 1, raw.at(-1) ^ 1);
      const imported = (format, key, usage) =>
        crypto.subtle.importKey(format, key, curve, true, [usage]).then(({ type }) => type, (error) => error.name);
      found.push([
        await imported("jwk", open, "verify"),
        await imported("jwk", { ...open, y: other.y }, "verify"),
        await imported("raw", raw, "verify"),
        await imported("raw", damaged, "verify"),
        await imported("jwk", secret, "sign"),
        await imported("jwk", { ...secret, x: other.x, y: other.y }, "sign"),
      ]);
    }
    return found;
  },
  async hidden() {
    const key = await crypto.subtle.generateKey({ name: "AES-CBC", length: 128 }, true, ["encrypt"]);
    const copy = structuredClone(key);
    const same = hex(await crypto.subtle.exportKey("raw", copy)) === hex(await crypto.subtle.exportKey("raw", key));
    return [Object.getOwnPropertyNames(CryptoKey).sort(), same, copy instanceof CryptoKey];
  },
  random() {
    const ids = [crypto.randomUUID(), crypto.randomUUID()];
    const form = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    return [ids.every((id) => form.test(id)), ids[0] !== ids[1], Math.random() !== Math.random()];
  },
};

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    return Response.json(await answers[pathname.slice(1)](request, env, ctx));
  },
};
