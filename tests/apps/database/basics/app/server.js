import { getPlatform } from "@orilla/platform";

const { DB, database } = getPlatform();

const answers = {
  async spellings() {
    const id = await DB.insertOne("users", { name: "Alice" });
    const found = await Promise.all([
      DB.findOne("users", { name: "Alice" }),
      DB.users.findOne({ name: "Alice" }),
      DB.collection("users").findOne({ _id: id }),
      database.findOne("users", { id }),
      database.users.findOne(),
    ]);
    return [typeof id, found.map((user) => user._id === id && user.name === "Alice")];
  },
  async collectionCalledFind() {
    await DB.collection("find").insertOne({ _id: 1 });
    return [await DB.collection("find").find(), await DB.listCollections()];
  },
  async values() {
    const at = new Date("2026-11-21T10:00:00.000Z");
    await DB.values.insertOne({
      _id: "v",
      text: "ü\u0000\u{1F600}",
      numbers: [0, -1.5, 1e300, 0.1 + 0.2],
      nested: { "with space": { "with\"quote": null } },
      at,
      floats: new Float32Array([1, 0.5]),
      missing: undefined,
      json: { toJSON: () => "by itself" },
      boxes: [new Number(1), new String("a"), new Boolean(false)],
    });
    return DB.values.findOne({ _id: "v" });
  },
  async order() {
    await DB.order.insertOne({ z: 1, _id: 1, a: { y: 1, b: 2 } });
    return JSON.stringify(await DB.order.findOne());
  },
  async many() {
    const { insertedCount, insertedIds } = await DB.many.insertMany([{ n: 1 }, { n: 2 }, { n: 3 }]);
    const changed = await DB.many.updateMany({ n: { $gt: 1 } }, { $inc: { n: 10 } });
    const deleted = await DB.many.deleteMany({ n: { $gt: 12 } });
    return [
      insertedCount,
      insertedIds.length,
      changed,
      deleted,
      await DB.many.find({}, { projection: { _id: 0 }, sort: { n: -1 } }),
      await DB.many.countDocuments(),
      await DB.many.countDocuments({ n: 1 }),
    ];
  },
  async one() {
    await DB.one.insertMany([
      { _id: 1, n: 1 },
      { _id: 2, n: 2 },
    ]);
    return [
      await DB.one.deleteOne({ n: 3 }),
      await DB.one.deleteOne({ n: 1 }),
      await DB.one.find(),
      await DB.one.findOne({ n: 1 }),
    ];
  },
  async findOneAnd() {
    await DB.jobs.insertMany([
      { _id: 1, state: "new" },
      { _id: 2, state: "new" },
    ]);
    return [
      await DB.jobs.findOneAndUpdate({ state: "new" }, { $set: { state: "taken" } }, { sort: { _id: -1 } }),
      await DB.jobs.findOneAndUpdate({ _id: 2 }, { $set: { state: "done" } }, { returnDocument: "after" }),
      await DB.jobs.findOneAndReplace({ _id: 2 }, { replaced: true }, { returnDocument: "after" }),
      await DB.jobs.findOneAndDelete({ _id: 1 }, { projection: { state: 1 } }),
      await DB.jobs.findOneAndDelete({ _id: 1 }),
      await DB.jobs.find(),
    ];
  },
  async ownIds() {
    const generated = await DB.things.insertOne({ name: "generated" });
    const before = (await DB.things.findOne({ id: generated })).name;
    await DB.things.insertOne({ _id: "x", id: "own", name: "with an id" });
    return [
      before,
      (await DB.things.findOne({ id: generated })).name,
      (await DB.things.findOne({ id: "own" })).name,
      await DB.things.findOne({ id: "x" }),
    ];
  },
  keep: () => DB.kept.insertOne({ _id: "k", text: "between requests" }),
  kept: () => DB.kept.find(),
};

export default {
  async fetch(request) {
    const answer = answers[new URL(request.url).pathname.slice(1)];
    return Response.json((await answer()) ?? null);
  },
};
