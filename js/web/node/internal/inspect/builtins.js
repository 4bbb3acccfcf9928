// The brackets and entries with which `inspect` shows the language's own objects. Those of the
// platform (URL, Headers and the like) bring their own inspection.

import { getPromiseDetails } from "ext:orilla_web/node_host.js";
import { prefix } from "ext:orilla_web/node/internal/inspect/names.js";
import { intrinsic, read } from "ext:orilla_web/node/internal/inspect/reading.js";
import { formatNumber, formatPrimitive } from "ext:orilla_web/node/internal/inspect/text.js";
import * as types from "node:util/types";

const INDEX = /^(0|[1-9]\d*)$/;
const PROMISE_STATES = ["pending", "fulfilled", "rejected"];

// What an object says of itself in these properties may be a subclass's invention.
const typedArrayLength = intrinsic(Object.getPrototypeOf(Uint8Array.prototype), "length");
const setSize = intrinsic(Set.prototype, "size");
const mapSize = intrinsic(Map.prototype, "size");

/**
 * @param {object} run the inspection
 * @param {object} value
 * @param {string | null} name its class
 * @param {string} tag
 * @param {(string | symbol)[]} keys
 * @returns {object | undefined} the form (finished `text`, or brackets, keys and an entries
 *   function);
 *   undefined when it is no built-in object
 */
export function builtinForm(run, value, name, tag, keys) {
  const label = (fallback, size) => prefix(name, tag, fallback, size);
  if (Array.isArray(value)) {
    const lead = name === "Array" && tag === "" ? "" : label("Array", `(${value.length})`);
    return list(`${lead}[`, withoutIndices(keys), arrayEntries(value), value.length, tag, "Array");
  }
  if (types.isTypedArray(value)) {
    const length = typedArrayLength(value);
    const open = `${label("Uint8Array", `(${length})`)}[`;
    return list(open, withoutIndices(keys), typedArrayEntries(value, length), length, tag);
  }
  if (types.isSet(value)) {
    const size = setSize(value);
    return group(`${label("Set", `(${size})`)}{`, keys, setEntries(value, size), size, tag, "Set");
  }
  if (types.isMap(value)) {
    const size = mapSize(value);
    return group(`${label("Map", `(${size})`)}{`, keys, mapEntries(value, size), size, tag, "Map");
  }
  if (types.isRegExp(value)) {
    return whole(
      run.stylize(RegExp.prototype.toString.call(value), "regexp"),
      name,
      tag,
      keys,
      "RegExp",
    );
  }
  if (types.isDate(value)) {
    const time = Date.prototype.getTime.call(value);
    const text = Number.isNaN(time) ? "Invalid Date" : Date.prototype.toISOString.call(value);
    return whole(run.stylize(text, "date"), name, tag, keys, "Date");
  }
  if (types.isAnyArrayBuffer(value)) {
    return group(`${label("ArrayBuffer")}{`, keys, arrayBufferEntries(value), 1, tag);
  }
  if (types.isDataView(value)) {
    const shown = ["byteLength", "byteOffset", "buffer"];
    const entries = (r, level) =>
      shown.map((key) => `${key}: ${r.formatNested(read(value, key), level)}`);
    return group(`${label("DataView")}{`, keys, entries, 1, tag);
  }
  const promise = types.isPromise(value) ? promiseDetails(value) : undefined;
  if (promise) return group(`${label("Promise")}{`, keys, promiseEntries(promise), 1, tag);
  if (types.isWeakSet(value) || types.isWeakMap(value)) {
    const entries = (r) => [r.stylize("<items unknown>", "special")];
    return group(`${label("WeakMap")}{`, keys, entries, 1, tag);
  }
  if (types.isBoxedPrimitive(value)) return boxed(run, value, name, tag, keys);
  if (types.isModuleNamespaceObject(value)) {
    return group("[Module: null prototype] {", keys, () => [], keys.length, "");
  }
  return undefined;
}

function withoutIndices(keys) {
  return keys.filter((key) => typeof key !== "string" || !INDEX.test(key));
}

function list(open, keys, entries, size, tag, fallback) {
  if (size === 0 && keys.length === 0) return { text: `${open}]` };
  return { keys, tag, fallback, open, close: "]", isList: true, entries };
}

function group(open, keys, entries, size, tag, fallback) {
  if (size === 0 && keys.length === 0) return { text: `${open}}` };
  return { keys, tag, fallback, open, close: "}", entries };
}

/** A value with a notation of its own, and braces only for properties that were added to it. */
function whole(text, name, tag, keys, expected) {
  const lead = name === expected ? "" : prefix(name, tag, expected);
  if (keys.length === 0) return { text: lead + text };
  return { keys, tag, base: lead + text, open: "{", close: "}" };
}

