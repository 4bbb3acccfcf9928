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

const deep = (levels) => Array.from({ length: levels }).reduce((inner) => ({ a: inner }), 1);
const self = {};
self.self = self;

const answers = {
  values: () =>
    Promise.all([
      code(() => DB.e.insertOne({ a: NaN })),
      code(() => DB.e.insertOne({ a: [Infinity] })),
      code(() => DB.e.insertOne({ a: 1n })),
      code(() => DB.e.insertOne({ a: () => 1 })),
      code(() => DB.e.insertOne({ a: new Map() })),
      code(() => DB.e.insertOne({ a: new Date(NaN) })),
      code(() => DB.e.insertOne(self)),
      code(() => DB.e.insertOne(deep(120))),
      code(() => DB.e.insertOne(deep(90))),
      code(() => DB.e.insertOne({ a: "x".repeat(17 << 20) })),
      code(() => DB.e.insertOne("text")),
      code(() => DB.e.insertOne()),
      code(() => DB.e.insertOne({ $set: 1 })),
      code(() => DB.e.insertOne({ "a\0b": 1 })),
      code(() => DB.e.insertOne({ _id: [1] })),
      code(() => DB.e.insertOne({ _id: "x".repeat(2000) })),
    ]),
  objects: () =>
    Promise.all(
      [/a/, new Error("a"), Promise.resolve(), new Headers(), new URLSearchParams(), new WeakMap(), [].values(), new Response(), Symbol("a")].map(
        (a) => code(() => DB.e.insertOne({ a })),
      ),
    ),
  forgottenFilters: () =>
    Promise.all([
      code(() => DB.e.deleteMany()),
      code(() => DB.e.deleteOne(undefined)),
      code(() => DB.e.deleteMany(null)),
      code(() => DB.e.findOneAndDelete()),
      code(() => DB.e.updateMany(undefined, { $set: { a: 1 } })),
      code(() => DB.e.replaceOne(null, { a: 1 })),
      code(() => DB.e.findOneAndUpdate(undefined, { $set: { a: 1 } })),
    ]),
  filters: () =>
    Promise.all([
      code(() => DB.e.find({ a: { $gtt: 1 } })),
      code(() => DB.e.find({ $xor: [] })),
      code(() => DB.e.find({ a: { $in: 1 } })),
      code(() => DB.e.find({ a: { $size: "1" } })),
      code(() => DB.e.find({ a: { $regex: "(" } })),
      code(() => DB.e.find({ "a\0": 1 })),
      code(() => DB.e.find("text")),
      code(() => DB.find(7, {})),
      code(() => DB.find("", {})),
      code(() => DB.find("a$b", {})),
      code(() => DB.find('x"; DROP TABLE documents_1; --', {})),
    ]),
  async suggestions() {
    const message = async (call) => call().catch((error) => error.message);
    return [
      (await message(() => DB.e.find({ a: { $gtt: 1 } }))).includes("$gt"),
      (await message(() => DB.e.find({}, { limt: 1 }))).includes("limit"),
    ];
  },
  async catastrophic() {
    await DB.slow.insertOne({ text: "a".repeat(5000) + "b" });
    return code(() => DB.slow.find({ text: { $regex: "^(a+)+$" } }));
  },
  updates: () =>
    Promise.all([
      code(() => DB.e.updateOne({}, { $sett: { a: 1 } })),
      code(() => DB.e.updateOne({}, { $inc: { a: "1" } })),
      code(() => DB.e.updateOne({}, { $set: { a: 1, "a.b": 2 } })),
      code(() => DB.e.replaceOne({}, { $set: { a: 1 } })),
      code(() => DB.e.updateMany({}, { $set: { a: 1 } }, { sort: { a: 1 } })),
      code(() => DB.e.updateOne({})),
    ]),
  async immutable() {
    await DB.fixed.insertOne({ _id: 1, a: "text" });
    return [
      await code(() => DB.fixed.updateOne({ _id: 1 }, { $set: { _id: 2 } })),
      await code(() => DB.fixed.updateOne({ _id: 1 }, { $inc: { a: 1 } })),
      await code(() => DB.fixed.insertOne({ _id: 1 })),
      await DB.fixed.find(),
    ];
  },
  options: () =>
    Promise.all([
      code(() => DB.e.find({}, { limit: 1.5 })),
      code(() => DB.e.find({}, { limit: 1001 })),
      code(() => DB.e.find({}, { skip: -1 })),
      code(() => DB.e.find({}, { sort: { a: 2 } })),
      code(() => DB.e.find({}, { limt: 1 })),
      code(() => DB.e.find({}, {}, 1)),
      code(() => DB.e.aggregate([{ $grup: {} }])),
      code(() => DB.e.createIndex({ keys: {} })),
      code(() => DB.e.createIndex({ keys: { a: 1 }, uniqe: true })),
      code(() => DB.e.createIndex({ keys: { a: 1, b: 1 }, expireAfterSeconds: 1 })),
    ]),
  nothingWritten: () => DB.e.countDocuments(),
};

export default {
  async fetch(request) {
    const answer = answers[new URL(request.url).pathname.slice(1)];
    return Response.json((await answer()) ?? null);
  },
};
