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

/** The names of a collection's indexes, once the declared ones are there. */
async function names(collection, count) {
  for (let attempt = 0; ; attempt++) {
    const indexes = await DB.listIndexes(collection);
    if (indexes.length >= count || attempt > 200) return indexes.map(({ name }) => name).sort();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const answers = {
  declared: async () => [
    await names("members", 1),
    await names("posts", 2),
    await names("sessions", 1),
    await names("items", 1),
  ],
  async kinds() {
    await DB.users.createIndex({ keys: { email: 1 }, unique: true });
    await DB.users.createIndex({ keys: { phoneNumber: 1 }, sparse: true });
    await DB.users.createIndex({ keys: { age: -1 }, name: "by age" });
    await DB.createIndex("users", { keys: { email: 1 }, unique: true });
    await DB.users.createVectorIndex({ field: "face", dimensions: 3 });
    return DB.listIndexes("users");
  },
  async unique() {
    await DB.users.insertOne({ email: "a" });
    const twice = await code(() => DB.users.insertOne({ email: "a" }));
    const other = await code(() => DB.users.insertOne({ email: "b" }));
    const update = await code(() => DB.users.updateOne({ email: "b" }, { $set: { email: "a" } }));
    const id = await code(() => DB.users.insertMany([{ _id: 7, email: "c" }, { _id: 7, email: "d" }]));
    const late = await code(() => DB.users.createIndex({ keys: { kind: 1 }, unique: true }));
    return [twice, other, update, id, await DB.users.countDocuments(), late, (await names("users", 4)).length];
  },
  async used() {
    const plan = async (filter, options) => {
      const { reads, sorted, examined, returned } = await DB.explain("numbers", filter, options);
      return [reads.map(({ from, index }) => index ?? from), sorted, examined <= returned + 1, returned];
    };
    await DB.numbers.insertMany(Array.from({ length: 500 }, (_, n) => ({ n, group: n % 5, tags: [n % 7, "x"] })));
    await DB.numbers.createIndex({ keys: [["group", 1], ["n", -1]] });
    await DB.numbers.createIndex({ keys: { tags: 1 } });
    return [
      await plan({ group: 3, n: { $lt: 100 } }),
      await plan({ group: 3 }, { sort: { n: 1 }, limit: 5 }),
      await plan({ group: { $in: [1, 2] }, n: 11 }),
      await plan({ tags: 3 }),
      (await plan({ n: 11 })).slice(0, 2),
      (await DB.numbers.find({ group: 3 }, { sort: { n: -1 }, limit: 3 })).map(({ n }) => n),
    ];
  },
  async dropped() {
    await DB.users.dropIndex("by age");
    await DB.users.dropVectorIndex("face");
    return [await names("users", 2), await code(() => DB.users.dropIndex("by age"))];
  },
  async expiring() {
    const now = Math.floor(Date.now() / 1000);
    await names("sessions", 1);
    await DB.sessions.insertMany([{ _id: "old", createdAt: now - 3700 }, { _id: "new", createdAt: now }, { _id: "none" }]);
    for (let attempt = 0; attempt < 500 && (await DB.sessions.countDocuments()) === 3; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return (await DB.sessions.find({}, { sort: { _id: 1 } })).map(({ _id }) => _id);
  },
};

export default {
  async fetch(request) {
    const answer = answers[new URL(request.url).pathname.slice(1)];
    return Response.json((await answer()) ?? null);
  },
};
