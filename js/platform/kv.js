// KV: strings under string keys, in namespaces. `platform.KV.<namespace>.get(key)` and `platform.kv.get(namespace, key)`
// are the same call.
import { op_kv_delete, op_kv_get, op_kv_get_cached, op_kv_list, op_kv_put } from "ext:core/ops";
import { checkOptions } from "ext:orilla_platform/options.js";
import { LONE_SURROGATE } from "ext:orilla_platform/json.js";
import { PlatformError } from "ext:orilla_web/errors.js";

/** The options there are, by method. */
const OPTIONS = {
  put: ["ttl", "expirationTtl", "expiration"],
  list: ["prefix", "limit", "cursor"],
};

/**
 * @param {string} namespace
 * @param {string} key
 * @returns {Promise<string | null>}
 */
async function get(namespace, key) {
  checkNames(namespace, key);
  const known = op_kv_get_cached(namespace, key);
  return known === undefined ? await op_kv_get(namespace, key) : known;
}

/**
 * @param {string} namespace
 * @param {string} key
 * @param {string} value
 * @param {{ ttl?: number, expirationTtl?: number, expiration?: number }} [options]
 */
async function put(namespace, key, value, options = undefined) {
  checkNames(namespace, key);
  checkString(value, "KV_VALUE_INVALID", "value", "; store JSON.stringify(value) instead");
  checkOptions("KV_OPTIONS_INVALID", "put", options, OPTIONS.put);
  const ttl = options?.ttl ?? options?.expirationTtl;
  const expiration = options?.expiration;
  checkNumber(ttl, "KV_TTL_INVALID", "ttl");
  checkNumber(expiration, "KV_TTL_INVALID", "expiration");
  await op_kv_put(namespace, key, value, ttl, expiration);
}

/**
 * @param {string} namespace
 * @param {string} key
 */
async function remove(namespace, key) {
  checkNames(namespace, key);
  await op_kv_delete(namespace, key);
}

/**
 * @param {string} namespace
 * @param {{ prefix?: string, limit?: number, cursor?: string }} [options]
 */
async function list(namespace, options = undefined) {
  checkOptions("KV_OPTIONS_INVALID", "list", options, OPTIONS.list);
  const { prefix = "", limit = undefined, cursor = undefined } = options ?? {};
  checkString(namespace, "KV_NAMESPACE_INVALID", "namespace");
  checkString(prefix, "KV_PREFIX_INVALID", "prefix");
  checkNumber(limit, "KV_LIMIT_INVALID", "limit");
  if (cursor != null) checkString(cursor, "KV_CURSOR_INVALID", "cursor");
  const page = await op_kv_list(namespace, prefix, limit, cursor);
  const info = { count: page.keys.length };
  if (page.cursor != null) info.cursor = page.cursor;
  return {
    result: page.keys,
    keys: page.keys,
    success: true,
    result_info: info,
    cursor: info.cursor,
    list_complete: info.cursor === undefined,
  };
}

/** One namespace. Its methods can be taken out of it. */
function namespaceOf(namespace) {
  return Object.freeze({
    __proto__: null,
    get: (key) => get(namespace, key),
    put: (key, value, options = undefined) => put(namespace, key, value, options),
    delete: (key) => remove(namespace, key),
    list: (options = undefined) => list(namespace, options),
  });
}

/** The service in its `platform.kv` spelling: the namespace is the first argument. */
export const kv = Object.freeze({ get, put, delete: remove, list });

const namespaces = new Map();
/** Namespaces whose object is kept; beyond that each look makes a new one. */
const MAX_KEPT_NAMESPACES = 1000;

function namespaceNamed(name) {
  let found = namespaces.get(name);
  if (found === undefined) {
    found = namespaceOf(name);
    if (namespaces.size < MAX_KEPT_NAMESPACES) namespaces.set(name, found);
  }
  return found;
}

/** The service in its `platform.KV` spelling: every property is a namespace. */
export const KV = new Proxy(Object.freeze({ __proto__: null }), {
  get: (_, name) =>
    typeof name === "string" && name !== "then" ? namespaceNamed(name) : undefined,
});

function checkNames(namespace, key) {
  checkString(namespace, "KV_NAMESPACE_INVALID", "namespace");
  checkString(key, "KV_KEY_INVALID", "key");
}

function checkString(value, code, what, advice = "") {
  if (typeof value !== "string") {
    throw new PlatformError(
      code,
      `the KV ${what} must be a string, not ${value === null ? "null" : typeof value}${advice}`,
    );
  }
  // Two such texts would become the same one.
  if (!value.isWellFormed()) throw new PlatformError(code, `the KV ${what}: ${LONE_SURROGATE}`);
}

function checkNumber(value, code, what) {
  if (value !== undefined && value !== null && typeof value !== "number") {
    throw new PlatformError(code, `the KV ${what} must be a number, not ${typeof value}`);
  }
}
