import { getPlatform } from "@orilla/platform";

const { DB } = getPlatform();

const answers = {
  fill: async () => {
    await DB.orders.insertMany([
      { _id: 1, customer: "a", total: 10, items: ["x", "y"] },
      { _id: 2, customer: "b", total: 30, items: ["x"] },
      { _id: 3, customer: "a", total: 20, items: [] },
    ]);
    await DB.customers.insertMany([{ _id: "a", name: "Ann" }, { _id: "b", name: "Bob" }]);
  },
  group: () => DB.orders.aggregate([
    { $match: { total: { $gt: 5 } } },
    { $group: {
      _id: "$customer", sum: { $sum: "$total" }, average: { $avg: "$total" }, least: { $min: "$total" }, most: { $max: "$total" },
      count: { $count: {} }, all: { $push: "$total" }, set: { $addToSet: "$customer" }, first: { $first: "$_id" }, last: { $last: "$_id" },
    } },
    { $sort: { _id: 1 } },
  ]),
  stages: () => DB.orders.aggregate([
    { $sort: { total: -1 } }, { $skip: 1 }, { $limit: 1 }, { $project: { _id: 0, total: 1, double: { $multiply: ["$total", 2] } } },
  ]),
  unwind: () => DB.orders.aggregate([{ $unwind: "$items" }, { $group: { _id: "$items", n: { $sum: 1 } } }, { $sort: { _id: 1 } }]),
  lookup: () => DB.orders.aggregate([
    { $match: { _id: 2 } },
    { $lookup: { from: "customers", localField: "customer", foreignField: "_id", as: "who" } },
    { $project: { who: 1 } },
  ]),
  count: () => DB.orders.aggregate([{ $match: { customer: "a" } }, { $count: "orders" }]),
  nothing: () => DB.nowhere.aggregate([{ $group: { _id: null, n: { $sum: 1 } } }]),
};

export default {
  async fetch(request) {
    const answer = answers[new URL(request.url).pathname.slice(1)];
    return Response.json((await answer()) ?? null);
  },
};
