// `util.inspect`: a value as text for people. It follows Node's notation; where long arrays break
// into lines is its own choice. It never changes what it looks at, but getters named by
// `options.getters` and custom inspection functions do run. What a value does while it is looked at
// never makes `inspect` throw; only a custom inspection function that throws does.

import { invalidArgType } from "ext:orilla_web/node/internal/errors.js";
import { builtinForm } from "ext:orilla_web/node/internal/inspect/builtins.js";
import { layOut } from "ext:orilla_web/node/internal/inspect/layout.js";
import {
  formatPrimitive,
  quote,
  STYLES,
  COLORS,
} from "ext:orilla_web/node/internal/inspect/text.js";
import {
  constructorName,
  describeFunction,
  prefix,
} from "ext:orilla_web/node/internal/inspect/names.js";
import { formatError } from "ext:orilla_web/node/internal/inspect/errors.js";
import { behindProxies, read, readText } from "ext:orilla_web/node/internal/inspect/reading.js";
import { getProxyDetails, isProxy } from "ext:orilla_web/node_host.js";
import { isArgumentsObject, isNativeError } from "node:util/types";

const custom = Symbol.for("nodejs.util.inspect.custom");
/** The platform's own objects (Headers, Response, streams) say under this key what they show. */
const platformCustom = Symbol.for("Deno.privateCustomInspect");
/**
 * Levels that are shown whatever `depth` says: about half a stack. V8 may give up the whole process
 * when it compiles a regular expression at the very end of one, so that nothing here goes there.
 */
const MAX_LEVELS = 1000;
/** What V8 says when the stack is used up, because the app's own calls have taken most of it. */
const TOO_DEEP = "Maximum call stack size exceeded";
const IDENTIFIER = /^[a-zA-Z_][a-zA-Z_0-9]*$/;

const defaultOptions = {
  showHidden: false,
  depth: 2,
  colors: false,
  customInspect: true,
  showProxy: false,
  maxArrayLength: 100,
  maxStringLength: 10_000,
  breakLength: 80,
  compact: 3,
  sorted: false,
  getters: false,
  numericSeparator: false,
};

/**
 * @typedef {typeof defaultOptions & { stylize?: (text: string, style: string) => string }}
 *   InspectOptions
 */

/** One run of `inspect`: the options, and where in the value the run stands. */
class Inspection {
  constructor(options) {
    Object.assign(this, defaultOptions, options);
    this.depth ??= Infinity;
    this.maxArrayLength ??= Infinity;
    this.maxStringLength ??= Infinity;
    this.userOptions = options;
    /** Objects that enclose the current one. */
    this.enclosing = [];
    /** Objects found to contain themselves, with the number they are shown under. */
    this.circular = new Map();
    this.indentation = 0;
    this.currentDepth = 0;
    /** What a custom inspection function threw. */
    this.thrown = null;
  }

  stylize(text, style) {
    const codes = this.colors && COLORS[STYLES[style]];
    return codes ? `\x1b[${codes[0]}m${text}\x1b[${codes[1]}m` : text;
  }

  /** @param {unknown} value @param {number} level how many objects enclose it */
  format(value, level) {
    if (value === null || (typeof value !== "object" && typeof value !== "function")) {
      return formatPrimitive(this, value);
    }
    if (level > MAX_LEVELS) return this.formatInterrupted(value, TOO_DEEP);
    const { indentation } = this;
    const depth = this.enclosing.length;
    try {
      if (this.showProxy && isProxy(value)) return this.formatProxy(value, level);
      const object = behindProxies(value);
      if (object === null) return this.stylize("<Revoked Proxy>", "special");
      const customised = this.customInspect ? this.callCustom(object, level, value) : undefined;
      if (customised !== undefined) return customised;
      if (this.enclosing.includes(object)) {
        if (!this.circular.has(object)) this.circular.set(object, this.circular.size + 1);
        return this.stylize(`[Circular *${this.circular.get(object)}]`, "special");
      }
      return this.formatObject(object, level);
    } catch (error) {
      const message = read(Object(error), "message");
      if (this.thrown?.error === error && message !== TOO_DEEP) throw error;
      this.indentation = indentation;
      this.enclosing.length = depth;
      return this.formatInterrupted(value, message);
    }
  }

