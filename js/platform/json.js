// Values of an app as JSON text, without losing anything in silence: what JSON would drop or change is either written in
// a form that the services understand, or refused.
import { PlatformError } from "ext:orilla_web/errors.js";

/** Levels of arrays and objects, those of the arguments included. The service has the exact bound for documents. */
const MAX_DEPTH = 150;

/** What stands for the places of filters within a filter. */
const EVERYWHERE = Object.freeze([]);

/**
 * The JSON text of a call's arguments.
 *
 * Dates become ISO 8601 strings, typed arrays arrays of numbers, regular expressions in filters `{ $regularExpression }`; fields
 * that are undefined are left out. Within a filter they are refused: a condition that is left out matches everything.
 * @param {unknown[]} args
 * @param {readonly string[]} filters where filters are: the number of the argument, and names behind it, such as `0.filter`
 * @returns {string}
 * @throws {PlatformError} `DB_VALUE_INVALID`
 */
export function toJson(args, filters) {
  const json = (arg, place) => (arg === undefined ? null : plain(arg, `${place}`, 0, filters));
  return JSON.stringify(args.map(json));
}

/** `path` begins with the number of the argument. */
function plain(value, path, depth, filters) {
  const within = filters.includes(path) ? EVERYWHERE : filters;
  switch (typeof value) {
    case "string":
      if (within === EVERYWHERE && !value.isWellFormed()) refuse(path, LONE_SURROGATE);
      return value;
    case "undefined":
      if (filters === EVERYWHERE) refuse(path, UNDEFINED);
      return value;
    case "boolean":
      return value;
    case "number":
      if (!Number.isFinite(value)) refuse(path, `${value} is not a finite number`);
      return value;
    case "object":
      return value === null ? null : plainObject(value, path, depth + 1, within);
    default:
      return refuse(path, `a ${typeof value} cannot be stored`);
  }
}

/** What stands for one value. */
const BOXES = new Set(["Number", "String", "Boolean", "BigInt", "Symbol"]);

/** Whether an object is one of the language's or the platform's. They keep what they are elsewhere, and JSON makes `{}` of them. */
function isOfPlatform(value, kind) {
  const known = globalThis[kind];
  if (typeof known === "function") return value instanceof known;
  return /Iterator|Generator/.test(kind);
}

const UNDEFINED = "undefined in a filter would match everything; use null or leave it out";
/** What is said of text that cannot be kept as it is. */
export const LONE_SURROGATE =
  "the text has half of a character (a lone surrogate), which cannot be kept";

function plainObject(value, path, depth, filters) {
  if (depth > MAX_DEPTH) {
    throw new PlatformError(
      "DB_TOO_DEEP",
      `the value is nested more than ${MAX_DEPTH} levels deep, or holds itself`,
    );
  }
  if (Array.isArray(value)) {
    return Array.from(value, (item, place) => {
      if (item === undefined) refuse(at(path, place), "an item of an array cannot be undefined");
      return plain(item, at(path, place), depth, filters);
    });
  }
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) refuse(path, "the date is invalid");
    return value.toISOString();
  }
  if (value instanceof RegExp) {
    if (filters !== EVERYWHERE)
      refuse(path, "a regular expression cannot be stored; store its source");
    return {
      $regularExpression: { pattern: value.source, options: regexOptions(value, path) },
    };
  }
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return Array.from(value, (item, place) => plain(item, at(path, place), depth, filters));
  }
  if (typeof value.toJSON === "function") return plain(value.toJSON(), path, depth, filters);
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  if (BOXES.has(kind) && typeof value.valueOf() !== "object")
    return plain(value.valueOf(), path, depth, filters);
  if (kind !== "Object" && isOfPlatform(value, kind))
    refuse(path, `an object of kind ${kind} cannot be stored; turn it into an object or an array`);
  const copy = { __proto__: null };
  for (const name of Object.keys(value)) {
    const place = at(path, name);
    if (filters === EVERYWHERE && !name.isWellFormed()) refuse(place, LONE_SURROGATE);
    const field = plain(value[name], place, depth, filters);
    if (field !== undefined) copy[name] = field;
  }
  return copy;
}

function at(path, name) {
  return `${path}.${name}`;
}

/** The flags that mean the same to the database; `g`, `y`, `d` say how to search on, not what is found. */
function regexOptions(pattern, path) {
  if (pattern.flags.includes("v"))
    refuse(path, "regular expressions with the flag v are not understood");
  return [...pattern.flags].filter((flag) => "ims".includes(flag)).join("");
}

function refuse(path, reason) {
  const [, ...names] = path.split(".");
  const place = names.join(".").toWellFormed();
  throw new PlatformError("DB_VALUE_INVALID", place === "" ? reason : `${place}: ${reason}`);
}
