import { getPlatform } from "@orilla/platform";

const { DB } = getPlatform();

/** What becomes of a document. */
async function after(document, update, options = undefined) {
  const _id = await DB.docs.insertOne(document);
  await DB.docs.updateOne({ _id }, update, options);
  const found = await DB.docs.findOne({ _id });
  delete found._id;
  return found;
}

const answers = {
  documented: () =>
    Promise.all([
      after({ email: "a", age: 30 }, { age: 31, lastLogin: 1 }),
      after({ email: "a" }, { $set: { status: "inactive" }, $inc: { loginCount: 1 } }),
      after({ temporaryFlag: 1, a: 1 }, { $unset: { temporaryFlag: "" } }),
      after({ loginCount: 1 }, { $inc: { loginCount: 1, score: 5 } }),
      after({ tags: ["a"] }, { $push: { tags: "verified" } }),
      after({ tags: ["a", "unverified"] }, { $pull: { tags: "unverified" } }),
      after({ tags: ["premium"] }, { $addToSet: { tags: "premium" } }),
    ]),
  others: () =>
    Promise.all([
      after({ n: 3 }, { $mul: { n: 2 }, $min: { low: 1 }, $max: { n2: 4 } }),
      after({ a: 1 }, { $rename: { a: "b.c" } }),
      after({ a: [3, 1] }, { $push: { a: { $each: [2], $sort: 1, $slice: 2, $position: 0 } } }),
      after({ a: [1, 2, 1, 3] }, { $pullAll: { a: [1, 3] } }),
      after({ a: [1, 2, 3] }, { $pop: { a: -1 } }),
      after({ a: [1] }, { $addToSet: { a: { $each: [1, 2] } } }),
      after({ a: [{ k: 1, n: 0 }, { k: 2, n: 0 }] }, { $set: { "a.$[x].n": 5 } }, { arrayFilters: [{ "x.k": 2 }] }),
    ]),
  async currentDate() {
    const { at, seconds } = await after({}, { $currentDate: { at: true, seconds: { $type: "timestamp" } } });
    return [Math.abs(Date.now() - Date.parse(at)) < 60_000, Math.abs(Date.now() / 1000 - seconds) < 60];
  },
  async upsert() {
    const inserted = await DB.visits.updateOne({ _id: "home" }, { $inc: { n: 1 }, $setOnInsert: { first: true } }, { upsert: true });
    const updated = await DB.visits.updateOne({ _id: "home" }, { $inc: { n: 1 }, $setOnInsert: { first: false } }, { upsert: true });
    return [inserted, updated, await DB.visits.find()];
  },
  async replace() {
    await DB.replaced.insertOne({ _id: 1, a: 1 });
    const result = await DB.replaced.replaceOne({ a: 1 }, { b: 2 });
    return [result, await DB.replaced.find()];
  },
  async unchanged() {
    await DB.same.insertOne({ _id: 1, a: 1 });
    return DB.same.updateOne({ _id: 1 }, { $set: { a: 1 } });
  },
};

export default {
  async fetch(request) {
    const answer = answers[new URL(request.url).pathname.slice(1)];
    return Response.json((await answer()) ?? null);
  },
};
