// `console`: formats as the Console Standard asks and hands each line to the host's structured log, which adds the app
// and the request. Never writes to a stream itself. Plain JavaScript, so that using it does not prevent a snapshot.
import { core } from "ext:core/mod.js";
import { op_console_write } from "ext:core/ops";
import { currentFrame } from "ext:orilla_web/async_context.js";

const { inspect, inspectArgs } = core.loadExtScript("ext:deno_web/01_console.js");

/** Log levels as the host knows them. */
const DEBUG = 0,
  INFO = 1,
  WARN = 2,
  ERROR = 3;

const OPTIONS = { colors: false };

/** How far the lines of an invocation are indented; 0 stands for module scope. A group ends with its invocation at the latest. */
const indents = new Map();
/** Invocations whose indentation is kept; the one that has had its for longest loses it. */
const MAX_INDENTED = 1000;
/** Most spaces before a line. */
const MAX_INDENT = 100;
const counts = new Map();
const timers = new Map();

function invocation() {
  return currentFrame()?.invocation ?? 0;
}

function write(level, text) {
  const indent = indents.size === 0 ? undefined : indents.get(invocation());
  op_console_write(
    level,
    indent === undefined ? text : indent + text.replaceAll("\n", `\n${indent}`),
  );
}

function indentTo(indent) {
  const key = invocation();
  if (indent === "") return void indents.delete(key);
  indents.set(key, indent.slice(0, MAX_INDENT));
  if (indents.size > MAX_INDENTED) indents.delete(indents.keys().next().value);
}

function print(level, args) {
  if (args.length === 1 && typeof args[0] === "string") write(level, args[0]);
  else write(level, shown(args));
}

/** No value keeps a request from going on because it cannot be shown. */
function shown(args) {
  try {
    return inspectArgs(args, OPTIONS);
  } catch (error) {
    return args.length > 1
      ? args.map((arg) => shown([arg])).join(" ")
      : `<a value that cannot be shown: ${describe(error)}>`;
  }
}

function describe(error) {
  try {
    return String(error);
  } catch {
    return "it throws";
  }
}

function elapsed(label) {
  const started = timers.get(label);
  if (started === undefined) return null;
  const milliseconds = performance.now() - started;
  return `${label}: ${milliseconds.toFixed(3)} ms`;
}

/** Rows of `console.table`: an index column, a column for each key, a column for values that have none. */
function tableText(data, only) {
  const rows = data instanceof Map || data instanceof Set ? [...data] : Object.values(data);
  const names =
    data instanceof Map || data instanceof Set ? rows.map((_, i) => i) : Object.keys(data);
  const columns = [];
  let hasValues = false;
  for (const row of rows) {
    if (row === null || typeof row !== "object") hasValues = true;
    else for (const key of Object.keys(row)) if (!columns.includes(key)) columns.push(key);
  }
  const shown = only ?? columns;
  const header = ["(index)", ...shown, ...(hasValues ? ["Values"] : [])];
  const lines = rows.map((row, i) => {
    const isObject = row !== null && typeof row === "object";
    const cells = shown.map((key) =>
      isObject && key in row ? inspect(row[key], { ...OPTIONS, depth: 0 }) : "",
    );
    return [
      String(names[i]),
      ...cells,
      ...(hasValues ? [isObject ? "" : inspect(row, OPTIONS)] : []),
    ];
  });
  const widths = header.map((title, i) =>
    Math.max(title.length, ...lines.map((line) => line[i].length)),
  );
  const text = (cells) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |`;
  return [text(header), text(widths.map((width) => "-".repeat(width))), ...lines.map(text)].join(
    "\n",
  );
}

const methods = {
  log(...args) {
    print(INFO, args);
  },
  info(...args) {
    print(INFO, args);
  },
  debug(...args) {
    print(DEBUG, args);
  },
  warn(...args) {
    print(WARN, args);
  },
  error(...args) {
    print(ERROR, args);
  },
  dir(value = undefined, options = undefined) {
    write(INFO, inspect(value, { ...OPTIONS, ...options }));
  },
  dirxml(...args) {
    print(INFO, args);
  },
  assert(condition = false, ...args) {
    if (condition) return;
    if (typeof args[0] === "string") args[0] = `Assertion failed: ${args[0]}`;
    else args.unshift("Assertion failed");
    print(ERROR, args);
  },
  trace(...args) {
    const holder = { name: "Trace", message: inspectArgs(args, OPTIONS) };
    Error.captureStackTrace(holder, methods.trace);
    write(DEBUG, holder.stack);
  },
  table(data = undefined, columns = undefined) {
    if (data === null || typeof data !== "object") print(INFO, [data]);
    else write(INFO, tableText(data, columns));
  },
  count(label = "default") {
    label = String(label);
    const count = (counts.get(label) ?? 0) + 1;
    counts.set(label, count);
    write(INFO, `${label}: ${count}`);
  },
  countReset(label = "default") {
    label = String(label);
    if (!counts.delete(label)) write(WARN, `Count for '${label}' does not exist`);
  },
  time(label = "default") {
    label = String(label);
    if (timers.has(label)) write(WARN, `Timer '${label}' already exists`);
    else timers.set(label, performance.now());
  },
  timeLog(label = "default", ...args) {
    label = String(label);
    const text = elapsed(label);
    if (text === null) write(WARN, `Timer '${label}' does not exist`);
    else print(INFO, [text, ...args]);
  },
  timeEnd(label = "default") {
    label = String(label);
    const text = elapsed(label);
    timers.delete(label);
    if (text === null) write(WARN, `Timer '${label}' does not exist`);
    else write(INFO, text);
  },
  group(...args) {
    if (args.length > 0) print(INFO, args);
    indentTo(`${indents.get(invocation()) ?? ""}  `);
  },
  groupCollapsed(...args) {
    methods.group(...args);
  },
  groupEnd() {
    indentTo((indents.get(invocation()) ?? "").slice(2));
  },
  clear() {
    indentTo("");
  },
  profile() {},
  profileEnd() {},
  timeStamp() {},
};

/** The global `console`: a namespace object whose prototype is an empty object, as the standard has it. */
export const console = Object.assign(Object.create({}), methods);
Object.defineProperty(console, Symbol.toStringTag, { value: "console", configurable: true });
