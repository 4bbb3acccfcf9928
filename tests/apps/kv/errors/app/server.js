import { getPlatform, PlatformError } from "@orilla/platform";

const { KV, kv } = getPlatform();

async function code(call) {
  try {
    await call();
    return "accepted";
  } catch (error) {
    if (!(error instanceof PlatformError && error instanceof Error && error.message.length > 20)) throw error;
    return error.code;
  }
}

const answers = {
  values: () => Promise.all([
    code(() => KV.e.put("k", "x".repeat((16 << 20) + 1))),
    code(() => KV.e.put("k", "x".repeat(16 << 20))),
    code(() => KV.e.put("k", "ü".repeat((8 << 20) + 1))),
    code(() => KV.e.put("k", { a: 1 })),
    code(() => KV.e.put("k", undefined)),
    code(() => KV.e.put("k", "\ud800")),
  ]),
  keys: () => Promise.all([
    code(() => KV.e.get("")),
    code(() => KV.e.get("a\0b")),
    code(() => KV.e.get(7)),
    code(() => KV.e.put("ü".repeat(257), "")),
    code(() => KV.e.put("ü".repeat(256), "")),
    code(() => KV.e.delete()),
    code(() => KV.e.get("\udc00")),
    code(() => KV.e.get("\ud83d\ude00")),
  ]),
  namespaces: () => Promise.all([
    code(() => kv.get("", "k")),
    code(() => kv.get("a/b", "k")),
    code(() => kv.get("n".repeat(65), "k")),
    code(() => kv.get("A-z_0.9", "k")),
  ]),
  ttls: () => Promise.all(
    [{ ttl: 0 }, { ttl: -1 }, { ttl: 1.5 }, { ttl: NaN }, { ttl: "60" }, { expirationTtl: 0 }, { expiration: 1 }, { ttl: 1e10 }]
      .map((options) => code(() => KV.e.put("k", "", options))),
  ),
  lists: () => Promise.all(
    [{ limit: 0 }, { limit: 1001 }, { limit: 1.5 }, { limit: "3" }, { cursor: "made up" }, { cursor: 7 }, { prefix: 1 }, { prefix: "\ud800" }]
      .map((options) => code(() => KV.e.list(options))),
  ),
  options() {
    const said = (call) => call().then(() => "accepted", ({ code, message }) => `${code}: ${message}`);
    return Promise.all([
      said(() => KV.e.put("o", "", { tll: 5 })),
      said(() => KV.e.put("o", "", { expirationTTL: 5 })),
      said(() => kv.put("e", "o", "", { metadata: {} })),
      said(() => KV.e.put("o", "", 60)),
      said(() => KV.e.list({ prefx: "a" })),
      said(() => kv.list("e", "a")),
      said(() => KV.e.put("o", "", { ttl: 60, expirationTtl: 60, expiration: undefined, more: undefined })),
      said(() => KV.e.put("o", "", null)),
      said(() => KV.e.list({ prefix: "o", limit: 1, cursor: undefined })),
    ]);
  },
  async foreignCursor() {
    await Promise.all(["a", "b"].map((key) => KV.one.put(key, "")));
    const { cursor } = await KV.one.list({ limit: 1 });
    return [
      await code(() => KV.one.list({ cursor })),
      await code(() => KV.two.list({ cursor })),
      await code(() => KV.one.list({ cursor, prefix: "a" })),
    ];
  },
};

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    return Response.json(await answers[pathname.slice(1)](request));
  },
};
