// `assert.AssertionError`: what was found beside what was expected.

import { inspect } from "ext:orilla_web/node/internal/inspect.js";
import { validateObject } from "ext:orilla_web/node/internal/validate.js";

const HEADINGS = {
  deepStrictEqual: "Expected values to be strictly deep-equal:",
  strictEqual: "Expected values to be strictly equal:",
  deepEqual: "Expected values to be loosely deep-equal:",
  notDeepStrictEqual: 'Expected "actual" not to be strictly deep-equal to:',
  notStrictEqual: 'Expected "actual" to be strictly unequal to:',
  notDeepEqual: 'Expected "actual" not to be loosely deep-equal to:',
};
/** Lines of a difference that are shown. */
const MAX_LINES = 50;
/** Values up to this long together are shown on one line. */
const ONE_LINE = 70;

function show(value) {
  return inspect(value, {
    compact: false,
    depth: 1000,
    maxArrayLength: Infinity,
    sorted: true,
    getters: true,
  });
}

/** Thrown by every failed assertion. */
export class AssertionError extends Error {
  /**
   * @param {{ message?: string, actual?: unknown, expected?: unknown, operator?: string,
   *   stackStartFn?: Function }} options
   */
  constructor(options) {
    validateObject(options, "options");
    const { message, actual, expected, operator = "fail", stackStartFn } = options;
    super(message === undefined ? describe(actual, expected, operator) : String(message));
    Object.defineProperty(this, "name", {
      value: "AssertionError",
      writable: true,
      configurable: true,
    });
    this.generatedMessage = message === undefined;
    this.code = "ERR_ASSERTION";
    this.actual = actual;
    this.expected = expected;
    this.operator = operator;
    Error.captureStackTrace?.(this, stackStartFn ?? AssertionError);
  }

  toString() {
    return `${this.name} [${this.code}]: ${this.message}`;
  }
}

function describe(actual, expected, operator) {
  const heading = HEADINGS[operator];
  if (heading === undefined) return `${inspect(actual)} ${operator} ${inspect(expected)}`;
  if (operator.startsWith("not")) return `${heading}\n\n${show(actual)}\n`;
  const [found, wanted] = [show(actual), show(expected)];
  const isShort = !`${found}${wanted}`.includes("\n") && found.length + wanted.length < ONE_LINE;
  if (isShort && found !== wanted) return `${heading}\n\n${found} !== ${wanted}\n`;
  if (found === wanted) {
    const problem = "but they are not reference-equal or of one prototype";
    return `${heading.replace(":", "")} ${problem}:\n\n${found}\n`;
  }
  const lines = difference(found.split("\n"), wanted.split("\n"));
  const shown = lines.length > MAX_LINES ? [...lines.slice(0, MAX_LINES), "..."] : lines;
  return `${heading}\n+ actual - expected\n\n${shown.join("\n")}\n`;
}

/** Line by line: what both begin and end with stays, the middle is shown from either side. */
function difference(found, wanted) {
  let start = 0;
  while (start < Math.min(found.length, wanted.length) && found[start] === wanted[start]) start++;
  let end = 0;
  const left = Math.min(found.length, wanted.length) - start;
  while (end < left && found.at(-1 - end) === wanted.at(-1 - end)) end++;
  return [
    ...found.slice(0, start).map((line) => `  ${line}`),
    ...found.slice(start, found.length - end).map((line) => `+ ${line}`),
    ...wanted.slice(start, wanted.length - end).map((line) => `- ${line}`),
    ...found.slice(found.length - end).map((line) => `  ${line}`),
  ];
}
