/**
 * Runs benches one after the other, all of them by default. Usually called by `./dev bench`, which
 * builds first. A missed target is printed and is no failure.
 */

import { parseArgs } from "node:util";
import * as capacity from "./capacity.mjs";
import * as coldStart from "./cold-start.mjs";
import { CONTENDERS, versions } from "./harness/contenders.mjs";
import { loadAverage } from "./harness/machine.mjs";
import { judge, keep, printTargets } from "./harness/report.mjs";
import * as database from "./database.mjs";
import * as hello from "./hello.mjs";
import * as kv from "./kv.mjs";
import * as neighbours from "./neighbours.mjs";
import * as peers from "./peers.mjs";
import * as vectors from "./vectors.mjs";

const BENCHES = {
  capacity,
  "cold-start": coldStart,
  database,
  hello,
  kv,
  neighbours,
  peers,
  vectors,
};
const MAX = { runs: 1_000, rounds: 100, seconds: 60, apps: 5_000, documents: 10_000_000 };
/** Benches of the runtime without a peer. */
const ALONE = ["capacity", "database", "kv", "neighbours", "vectors"];
/** The load average above which other processes disturb the figures. */
const QUIET_LOAD = 0.5;
const USAGE = `usage: node benches/run.mjs [${Object.keys(BENCHES).join(" | ")}…] [options]

  --runs N              starts of each contender (cold-start, peers), at most ${MAX.runs}
  --rounds N            rounds over all contenders (database, hello, kv, neighbours, peers), at most ${MAX.rounds}
  --seconds N           of load in each measurement (capacity, hello, neighbours, peers), at most ${MAX.seconds}
  --apps N              that are deployed (capacity), at most ${MAX.apps}
  --documents N         in the large collection (database), at most ${MAX.documents}
  --contenders a,b,…    only these of ${CONTENDERS.join(", ")}
  --no-results          keep nothing in benches/results
`;

/** What the command line asks for is wrong. */
class UsageError extends Error {}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const wrongUsage = error instanceof UsageError || error.code?.startsWith("ERR_PARSE_ARGS");
  console.error(`bench: ${error.message}`);
  if (wrongUsage) console.error(`\n${USAGE}`);
  process.exitCode = wrongUsage ? 2 : 1;
}

async function main(args) {
  const { names, options, help, results } = readArguments(args);
  if (help) return console.log(USAGE);
  const load = loadAverage();
  if (load > QUIET_LOAD) {
    console.error(
      `bench: the load average is ${load}: what else runs, or ran just now, adds noise`,
    );
  }
  for (const name of names) {
    const result = { load_average: load, ...(await bench(name, options)) };
    if (results) console.log(`\nkept in ${keep(name, result)}`);
  }
}

/** Runs one bench and prints its targets. */
async function bench(name, given) {
  const { defaults, measure } = BENCHES[name];
  const options = { ...defaults };
  for (const key of Object.keys(defaults)) options[key] = given[key] ?? defaults[key];
  const contenders = ALONE.includes(name) ? ["runtime"] : given.contenders;
  console.log(`\n── ${name}: ${JSON.stringify(options)}`);
  const { figures, targets } = await measure({ ...options, contenders });
  const judged = judge(targets);
  printTargets(judged);
  return { versions: versions(contenders), options, figures, targets: judged };
}

function readArguments(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      help: { type: "boolean", short: "h" },
      runs: { type: "string" },
      documents: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      apps: { type: "string" },
      contenders: { type: "string" },
      "no-results": { type: "boolean" },
    },
  });
  return {
    names: known(positionals, Object.keys(BENCHES), "bench"),
    options: {
      runs: count("runs", values),
      rounds: count("rounds", values),
      seconds: count("seconds", values),
      apps: count("apps", values),
      documents: count("documents", values),
      contenders: known(values.contenders?.split(",") ?? [], CONTENDERS, "contender"),
    },
    help: values.help ?? false,
    results: !values["no-results"],
  };
}

/** The given names, or all when none is given. */
function known(given, all, kind) {
  const unknown = given.find((name) => !all.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`there is no ${kind} '${unknown}'; there are: ${all.join(", ")}`);
  }
  return given.length > 0 ? given : all;
}

function count(name, values) {
  if (values[name] === undefined) return undefined;
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < 1 || value > MAX[name]) {
    throw new UsageError(`--${name} is a whole number from 1 to ${MAX[name]}`);
  }
  return value;
}
