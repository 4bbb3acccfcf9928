import { getPlatform } from "@maravilla-labs/platform";

const { KV, kv } = getPlatform();

const answers = {
  async fill() {
    await Promise.all(Array.from({ length: 7 }, (_, i) => KV.list.put(`a:${i}`, "")));
    await KV.list.put("b", "");
    await KV.list.put("ä", "");
    return null;
  },
  async all() {
    const page = await KV.list.list();
    return [page.keys.map(({ name }) => name), page.list_complete, page.success, page.result_info.count, page.cursor ?? null];
  },
  async spellings() {
    const [first, second] = [await KV.list.list({ prefix: "a:", limit: 2 }), await kv.list("list", { prefix: "a:", limit: 2 })];
    return [first.keys, second.result, first.cursor === first.result_info.cursor, first.list_complete];
  },
  async pages() {
    const pages = [];
    let cursor;
    do {
      const page = await KV.list.list({ prefix: "a:", limit: 3, cursor });
      pages.push(page.keys.map(({ name }) => name));
      cursor = page.cursor;
    } while (cursor !== undefined);
    return pages;
  },
  none: async () => (await KV.list.list({ prefix: "z" })).keys,
};

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    return Response.json(await answers[pathname.slice(1)](request));
  },
};
