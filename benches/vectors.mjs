/**
 * Vector search in the three ways the planner has: comparing all, comparing quantised vectors first, and a graph. The
 * program is ops/services/benches/vectors.rs; it has no network and no JavaScript in it.
 */

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { BENCHES } from "./harness/machine.mjs";
import { printTable } from "./harness/report.mjs";

const COMMAND = [
  "bench",
  "--locked",
  "--quiet",
  "--package",
  "orilla-services",
  "--bench",
  "vectors",
];

/** There is nothing to choose. */
export const defaults = {};

/** @returns {Promise<{ figures: object, targets: import("./harness/report.mjs").Target[] }>} */
export async function measure() {
  const stdio = ["ignore", "pipe", "inherit"];
  const output = execFileSync("cargo", COMMAND, {
    cwd: join(BENCHES, ".."),
    stdio,
    encoding: "utf8",
  });
  const { bench: _, ...figures } = JSON.parse(output.trim().split("\n").at(-1));
  const line = (name, { p50_ms, p95_ms, recall }) => [name, p50_ms, p95_ms, recall ?? ""];
  const one = figures.filtered.find(({ percent }) => percent === 1);
  printTable(
    `vectors: the ${figures.k} nearest of ${figures.vectors} with ${figures.dimensions} dimensions`,
    ["", "p50 ms", "p95 ms", "recall"],
    [
      line("float32, all compared", figures.exact),
      line("float32, quantised first", figures.quantised),
      line("float32, graph", figures.graph),
      line("int8, all compared", figures.int8_exact),
      line("int8, quantised first", figures.int8),
      line("a filter that keeps 1 %, by its rows", one.rows),
      line("a filter that keeps 1 %, tested on the way", one.test),
    ],
  );
  console.log(`  the graph is built in ${figures.graph_build_seconds.toFixed(1)} s`);
  return {
    figures,
    targets: [
      { name: "float32, all compared, p50 ms", figure: figures.exact.p50_ms, atMost: 15 },
      { name: "graph, p50 ms", figure: figures.graph.p50_ms, atMost: 2 },
      { name: "graph, recall", figure: figures.graph.recall, atLeast: 0.97 },
      { name: "int8, recall", figure: figures.int8.recall, atLeast: 0.98 },
      {
        name: `fewest found with a filter that keeps 1 %, of ${figures.k}`,
        figure: Math.min(one.rows.fewest, one.test.fewest),
        atLeast: figures.k,
      },
    ],
  };
}
