import { getPlatform } from "@orilla/platform";

const { KV } = getPlatform();
const now = () => Math.floor(Date.now() / 1000);

async function goes(key) {
  const first = await KV.cache.get(key);
  while ((await KV.cache.get(key)) !== null) await new Promise((resolve) => setTimeout(resolve, 20));
  const { keys } = await KV.cache.list({ prefix: key });
  return [first, keys.length];
}

const answers = {
  async ttl() {
    await KV.cache.put("ttl", "v", { ttl: 1 });
    return await goes("ttl");
  },
  async expirationTtl() {
    await KV.cache.put("expirationTtl", "v", { expirationTtl: 1 });
    return await goes("expirationTtl");
  },
  async expiration() {
    await KV.cache.put("expiration", "v", { expiration: now() + 2 });
    return await goes("expiration");
  },
  async replaced() {
    await KV.cache.put("replaced", "short", { ttl: 1 });
    await KV.cache.put("replaced", "long");
    await KV.cache.put("clock", "v", { ttl: 1 });
    await goes("clock");
    return await KV.cache.get("replaced");
  },
};

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    return Response.json(await answers[pathname.slice(1)](request));
  },
};
