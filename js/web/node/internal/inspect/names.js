// What `inspect` writes in front of an object: its class, its tag, and what a function is.

import { behindProxies, readText } from "ext:orilla_web/node/internal/inspect/reading.js";

/**
 * @param {object} value
 * @returns {string | null} the class; null when the prototype chain is empty
 */
export function constructorName(value) {
  for (let object = value; object !== null; object = parentOf(object)) {
    const descriptor = Object.getOwnPropertyDescriptor(object, "constructor");
    const constructor = descriptor?.value;
    if (typeof constructor !== "function") continue;
    const name = readText(constructor, "name");
    if (name && isInstance(value, constructor)) return name;
  }
  return null;
}

function parentOf(object) {
  return behindProxies(Object.getPrototypeOf(object));
}

function isInstance(value, constructor) {
  try {
    return value instanceof constructor;
  } catch {
    return false;
  }
}

/**
 * @param {string | null} name the class
 * @param {string} tag its `Symbol.toStringTag`, or nothing
 * @param {string} fallback what to call it without a class
 * @param {string} [size] for instance `(3)`
 * @returns {string} with a space at its end
 */
export function prefix(name, tag, fallback, size = "") {
  const label = name === null ? `[${fallback}${size}: null prototype]` : `${name}${size}`;
  const shown = tag !== "" && tag !== (name ?? fallback) ? ` [${tag}]` : "";
  return `${label}${shown} `;
}

/**
 * @param {Function} fn
 * @param {string | null} name its class
 * @param {string} tag
 * @returns {string}
 */
export function describeFunction(fn, name, tag) {
  const source = Function.prototype.toString.call(fn);
  if (source.startsWith("class") && source.endsWith("}")) return describeClass(fn, name, tag);
  const kind = /^(Async)?(Generator)?Function$/.exec(
    Object.prototype.toString.call(fn).slice(8, -1),
  );
  let type = `${kind?.[1] ?? ""}${kind?.[2] ?? ""}Function`;
  if (name === null) type += " (null prototype)";
  const ownName = readText(fn, "name");
  const label = ownName ? `[${type}: ${ownName}]` : `[${type} (anonymous)]`;
  const ownClass = name !== type && name !== null ? ` ${name}` : "";
  return `${label}${ownClass}${tag !== "" && name !== tag ? ` [${tag}]` : ""}`;
}

function describeClass(fn, name, tag) {
  const ownName = Object.hasOwn(fn, "name") && readText(fn, "name");
  const own = ownName ? ` ${ownName}` : " (anonymous)";
  const kind = name !== "Function" && name !== null ? ` [${name}]` : "";
  const tagged = tag !== "" && name !== tag ? ` [${tag}]` : "";
  const parent = parentOf(fn);
  const parentName = parent && readText(parent, "name");
  const extended = name === null ? "[null prototype]" : parentName;
  const heritage = extended ? ` extends ${extended}` : "";
  return `[class${own}${kind}${tagged}${heritage}]`;
}
