// How `inspect` shows errors: the stack, with the class's own name, then any further properties.

import { read, readText } from "ext:orilla_web/node/internal/inspect/reading.js";

/**
 * @param {object} run the inspection
 * @param {Error} error
 * @param {string | null} name its class
 * @param {(string | symbol)[]} keys its enumerable keys
 * @returns {{ text: string, extraKeys: (string | symbol)[] }} the stack, and keys it does not show
 */
export function formatError(run, error, name, keys) {
  const stack = read(error, "stack");
  let text = typeof stack === "string" && stack !== "" ? stack : headOf(error);
  text = withClassName(text, error, name);
  const extraKeys = keys.filter((key) => {
    if (run.showHidden || !["name", "message", "stack"].includes(key)) return true;
    const value = read(error, key);
    return value !== null && value !== undefined && !text.includes(readText(error, key));
  });
  for (const hidden of ["cause", "errors"]) {
    if (Object.hasOwn(error, hidden) && !extraKeys.includes(hidden)) extraKeys.push(hidden);
  }
  const frames = text.search(/\n\s+at /);
  if (frames === -1) text = `[${text}]`;
  if (run.indentation > 0) text = text.replaceAll("\n", `\n${" ".repeat(run.indentation)}`);
  return { text, extraKeys };
}

function headOf(error) {
  const parts = [readText(error, "name") ?? "Error", readText(error, "message")];
  return parts.filter(Boolean).join(": ");
}

const NATIVE_NAME = /^(Aggregate|Eval|Range|Reference|Syntax|Type|URI)?Error$/;

/**
 * The stack begins with the name the error had when it was made, often only that of a base class.
 */
function withClassName(stack, error, name) {
  const ownName = readText(error, "name") || "Error";
  let label = ownName;
  if (name === null) label = `[${ownName}: null prototype]`;
  else if (NATIVE_NAME.test(ownName))
    label = name.endsWith(ownName) ? name : `${name} [${ownName}]`;
  const head = /^[A-Z][\w$]*(?=:|\n|$)/.exec(stack)?.[0];
  const replaceable = head === ownName || NATIVE_NAME.test(head);
  return replaceable ? label + stack.slice(head.length) : stack;
}
