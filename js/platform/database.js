// The document database. `platform.DB.find("users", filter)`, `platform.DB.users.find(filter)` and
// `platform.database.find("users", filter)` are the same call.
import {
  op_database_begin,
  op_database_call,
  op_database_call_in,
  op_database_end,
} from "ext:core/ops";
import { toJson } from "ext:orilla_platform/json.js";
import { frameGet, frameWith, runInFrame } from "ext:orilla_web/async_context.js";
import { PlatformError } from "ext:orilla_web/errors.js";

/** How often a transaction is tried again when others are in the way. */
const MAX_ATTEMPTS = 5;

/** The methods of a collection. Each takes its arguments as they are documented in docs/database.md. */
const METHODS = [
  "find",
  "findPage",
  "findOne",
  "findSimilar",
  "explain",
  "countDocuments",
  "distinct",
  "aggregate",
  "insertOne",
  "insertMany",
  "updateOne",
  "updateMany",
  "replaceOne",
  "deleteOne",
  "deleteMany",
  "findOneAndUpdate",
  "findOneAndReplace",
  "findOneAndDelete",
  "createIndex",
  "createVectorIndex",
  "dropIndex",
  "dropVectorIndex",
  "listIndexes",
  "listVectorIndexes",
];

/** Where the arguments of methods hold filters, or what is read like one; of those that are not named, the first is one. */
const FILTERS = {
  __proto__: null,
  distinct: ["1"],
  findSimilar: ["0.filter"],
  updateOne: ["0", "1.$pull", "2.arrayFilters"],
  updateMany: ["0", "1.$pull", "2.arrayFilters"],
  findOneAndUpdate: ["0", "1.$pull", "2.arrayFilters"],
  insertOne: [],
  insertMany: [],
  createIndex: ["0.partial"],
  createVectorIndex: [],
};

/**
 * @param {(method: string, collection: string, args: string) => Promise<string>} send
 * @param {string} method
 * @param {unknown} collection
 * @param {unknown[]} args
 */
async function call(send, method, collection, args) {
  if (typeof collection !== "string") {
    throw new PlatformError(
      "DB_COLLECTION_INVALID",
      `the collection of ${method}() must be a string, not ${collection === null ? "null" : typeof collection}`,
    );
  }
  return JSON.parse(await send(method, collection, toJson(args, FILTERS[method] ?? ["0"])));
}

/**
 * An object with all methods, each with the collection as its first argument, and each collection as a property.
 * @param {(method: string, collection: unknown, args: unknown[]) => Promise<unknown>} ask
 * @param {Record<string, Function>} more what it has besides
 */
function databaseOf(ask, more) {
  const methods = { __proto__: null };
  for (const method of METHODS) {
    methods[method] = (collection, ...args) => ask(method, collection, args);
  }
  const collections = new Map();
  const collection = (name) => {
    let found = collections.get(name);
    if (found === undefined) {
      found = collectionOf(ask, name);
      if (collections.size < MAX_KEPT_COLLECTIONS) collections.set(name, found);
    }
    return found;
  };
  const target = Object.freeze({
    __proto__: null,
    ...methods,
    ...more,
    collection,
    listCollections: () => ask("listCollections", "", []),
  });
  return new Proxy(target, {
    get: (methods, name) =>
      name in methods || typeof name !== "string" || name === "then"
        ? methods[name]
        : collection(name),
  });
}

/** Collections whose object is kept; beyond that each look makes a new one. */
const MAX_KEPT_COLLECTIONS = 1000;

function collectionOf(ask, name) {
  const methods = { __proto__: null };
  for (const method of METHODS) {
    methods[method] = (...args) => ask(method, name, args);
  }
  return Object.freeze(methods);
}

/** In the async context of a transaction's function: whether the transaction is still open, as `{ isOpen }`. */
const ofTransaction = Object.freeze({});

/**
 * Runs a function whose calls become durable together, or not at all. It may run several times, when other transactions
 * are in the way; so it should do nothing that cannot be repeated.
 * @template T
 * @param {(tx: object) => T | Promise<T>} run gets a database whose calls belong to the transaction
 * @returns {Promise<T>} what `run` returned
 * @throws {PlatformError} `DB_TRANSACTION_NESTED` within the function of another one, for which it would wait
 */
async function transaction(run) {
  if (typeof run !== "function") {
    throw new PlatformError("DB_OPTIONS_INVALID", "transaction() needs a function");
  }
  if (frameGet(ofTransaction)?.isOpen) return refuseNested();
  for (let attempt = 1; ; attempt++) {
    const id = await op_database_begin();
    const send = (method, collection, args) => op_database_call_in(id, method, collection, args);
    let failure;
    const ask = async (...what) => {
      try {
        return await call(send, ...what);
      } catch (error) {
        failure ??= error;
        throw error;
      }
    };
    let result;
    try {
      result = await runWith(databaseOf(ask, { transaction: refuseNested }), run);
      // The service knows of what failed there only.
      if (failure !== undefined && !isConflict(failure)) throw undone(failure);
    } catch (error) {
      await op_database_end(id, false);
      if (isConflict(error) && attempt < MAX_ATTEMPTS) continue;
      throw error;
    }
    try {
      await op_database_end(id, true);
      return result;
    } catch (error) {
      if (!isConflict(error) || attempt >= MAX_ATTEMPTS) throw error;
    }
  }
}

async function runWith(tx, run) {
  const transaction = { isOpen: true };
  try {
    return await runInFrame(frameWith(ofTransaction, transaction), run, undefined, [tx]);
  } finally {
    transaction.isOpen = false;
  }
}

async function refuseNested() {
  throw new PlatformError(
    "DB_TRANSACTION_NESTED",
    "a transaction cannot be within another one, for whose end it would wait: make its calls on the `tx` of that one, or begin it afterwards",
  );
}

function undone({ code = "an error" }) {
  return new PlatformError(
    "DB_TRANSACTION_FAILED",
    `a call in this transaction has failed (${code}), which undoes all of it: throw that error on, or start again`,
  );
}

function isConflict(error) {
  return error?.code === "DB_TRANSACTION_CONFLICT";
}

/** The service. */
export const DB = databaseOf((...what) => call(op_database_call, ...what), { transaction });
