import { getPlatform } from "@orilla/platform";

const { KV } = getPlatform();

const answers = {
  async taken(request, { waitUntil, passThroughOnException }) {
    waitUntil(KV.work.put("taken", "done"));
    return [passThroughOnException() ?? null];
  },
  async copied(request, ctx) {
    const copy = { ...ctx };
    copy.waitUntil(KV.work.put("copied", "done"));
    return Object.keys(copy);
  },
  async done() {
    for (;;) {
      const values = await Promise.all([KV.work.get("taken"), KV.work.get("copied")]);
      if (!values.includes(null)) return values;
    }
  },
};

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    return Response.json(await answers[pathname.slice(1)](request, ctx));
  },
};
