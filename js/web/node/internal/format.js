// `util.format`: printf-like text.

import { inspect } from "ext:orilla_web/node/internal/inspect.js";
import { behindProxies, read } from "ext:orilla_web/node/internal/inspect/reading.js";
import { formatNumber } from "ext:orilla_web/node/internal/inspect/text.js";

/**
 * @param {object} options as of `inspect`
 * @param {...unknown} args a template with `%s %d %i %f %j %o %O %c %%`, then its values; what is
 *   left over is added, separated by spaces
 * @returns {string}
 */
export function formatWithOptions(options, ...args) {
  let next = 0;
  let text = "";
  if (typeof args[0] === "string") {
    next = 1;
    text =
      args.length === 1
        ? args[0]
        : args[0].replace(/%([sdifjoOc%])/g, (match, directive) => {
            if (directive === "%") return "%";
            if (next >= args.length) return match;
            return formatOne(directive, args[next++], options);
          });
  }
  const rest = args
    .slice(next)
    .map((value) =>
      typeof value === "string"
        ? value
        : inspect(value, { ...options, compact: 3, depth: options.depth ?? 2 }),
    );
  return next === 0 ? rest.join(" ") : [text, ...rest].join(" ");
}

/** @param {...unknown} args see `formatWithOptions` @returns {string} */
export function format(...args) {
  return formatWithOptions({}, ...args);
}

function formatOne(directive, value, options) {
  switch (directive) {
    case "s":
      return formatAsString(value, options);
    case "d":
      if (typeof value === "bigint") return formatNumber(value, false);
      return typeof value === "symbol" ? "NaN" : formatNumber(Number(value), false);
    case "i":
      if (typeof value === "bigint") return formatNumber(value, false);
      return typeof value === "symbol" ? "NaN" : formatNumber(Number.parseInt(value, 10), false);
    case "f":
      return typeof value === "symbol" ? "NaN" : formatNumber(Number.parseFloat(value), false);
    case "j":
      return toJson(value);
    case "o":
      return inspect(value, { ...options, showHidden: true, showProxy: true, depth: 4 });
    case "O":
      return inspect(value, options);
    default:
      return ""; // %c takes its argument, a style for browsers, and shows nothing
  }
}

function formatAsString(value, options) {
  if (typeof value === "number" || typeof value === "bigint") return formatNumber(value, false);
  const isObject = value !== null && typeof value === "object";
  const isRevoked = typeof value === "function" && behindProxies(value) === null;
  if ((!isObject && !isRevoked) || hasOwnText(value)) return String(value);
  return inspect(value, { ...options, depth: 0, colors: false, compact: 3 });
}

/** Whether somebody other than the language said how the object becomes text. */
function hasOwnText(value) {
  const object = behindProxies(value);
  if (object === null) return false;
  return [Symbol.toPrimitive, "toString"].some((key) => {
    const method = read(object, key);
    if (typeof method !== "function") return false;
    return !Function.prototype.toString.call(method).includes("[native code]");
  });
}

function toJson(value) {
  try {
    return String(JSON.stringify(value));
  } catch (error) {
    if (error instanceof TypeError && /circular/i.test(error.message)) return "[Circular]";
    throw error;
  }
}
