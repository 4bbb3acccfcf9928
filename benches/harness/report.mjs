/**
 * What a bench says at its end: tables and targets on stdout, one line in benches/results.
 */

import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { BENCHES, commit, machine } from "./machine.mjs";

/**
 * A figure that a bench must reach.
 *
 * @typedef {object} Target
 * @property {string} name what is compared, with its unit
 * @property {number} [figure] what was measured; missing where the runtime could not do it
 * @property {number} [atMost]
 * @property {number} [atLeast]
 * @property {string} [remark] what a reader must know to judge a miss
 */

/**
 * @param {string} title
 * @param {string[]} columns
 * @param {(string | number | undefined)[][]} rows
 */
export function printTable(title, columns, rows) {
  const lines = [columns, ...rows].map((row) => row.map((cell) => format(cell)));
  const widths = columns.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  console.log(`\n${title}`);
  for (const [first, ...rest] of lines) {
    const cells = rest.map((cell, index) => cell.padStart(widths[index + 1]));
    console.log(`  ${[first.padEnd(widths[0]), ...cells].join("  ")}`);
  }
}

/**
 * @param {Target[]} targets
 * @returns {(Target & { met: boolean })[]}
 */
export function judge(targets) {
  return targets.map((target) => ({ ...target, met: isMet(target) }));
}

/**
 * Prints targets as met or missed.
 *
 * @param {ReturnType<typeof judge>} targets
 */
export function printTargets(targets) {
  if (targets.length > 0) console.log("\ntargets");
  for (const { name, figure, atMost, atLeast, met, remark } of targets) {
    const bound =
      atMost === undefined ? `at least ${format(atLeast)}` : `at most ${format(atMost)}`;
    const suffix = remark ? ` (${remark})` : "";
    console.log(`  ${met ? "met   " : "MISSED"}  ${name}: ${format(figure)}, ${bound}${suffix}`);
  }
}

/**
 * Appends one line to benches/results/<name>.jsonl.
 *
 * @param {string} name of the bench
 * @param {object} result its versions, options, figures and targets
 * @returns {string} the file's path
 */
export function keep(name, result) {
  const directory = join(BENCHES, "results");
  const path = join(directory, `${name}.jsonl`);
  const line = { bench: name, at: new Date().toISOString(), ...commit(), machine: machine() };
  mkdirSync(directory, { recursive: true });
  appendFileSync(path, `${JSON.stringify({ ...line, ...result })}\n`);
  return path;
}

function isMet({ figure, atMost = Infinity, atLeast = -Infinity }) {
  return figure !== undefined && figure >= atLeast && figure <= atMost;
}

function format(cell) {
  if (cell === undefined) return "-";
  return typeof cell === "number" ? cell.toLocaleString("en", { maximumFractionDigits: 2 }) : cell;
}
