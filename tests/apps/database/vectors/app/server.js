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

const titles = (found) => found.map(({ title }) => title).join(" ");
const near = (found, expected) => found.every(({ _score }, place) => Math.abs(_score - expected[place]) < 1e-4);

const answers = {
  async cosine() {
    await DB.createVectorIndex("articles", { field: "embedding", dimensions: 2, metric: "cosine" });
    await DB.createVectorIndex("articles", { field: "embedding", dimensions: 2 });
    await DB.articles.insertMany([
      { title: "east", topic: "x", embedding: [2, 0] },
      { title: "north-east", topic: "y", embedding: [1, 1] },
      { title: "west", topic: "x", embedding: [-1, 0] },
      { title: "nowhere" },
    ]);
    const vector = { field: "embedding", value: [1, 0], k: 10 };
    const all = await DB.find("articles", {}, { vector });
    return [
      titles(all),
      near(all, [1, (1 + Math.SQRT1_2) / 2, 0]),
      titles(await DB.find("articles", { topic: "x" }, { vector: { ...vector, k: 1 } })),
      titles(await DB.articles.findSimilar({ ...vector, filter: { topic: "x" } })),
      titles(await DB.articles.findSimilar({ ...vector, minScore: 0.8 })),
      titles(await DB.articles.findSimilar({ ...vector, value: new Float32Array([0, 1]), k: 1 })),
      (await DB.articles.explain({}, { vector: { ...vector, metric: "l2" } })).vector.regime,
    ];
  },
  async followsTheDocuments() {
    const vector = { field: "embedding", value: [1, 0], k: 1 };
    await DB.articles.updateOne({ title: "west" }, { $set: { embedding: [5, 0.01] } });
    await DB.articles.deleteOne({ title: "east" });
    await DB.articles.updateOne({ title: "north-east" }, { $unset: { embedding: "" } });
    return titles(await DB.articles.findSimilar({ ...vector, k: 10 }));
  },
  async otherMetrics() {
    await DB.points.createVectorIndex({ field: "at", dimensions: 2, metric: "l2", storage: "int8" });
    await DB.points.insertMany([{ title: "far", at: [9, 9] }, { title: "close", at: [1, 2] }]);
    const [point] = await DB.points.findSimilar({ field: "at", value: [1, 1], k: 1 });
    await DB.bits.createVectorIndex({ field: "code", dimensions: 8, metric: "hamming", storage: "bit" });
    await DB.bits.insertMany([
      { title: "ones", code: [1, 1, 1, 1, 1, 1, 1, 1] },
      { title: "half", code: [1, 1, 1, 1, -1, -1, -1, -1] },
    ]);
    const bits = await DB.bits.findSimilar({ field: "code", value: [1, 1, 1, -1, -1, -1, -1, -1], k: 2 });
    return [point.title, Math.abs(point._distance - 1) < 0.1, bits.map(({ title, _distance }) => [title, _distance])];
  },
  async shorterAndSeveral() {
    await DB.nested.createVectorIndex({ field: "v", dimensions: 4, matryoshka: true });
    await DB.nested.insertMany([{ title: "a", v: [1, 0, 0, 1] }, { title: "b", v: [0, 1, 1, 0] }]);
    await DB.passages.createVectorIndex({ field: "tokens", dimensions: 2, multiVector: true });
    await DB.passages.insertMany([
      { title: "one", tokens: [[1, 0], [0.9, 0.1]] },
      { title: "both", tokens: [[1, 0], [0, 1]] },
    ]);
    const late = { field: "tokens", value: [[1, 0], [0, 1]], k: 2, queryMode: "late-interaction", aggregation: "sum" };
    return [
      titles(await DB.nested.findSimilar({ field: "v", value: [1, 0], k: 1 })),
      titles(await DB.passages.findSimilar({ field: "tokens", value: [0, 1], k: 1 })),
      titles(await DB.passages.findSimilar(late)),
    ];
  },
  errors: () =>
    Promise.all([
      code(() => DB.articles.insertOne({ embedding: [1, 2, 3] })),
      code(() => DB.articles.insertOne({ embedding: "text" })),
      code(() => DB.articles.createVectorIndex({ field: "embedding", dimensions: 3 })),
      code(() => DB.articles.findSimilar({ field: "embedding", value: [1], k: 1 })),
      code(() => DB.articles.findSimilar({ field: "embedding", value: [1, 0], k: 0 })),
      code(() => DB.articles.findSimilar({ field: "other", value: [1, 0], k: 1 })),
      code(() => DB.articles.createVectorIndex({ field: "x", dimensions: 5000 })),
      code(() => DB.articles.createVectorIndex({ field: "x", dimensions: 8, metric: "hamming" })),
    ]),
  async dropped() {
    await DB.dropVectorIndex("articles", "embedding");
    return [
      await DB.listVectorIndexes("articles"),
      await DB.articles.countDocuments(),
      await code(() => DB.articles.findSimilar({ field: "embedding", value: [1, 0], k: 1 })),
    ];
  },
};

export default {
  async fetch(request) {
    const answer = answers[new URL(request.url).pathname.slice(1)];
    return Response.json((await answer()) ?? null);
  },
};