  /** What is left to say of a value that does not let itself be looked at. */
  formatInterrupted(value, message) {
    const object = behindProxies(value);
    const name = (object && constructorName(object)) ?? "Object: null prototype";
    const reason = typeof message === "string" ? ` ${message}.` : "";
    const text = `[${name}: Inspection interrupted prematurely.${reason}]`;
    return this.stylize(text, "special");
  }

  /** Shows the proxy itself instead of what it stands for. */
  formatProxy(proxy, level) {
    const [target, handler] = getProxyDetails(proxy);
    if (target === null) return this.stylize("<Revoked Proxy>", "special");
    if (level > this.depth) return this.stylize("Proxy [Array]", "special");
    const entries = [target, handler].map((part) => this.formatNested(part, level + 1));
    return layOut(this, { entries, base: "", open: "Proxy [", close: "]", level: level + 1 });
  }

  /** @param {object} value @param {number} level @param {object} receiver the proxy or the value */
  callCustom(value, level, receiver) {
    const method = appForm(value) ?? platformForm(value);
    // A class's prototype shows its own members; the method is there for its instances.
    if (typeof method !== "function" || method === inspect) return undefined;
    const constructor = read(value, "constructor");
    if (constructor && read(constructor, "prototype") === value) return undefined;
    const depth = this.depth === Infinity ? this.userOptions.depth : this.depth - level;
    const options = { ...defaultOptions, ...this.userOptions, depth };
    options.stylize = (text, style) => this.stylize(String(text), style);
    let result;
    try {
      result = method.call(receiver, depth, options, inspect);
    } catch (error) {
      this.thrown = { error };
      throw error;
    }
    if (result === receiver) return undefined;
    if (result === null || typeof result !== "object") {
      if (typeof result !== "string") return formatPrimitive(this, result);
      return result.replaceAll("\n", `\n${" ".repeat(this.indentation)}`);
    }
    return this.format(result, level);
  }

  formatObject(value, level) {
    const form = this.formOf(value);
    if (form.text !== undefined) return form.text;
    const { keys } = form;
    if (level > this.depth) {
      const name = prefix(constructorName(value), form.tag, form.fallback ?? "Object").slice(0, -1);
      return this.stylize(`[${Array.isArray(value) ? "Array" : name}]`, "special");
    }
    this.enclosing.push(value);
    this.currentDepth = level + 1;
    const entries = form.entries ? form.entries(this, level + 1) : [];
    for (const key of keys) entries.push(this.formatProperty(value, key, level + 1, form.isList));
    this.enclosing.pop();

    let { base = "" } = form;
    if (this.circular.has(value)) {
      const reference = this.stylize(`<ref *${this.circular.get(value)}>`, "special");
      base = base === "" ? reference : `${reference} ${base}`;
    }
    if (this.sorted)
      sortEntries(entries, this.sorted, form.isList ? entries.length - keys.length : 0);
    return layOut(this, {
      entries,
      base,
      open: form.open,
      close: form.close,
      isList: form.isList,
      level: level + 1,
    });
  }

  /** Decides on brackets, the text in front of them, and what goes between them. */
  formOf(value) {
    const name = constructorName(value);
    let tag = read(value, Symbol.toStringTag);
    const keys = this.keysOf(value);
    if (typeof tag !== "string" || tag === name || keys.includes(Symbol.toStringTag)) tag = "";

    const builtin = builtinForm(this, value, name, tag, keys);
    if (builtin) return builtin;
    if (isArgumentsObject(value)) {
      const base = "[Arguments]";
      return keys.length === 0
        ? { text: `${base} {}` }
        : { keys, tag, base, open: "{", close: "}" };
    }
    if (typeof value === "function") {
      const base = describeFunction(value, name, tag);
      if (keys.length === 0) return { text: this.stylize(base, "special") };
      return { keys, tag, base, open: "{", close: "}" };
    }
    if (isNativeError(value) || value instanceof Error) {
      const { text, extraKeys } = formatError(this, value, name, keys);
      if (extraKeys.length === 0) return { text };
      return { keys: extraKeys, tag, base: text, open: "{", close: "}" };
    }
    const plain = name === "Object" && tag === "";
    const open = plain ? "{" : `${prefix(name, tag, "Object")}{`;
    if (keys.length === 0) return { text: `${open}}` };
    return { keys, tag, open, close: "}" };
  }

  /** Enumerable own keys; for lists the caller leaves the indices out. */
  keysOf(value) {
    const all = Reflect.ownKeys(value);
    if (this.showHidden) return all;
    return all.filter((key) => isEnumerable(value, key));
  }

