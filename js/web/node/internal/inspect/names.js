// What `inspect` writes in front of an object: its class, its tag, and what a function is.

/**
 * @param {object} value
 * @returns {string | null} the class; null when the prototype chain is empty
 */
export function constructorName(value) {
  for (let object = value; object !== null; object = Object.getPrototypeOf(object)) {
    const descriptor = Object.getOwnPropertyDescriptor(object, "constructor");
    const constructor = descriptor?.value;
    if (
      typeof constructor === "function" &&
      constructor.name !== "" &&
      isInstance(value, constructor)
    ) {
      return String(constructor.name);
    }
  }
  return null;
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
  const label = fn.name === "" ? `[${type} (anonymous)]` : `[${type}: ${fn.name}]`;
  const ownClass = name !== type && name !== null ? ` ${name}` : "";
  return `${label}${ownClass}${tag !== "" && name !== tag ? ` [${tag}]` : ""}`;
}

function describeClass(fn, name, tag) {
  const own = Object.hasOwn(fn, "name") && fn.name ? ` ${fn.name}` : " (anonymous)";
  const kind = name !== "Function" && name !== null ? ` [${name}]` : "";
  const tagged = tag !== "" && name !== tag ? ` [${tag}]` : "";
  const parent = name === null ? null : Object.getPrototypeOf(fn);
  const heritage =
    name === null ? " extends [null prototype]" : parent?.name ? ` extends ${parent.name}` : "";
  return `[class${own}${kind}${tagged}${heritage}]`;
}
