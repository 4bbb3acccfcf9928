// Values of an app as JSON text, without losing anything in silence: what JSON would drop or change is either written in
// a form that the services understand, or refused.
import { PlatformError } from "ext:orilla_web/errors.js";

/** Levels of arrays and objects, those of the arguments included. The service has the exact bound for documents. */
const MAX_DEPTH = 150;

/**
 * The JSON text of a call's arguments.
 *
 * Dates become ISO 8601 strings, regular expressions `{ $regularExpression }`, typed arrays arrays of numbers; fields that
 * are undefined are left out.
 * @param {unknown[]} args
 * @returns {string}
 * @throws {PlatformError} `DB_VALUE_INVALID`
 */
export function toJson(args) {
  return JSON.stringify(args.map((arg) => (arg === undefined ? null : plain(arg, "", 0))));
}

function plain(value, path, depth) {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "undefined":
      return value;
    case "number":
      if (!Number.isFinite(value)) refuse(path, `${value} is not a finite number`);
      return value;
    case "object":
      return value === null ? null : plainObject(value, path, depth + 1);
    default:
      return refuse(path, `a ${typeof value} cannot be stored`);
  }
}

function plainObject(value, path, depth) {
  if (depth > MAX_DEPTH) {
    throw new PlatformError(
      "DB_TOO_DEEP",
      `the value is nested more than ${MAX_DEPTH} levels deep, or holds itself`,
    );
  }
  if (Array.isArray(value)) {
    return Array.from(value, (item, place) => {
      if (item === undefined) refuse(at(path, place), "an item of an array cannot be undefined");
      return plain(item, at(path, place), depth);
    });
  }
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) refuse(path, "the date is invalid");
    return value.toISOString();
  }
  if (value instanceof RegExp) {
    return {
      $regularExpression: { pattern: value.source, options: regexOptions(value, path) },
    };
  }
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return Array.from(value, (item, place) => plain(item, at(path, place), depth));
  }
  if (typeof value.toJSON === "function") return plain(value.toJSON(), path, depth);
  if (value instanceof Map || value instanceof Set || value instanceof ArrayBuffer) {
    refuse(
      path,
      `a ${value.constructor.name} cannot be stored; turn it into an object or an array`,
    );
  }
  const copy = { __proto__: null };
  for (const name of Object.keys(value)) {
    const field = value[name];
    if (field !== undefined) copy[name] = plain(field, at(path, name), depth);
  }
  return copy;
}

function at(path, name) {
  return path === "" ? `${name}` : `${path}.${name}`;
}

/** The flags that mean the same to the database; `g`, `y`, `d` say how to search on, not what is found. */
function regexOptions(pattern, path) {
  if (pattern.flags.includes("v"))
    refuse(path, "regular expressions with the flag v are not understood");
  return [...pattern.flags].filter((flag) => "ims".includes(flag)).join("");
}

function refuse(path, reason) {
  throw new PlatformError("DB_VALUE_INVALID", path === "" ? reason : `${path}: ${reason}`);
}
