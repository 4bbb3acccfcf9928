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
