import { getPlatform, PlatformError } from "@orilla/platform";

const { DB } = getPlatform();

async function code(call) {
  try {
    await call();
    return "accepted";
  } catch (error) {
    if (!(error instanceof PlatformError && error.message.length > 10)) throw error;
    return error.code;
  }
}

const answers = {
  async whole() {
    await DB.rows.insertMany(Array.from({ length: 25 }, (_, n) => ({ _id: n, group: n % 3 })));
    const sizes = [];
    const seen = [];
    let cursor = null;
    do {
      const page = await DB.rows.findPage({}, { sort: { group: -1 }, limit: 10, cursor });
      sizes.push(page.documents.length);
      seen.push(...page.documents.map(({ _id }) => _id));
      cursor = page.cursor;
    } while (cursor !== null);
    return [sizes, new Set(seen).size];
  },
  async whileItChanges() {
    await DB.rows.createIndex({ keys: { n: 1 } });
    await DB.rows.deleteMany({});
    await DB.rows.insertMany(Array.from({ length: 20 }, (_, n) => ({ n: n * 10 })));
    const first = await DB.rows.findPage({ n: { $gte: 0 } }, { sort: { n: 1 }, limit: 8 });
    await DB.rows.insertMany([{ n: 5 }, { n: 75 }]);
    await DB.rows.deleteMany({ n: { $in: [0, 90] } });
    const rest = await DB.rows.findPage({ n: { $gte: 0 } }, { sort: { n: 1 }, cursor: first.cursor });
    return [first.documents.map(({ n }) => n), rest.documents.map(({ n }) => n), rest.cursor];
  },
  async refused() {
    const { cursor } = await DB.rows.findPage({}, { limit: 1 });
    return Promise.all([
      code(() => DB.rows.findPage({ n: 1 }, { cursor })),
      code(() => DB.rows.findPage({}, { cursor, sort: { n: 1 } })),
      code(() => DB.others.findPage({}, { cursor })),
      code(() => DB.rows.findPage({}, { cursor: "made up" })),
      code(() => DB.rows.findPage({}, { cursor, skip: 1 })),
      code(() => DB.rows.findPage({}, { cursor })),
    ]);
  },
};

export default {
  async fetch(request) {
    const answer = answers[new URL(request.url).pathname.slice(1)];
    return Response.json((await answer()) ?? null);
  },
};
