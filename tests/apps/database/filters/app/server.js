import { getPlatform } from "@orilla/platform";

const { DB } = getPlatform();

/** The names of the documents that a filter matches. */
async function names(filter, options = undefined) {
  const found = await DB.find("products", filter, { sort: { name: 1 }, ...options });
  return found.map(({ name }) => name).join(" ");
}

const answers = {
  fill: () =>
    DB.insertMany("products", [
      { name: "cable", price: 9, category: "electronics", tags: ["usb", "short"], rating: 4 },
      { name: "desk", price: 220, category: "home", tags: ["wood"], rating: 4.5, size: { width: 160 } },
      { name: "lamp", price: 40, category: "home", tags: [], rating: null },
      { name: "radio", price: "40", category: "electronics", stock: [{ at: "oslo", n: 3 }, { at: "bergen", n: 0 }] },
    ]).then(({ insertedCount }) => insertedCount),
  comparison: () =>
    Promise.all([
      names({ price: 40 }),
      names({ price: { $eq: 40 } }),
      names({ price: { $ne: 40 } }),
      names({ price: { $gt: 40 } }),
      names({ price: { $gte: 40 } }),
      names({ price: { $lt: 40 } }),
      names({ price: { $lte: 40 } }),
      names({ price: { $gte: 10, $lte: 100 } }),
      names({ category: { $in: ["home", "garden"] } }),
      names({ category: { $nin: ["home", "garden"] } }),
    ]),
  logic: () =>
    Promise.all([
      names({ $or: [{ category: "electronics" }, { price: { $lt: 50 } }] }),
      names({ $and: [{ category: "home" }, { price: { $lt: 50 } }] }),
      names({ $nor: [{ category: "home" }, { price: 9 }] }),
      names({ price: { $not: { $gt: 10 } } }),
      names({ $or: [{ price: { $lt: 20 } }, { $and: [{ category: "home" }, { rating: { $gte: 4.5 } }] }] }),
    ]),
  elements: () =>
    Promise.all([
      names({ rating: { $exists: true } }),
      names({ rating: { $exists: false } }),
      names({ rating: null }),
      names({ price: { $type: "string" } }),
      names({ "size.width": 160 }),
    ]),
  strings: () =>
    Promise.all([
      names({ name: { $regex: "^(d|l)" } }),
      names({ name: { $regex: "LAMP", $options: "i" } }),
      names({ name: /a.i/ }),
      names({ name: { $in: [/^C/i, "desk"] } }),
      names({ name: { $not: /a/ } }),
    ]),
  arrays: () =>
    Promise.all([
      names({ tags: "usb" }),
      names({ tags: ["wood"] }),
      names({ tags: { $size: 2 } }),
      names({ tags: { $size: 0 } }),
      names({ tags: { $all: ["short", "usb"] } }),
      names({ stock: { $elemMatch: { at: "oslo", n: { $gt: 0 } } } }),
      names({ "stock.n": 0 }),
      names({ price: { $mod: [10, 0] } }),
    ]),
  shaping: async () => [
    await names({}, { sort: { category: 1, price: -1 } }),
    await names({}, { sort: [["category", -1], ["name", 1]], limit: 2, skip: 1 }),
    await DB.findOne("products", { name: "desk" }, { projection: { _id: 0, "size.width": 1 } }),
    await DB.products.distinct("category"),
    await DB.products.distinct("tags", { price: { $gt: 0 } }),
  ],
};

export default {
  async fetch(request) {
    const answer = answers[new URL(request.url).pathname.slice(1)];
    return Response.json((await answer()) ?? null);
  },
};
