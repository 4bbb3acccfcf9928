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

let kept;

const answers = {
  async commits() {
    await DB.accounts.insertMany([{ _id: "a", balance: 100 }, { _id: "b", balance: 0 }]);
    const returned = await DB.transaction(async (tx) => {
      const from = await tx.accounts.findOne({ _id: "a" });
      await tx.accounts.updateOne({ _id: "a" }, { $inc: { balance: -30 } });
      await tx.updateOne("accounts", { _id: "b" }, { $inc: { balance: 30 } });
      await tx.log.insertOne({ _id: 1, seen: (await tx.accounts.findOne({ _id: "a" })).balance });
      return from.balance;
    });
    return [returned, await DB.accounts.find(), await DB.log.find()];
  },
  async rollsBack() {
    const thrown = await DB.transaction(async (tx) => {
      await tx.accounts.deleteMany({});
      await tx.fresh.insertOne({});
      throw new Error("never mind");
    }).catch(({ message }) => message);
    const coded = await code(() => DB.transaction(async (tx) => {
      await tx.accounts.updateOne({ _id: "a" }, { $set: { balance: 0 } });
      await tx.accounts.insertOne({ _id: "b" });
    }));
    return [thrown, coded, await DB.accounts.find(), await DB.fresh.countDocuments()];
  },
  async swallowedErrors() {
    return code(() => DB.transaction(async (tx) => {
      await tx.accounts.insertOne({ _id: "b" }).catch(() => {});
      await tx.accounts.insertOne({ _id: "c" });
    }));
  },
  async swallowedRefusals() {
    const coded = await code(() => DB.transaction(async (tx) => {
      await tx.accounts.insertOne({ _id: "d" });
      await tx.accounts.insertOne({ _id: "e", at: new Date(NaN) }).catch(() => {});
    }));
    return [coded, await DB.accounts.findOne({ _id: "d" })];
  },
  async nested() {
    const codes = await DB.transaction(async (tx) => {
      await tx.nested.insertOne({ _id: "kept" });
      const through = async () => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        return code(() => DB.transaction(() => {}));
      };
      return [await code(() => tx.transaction(() => {})), await code(() => DB.transaction(() => {})), await through()];
    });
    return [...codes, await DB.nested.countDocuments()];
  },
  // What a transaction has begun, and does not wait for, may have one of its own when that has ended.
  async oneAfterTheOther() {
    const order = [];
    const note = (what) => DB.transaction(async (tx) => {
      await tx.order.insertOne({ what });
      order.push(what);
    });
    const ended = Promise.withResolvers();
    const begun = await DB.transaction((tx) => ({ done: ended.promise.then(() => note("begun in it")) }));
    ended.resolve();
    await begun.done;
    await note("after it");
    return [order, await DB.order.countDocuments()];
  },
  async concurrent() {
    await DB.counters.insertOne({ _id: "n", n: 0 });
    await Promise.all(Array.from({ length: 20 }, () => DB.transaction(async (tx) => {
      const { n } = await tx.counters.findOne({ _id: "n" });
      await new Promise((resolve) => setTimeout(resolve, 1));
      await tx.counters.updateOne({ _id: "n" }, { $set: { n: n + 1 } });
    })));
    return (await DB.counters.findOne({ _id: "n" })).n;
  },
  async afterwards() {
    await DB.transaction((tx) => { kept = tx; });
    return [
      await code(() => kept.accounts.find()),
      await code(() => DB.transaction((tx) => tx.accounts.createIndex({ keys: { a: 1 } }))),
      await code(() => DB.transaction("not a function")),
    ];
  },
};

export default {
  async fetch(request) {
    const answer = answers[new URL(request.url).pathname.slice(1)];
    return Response.json((await answer()) ?? null);
  },
};