function boxed(run, value, name, tag, keys) {
  const primitive = primitiveOf(value);
  const type = Object(primitive).constructor.name;
  const isString = typeof primitive === "string";
  const named = name === type ? type : `${type} (${name ?? "null prototype"})`;
  const tagged = tag !== "" && tag !== name && tag !== type ? ` [${tag}]` : "";
  const unstyled = { ...run, enclosing: [], stylize: (text) => text };
  const text = `[${named}${tagged}: ${formatPrimitive(unstyled, primitive)}]`;
  const base = run.stylize(text, typeof primitive);
  const extra = isString ? withoutIndices(keys).filter((key) => key !== "length") : keys;
  return extra.length === 0 ? { text: base } : { keys: extra, tag, base, open: "{", close: "}" };
}

function primitiveOf(boxedValue) {
  for (const { prototype } of [Number, String, Boolean, BigInt, Symbol]) {
    try {
      return prototype.valueOf.call(boxedValue);
    } catch {
      // It is one of the others.
    }
  }
  return undefined;
}

function more(count) {
  return `... ${count} more item${count > 1 ? "s" : ""}`;
}

function arrayEntries(array) {
  return (run, level) => {
    const entries = [];
    let i = 0;
    for (; i < array.length && entries.length < run.maxArrayLength; i++) {
      if (Object.hasOwn(array, i)) {
        entries.push(run.formatProperty(array, String(i), level, true));
        continue;
      }
      const start = i;
      i = nextIndex(array, i) - 1;
      const holes = i - start + 1;
      entries.push(run.stylize(`<${holes} empty item${holes > 1 ? "s" : ""}>`, "undefined"));
    }
    if (i < array.length) entries.push(more(array.length - i));
    return entries;
  };
}

/** The first index above `from` that the array has, without walking a long hole step by step. */
function nextIndex(array, from) {
  for (const key of Object.keys(array)) {
    if (!INDEX.test(key)) break;
    if (Number(key) > from) return Number(key);
  }
  return array.length;
}

function typedArrayEntries(array, length) {
  return (run) => {
    const shown = Math.min(length, run.maxArrayLength);
    const style = typeof array[0] === "bigint" ? "bigint" : "number";
    const entries = Array.from({ length: shown }, (_, i) =>
      run.stylize(formatNumber(array[i], run.numericSeparator), style),
    );
    if (shown < length) entries.push(more(length - shown));
    return entries;
  };
}

function setEntries(set, size) {
  return (run, level) => {
    const entries = [];
    for (const item of Set.prototype.values.call(set)) {
      if (entries.length >= run.maxArrayLength) break;
      entries.push(run.formatNested(item, level));
    }
    if (entries.length < size) entries.push(more(size - entries.length));
    return entries;
  };
}

function mapEntries(map, size) {
  return (run, level) => {
    const entries = [];
    for (const [key, item] of Map.prototype.entries.call(map)) {
      if (entries.length >= run.maxArrayLength) break;
      entries.push(`${run.formatNested(key, level)} => ${run.formatNested(item, level)}`);
    }
    if (entries.length < size) entries.push(more(size - entries.length));
    return entries;
  };
}

function arrayBufferEntries(buffer) {
  return (run, level) => {
    const all = bytesIn(buffer);
    const size = `byteLength: ${run.formatNested(all?.length ?? 0, level)}`;
    if (all === undefined) return [run.stylize("(detached)", "special"), size];
    const shown = Math.min(run.maxArrayLength, 50, all.length);
    const bytes = Array.from(all.subarray(0, shown), (byte) => byte.toString(16).padStart(2, "0"));
    const left = all.length - shown;
    const rest = left > 0 ? ` ... ${left} more byte${left > 1 ? "s" : ""}` : "";
    return [`${run.stylize("[Uint8Contents]", "special")}: <${bytes.join(" ")}${rest}>`, size];
  };
}

function bytesIn(buffer) {
  try {
    return new Uint8Array(buffer);
  } catch {
    return undefined; // its memory was handed over to somebody else
  }
}

function promiseDetails(promise) {
  try {
    return getPromiseDetails(promise);
  } catch {
    return undefined; // it only inherits from one
  }
}

function promiseEntries([state, result]) {
  return (run, level) => {
    const name = PROMISE_STATES[state];
    if (name === "pending") return [run.stylize("<pending>", "special")];
    const text = run.formatNested(result, level);
    return [name === "rejected" ? `${run.stylize("<rejected>", "special")} ${text}` : text];
  };
}
