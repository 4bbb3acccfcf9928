// How `inspect` writes primitives, and the terminal colours it may use for them.

/** Opening and closing SGR codes. */
export const COLORS = Object.assign(Object.create(null), {
  reset: [0, 0],
  bold: [1, 22],
  dim: [2, 22],
  italic: [3, 23],
  underline: [4, 24],
  blink: [5, 25],
  inverse: [7, 27],
  hidden: [8, 28],
  strikethrough: [9, 29],
  black: [30, 39],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  magenta: [35, 39],
  cyan: [36, 39],
  white: [37, 39],
  gray: [90, 39],
  grey: [90, 39],
  redBright: [91, 39],
  greenBright: [92, 39],
  yellowBright: [93, 39],
  blueBright: [94, 39],
  magentaBright: [95, 39],
  cyanBright: [96, 39],
  whiteBright: [97, 39],
  bgBlack: [40, 49],
  bgRed: [41, 49],
  bgGreen: [42, 49],
  bgYellow: [43, 49],
  bgBlue: [44, 49],
  bgMagenta: [45, 49],
  bgCyan: [46, 49],
  bgWhite: [47, 49],
  bgGray: [100, 49],
});

/** Which colour each kind of text has. */
export const STYLES = Object.assign(Object.create(null), {
  special: "cyan",
  number: "yellow",
  bigint: "yellow",
  boolean: "yellow",
  undefined: "grey",
  null: "bold",
  string: "green",
  symbol: "green",
  date: "magenta",
  regexp: "red",
  module: "underline",
});

const UNPRINTABLE =
  /[\x00-\x1f'\\\x7f-\x9f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const SHORT_ESCAPES = {
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\f": "\\f",
  "\r": "\\r",
  "\\": "\\\\",
};

/** @param {string} text @returns {string} in the kind of quotes that needs the fewest escapes */
export function quote(text) {
  let mark = "'";
  if (text.includes("'")) {
    if (!text.includes('"')) mark = '"';
    else if (!text.includes("`") && !text.includes("${")) mark = "`";
  }
  const escaped = text.replace(UNPRINTABLE, (character) => {
    if (character === "'") return mark === "'" ? "\\'" : "'";
    if (SHORT_ESCAPES[character]) return SHORT_ESCAPES[character];
    const code = character.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, "0").toUpperCase()}`;
  });
  return `${mark}${escaped}${mark}`;
}

/**
 * @param {number | bigint} value
 * @param {boolean} separate groups digits by three
 * @returns {string}
 */
export function formatNumber(value, separate) {
  const suffix = typeof value === "bigint" ? "n" : "";
  if (Object.is(value, -0)) return "-0";
  const text = String(value);
  if (!separate || /[eIN]/.test(text)) return text + suffix;
  const [integer, fraction] = text.split(".");
  const grouped = integer.replace(/\B(?=(\d{3})+$)/g, "_");
  if (fraction === undefined) return grouped + suffix;
  return `${grouped}.${fraction.replace(/(\d{3})(?=\d)/g, "$1_")}`;
}

/** @param {object} run the inspection @param {unknown} value a primitive @returns {string} */
export function formatPrimitive(run, value) {
  switch (typeof value) {
    case "string":
      return formatString(run, value);
    case "number":
      return run.stylize(formatNumber(value, run.numericSeparator), "number");
    case "bigint":
      return run.stylize(formatNumber(value, run.numericSeparator), "bigint");
    case "symbol":
      return run.stylize(value.toString(), "symbol");
    case "boolean":
      return run.stylize(`${value}`, "boolean");
    case "undefined":
      return run.stylize("undefined", "undefined");
    default:
      return run.stylize("null", "null");
  }
}

function formatString(run, value) {
  let text = value;
  let trailer = "";
  if (text.length > run.maxStringLength) {
    const left = text.length - run.maxStringLength;
    text = text.slice(0, run.maxStringLength);
    trailer = `... ${left} more character${left > 1 ? "s" : ""}`;
  }
  const nested = run.enclosing.length > 0;
  const tooWide = text.length > 16 && text.length > run.breakLength - run.indentation - 4;
  if (run.compact !== true && nested && tooWide) {
    // A long text of several lines reads best with one literal to a line.
    const lines = text.split(/(?<=\n)/);
    const quoted = lines.map((line) => run.stylize(quote(line), "string"));
    return quoted.join(` +\n${" ".repeat(run.indentation + 2)}`) + trailer;
  }
  return run.stylize(quote(text), "string") + trailer;
}