  /** Formats an entry of a list, map or set, two columns further in. */
  formatNested(value, level) {
    this.indentation += 2;
    const text = this.format(value, level);
    this.indentation -= 2;
    return text;
  }

  formatProperty(object, key, level, isList = false) {
    const descriptor = describe(object, key);
    const text = descriptor.uninitialized
      ? this.stylize("<uninitialized>", "special")
      : this.formatDescriptor(object, descriptor, level);
    if (isList && typeof key === "string" && /^(0|[1-9]\d*)$/.test(key)) return text;
    return `${this.formatKey(key, descriptor.enumerable)}: ${text}`;
  }

  formatKey(key, enumerable) {
    if (typeof key === "symbol") return `[${this.stylize(key.toString(), "symbol")}]`;
    if (key === "__proto__") return "['__proto__']";
    if (!enumerable) return `[${key}]`;
    if (IDENTIFIER.test(key)) return this.stylize(key, "name");
    return this.stylize(quote(key), "string");
  }

  formatDescriptor(object, descriptor, level) {
    if ("value" in descriptor) return this.formatNested(descriptor.value, level);
    const { get, set } = descriptor;
    if (get === undefined)
      return this.stylize(set ? "[Setter]" : "undefined", set ? "special" : "undefined");
    const label = set ? "Getter/Setter" : "Getter";
    const wanted =
      this.getters === true || (this.getters === "get" && !set) || (this.getters === "set" && set);
    if (!wanted) return this.stylize(`[${label}]`, "special");
    let result;
    try {
      result = get.call(object);
    } catch (error) {
      const message = error === null ? undefined : readText(Object(error), "message");
      return this.stylize(`[${label}: <Inspection threw (${message})>]`, "special");
    }
    if (result !== null && typeof result === "object") {
      return `${this.stylize(`[${label}]`, "special")} ${this.formatNested(result, level)}`;
    }
    return this.stylize(`[${label}: ${this.format(result, level)}]`, "special");
  }
}

// A variable that a module exports can be looked at before it has a value: then even to ask throws.
function isEnumerable(object, key) {
  try {
    return Object.prototype.propertyIsEnumerable.call(object, key);
  } catch {
    return true;
  }
}

function describe(object, key) {
  try {
    const found = Object.getOwnPropertyDescriptor(object, key);
    return found ?? { value: object[key], enumerable: true };
  } catch {
    return { uninitialized: true, enumerable: true };
  }
}

/** Of the platform's classes some have this method beside their own, which is the one to call with care. */
function appForm(value) {
  const method = read(value, custom);
  if (method === undefined || read(value, platformCustom) === undefined) return method;
  let holder = value;
  while (holder !== null && !Object.hasOwn(holder, custom)) holder = Object.getPrototypeOf(holder);
  return holder !== null && Object.hasOwn(holder, platformCustom) ? undefined : method;
}

function platformForm(value) {
  const method = read(value, platformCustom);
  if (typeof method !== "function") return undefined;
  return (_depth, options) => {
    try {
      return method.call(value, inspect, options);
    } catch {
      return value; // it only inherits from one of the platform's objects
    }
  };
}

function sortEntries(entries, order, from) {
  const tail = entries.splice(from);
  entries.push(...tail.sort(typeof order === "function" ? order : undefined));
}

/**
 * Shows a value as text.
 * @param {unknown} value
 * @param {Partial<InspectOptions> | boolean} [options] a boolean stands for `showHidden`
 * @param {number | null} [depth] the old positional form
 * @param {boolean} [colors]
 * @returns {string}
 */
export function inspect(value, options, depth, colors) {
  let given = options;
  if (options === null || typeof options !== "object") {
    given = {};
    if (typeof options === "boolean") given.showHidden = options;
    if (depth !== undefined) given.depth = depth;
    if (colors !== undefined) given.colors = colors;
  }
  return new Inspection(given).format(value, 0);
}

inspect.custom = custom;
inspect.colors = COLORS;
inspect.styles = STYLES;
Object.defineProperty(inspect, "defaultOptions", {
  get: () => defaultOptions,
  set(options) {
    if (options === null || typeof options !== "object") {
      throw invalidArgType("options", "of type object", options);
    }
    Object.assign(defaultOptions, options);
  },
});
