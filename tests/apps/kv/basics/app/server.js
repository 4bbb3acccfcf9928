import { getPlatform } from "@orilla/platform";

const { KV, kv } = getPlatform();

const answers = {
  async both() {
    await KV.notes.put("k", "from KV");
    const seen = [await kv.get("notes", "k")];
    await kv.put("notes", "k", "from kv");
    seen.push(await KV.notes.get("k"), await KV["notes"].get("k"), await KV.other.get("k"));
    await kv.delete("notes", "k");
    await KV.notes.delete("k");
    return [...seen, await KV.notes.get("k"), await kv.get("notes", "absent")];
  },
  async text() {
    const value = "\u0000ü€😀\r\n" + "x".repeat(1 << 20);
    await KV.notes.put("ключ/ä b", value);
    return [(await KV.notes.get("ключ/ä b")) === value, (await KV.notes.put("empty", "")) ?? null, await KV.notes.get("empty")];
  },
  async readsItsWrites() {
    await Promise.all(Array.from({ length: 50 }, (_, i) => KV.many.put(`k${i}`, String(i))));
    const values = await Promise.all(Array.from({ length: 50 }, (_, i) => KV.many.get(`k${i}`)));
    return values.every((value, i) => value === String(i));
  },
  async detached() {
    const { get, put, list, delete: remove } = KV.detached;
    await put("k", "v");
    const seen = [await get("k"), (await list()).keys.map(({ name }) => name)];
    await remove("k");
    return [...seen, await get("k")];
  },
  async keep() {
    await KV.notes.put("kept", "between requests");
    return null;
  },
  kept: () => KV.notes.get("kept"),
};

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    return Response.json(await answers[pathname.slice(1)](request));
  },
};
