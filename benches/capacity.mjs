/**
 * What one process holds: many deployed apps of which few are asked at a time, isolates that come and go by the
 * thousand, and versions that replace each other every second under load.
 */

import { cpSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { appWithSnapshot, dataDirectory, runtime } from "./harness/contenders.mjs";
import { startHost } from "./harness/deploying.mjs";
import { ROOT, SCRATCH } from "./harness/machine.mjs";
import { printTable } from "./harness/report.mjs";
import { round } from "./harness/statistics.mjs";
import { ask, latencies, steady, steadyFor } from "./harness/steady.mjs";
import { usage } from "./harness/usage.mjs";

/** The apps, by turns, each with a page that it makes itself: 85 bytes of module, 73 kB and 565 kB. */
const EXAMPLES = [
  { name: "hello", build: "", path: "/" },
  { name: "hono", build: "build", path: "/api/greet/you" },
  { name: "sveltekit", build: "build", path: "/sverdle" },
];
const HOT = 20;
/** Requests per second to the hot apps together. */
const HOT_RATE = 400;
/** Between two requests to cold apps: only one of them boots at a time. */
const COLD_PAUSE_MS = 100;
const CYCLES = 10_000;
/** What `runtime bench boots` may take: a boot takes a hundredth of this. */
const CYCLE_TIMEOUT_MS = 200;
const DEPLOY_RATE = 400;
const MEGABYTE = 1e6;

/** How many apps are deployed, and for how long versions replace each other, unless the command line says otherwise. */
export const defaults = { apps: 500, seconds: 60 };

/**
 * @param {{ apps: number, seconds: number }} options
 * @returns {Promise<{ figures: object, targets: import("./harness/report.mjs").Target[] }>}
 */
export async function measure({ apps, seconds }) {
  const bundles = EXAMPLES.map(({ name, build, path }) => {
    const manifest = appWithSnapshot(join(ROOT, "examples", name, build), `capacity-${name}`);
    return { name, path, manifest, directory: join(manifest, "..") };
  });
  const many = await manyApps(bundles, apps);
  const cycles = comeAndGo(bundles);
  const deploys = await replaceVersions(bundles[0], seconds);
  return {
    figures: { many, cycles, deploys },
    targets: [...manyTargets(many, apps), ...cycleTargets(cycles), ...deployTargets(deploys)],
  };
}

/** Deploys the apps, restarts the host, so that all are cold, and asks the cold ones while the hot ones serve. */
async function manyApps(bundles, count) {
  const [base] = bundles;
  const data = dataDirectory("capacity");
  const apps = Array.from({ length: count }, (_, index) => {
    const bundle = bundles[index % bundles.length];
    return { app: `app-${index}`, path: bundle.path, bundle };
  });
  const deploying = await startHost("capacity-deploys", base.manifest, base.name, data);
  try {
    for (const { app, bundle } of apps) await deploying.deploy(bundle.directory, app);
  } finally {
    await deploying.stop();
  }
  const host = await startHost("capacity", base.manifest, base.name, data);
  try {
    return { start_ms: round(host.startMs), ...(await loadHot(host, apps)) };
  } finally {
    await host.stop();
    rmSync(data, { recursive: true, force: true });
  }
}

async function loadHot(host, apps) {
  const memory = { idle_mb: residentMb(host) };
  const hot = apps.slice(0, HOT);
  await steadyFor(host.url, hot, HOT_RATE, 3);
  memory.hot_mb = residentMb(host);
  const stop = new AbortController();
  const serving = steady(host.url, hot, HOT_RATE, stop.signal);
  const cold = await askCold(host, apps.slice(HOT));
  stop.abort();
  const figures = { ...memory, most_mb: cold.mostMb, hot: await serving, cold: cold.latencies };
  printTable(
    `${apps.length} apps, ${HOT} of them hot`,
    ["", "p50 ms", "p95 ms", "p99 ms", "failed"],
    [["hot", figures.hot], ...Object.entries(figures.cold)].map(([name, row]) => {
      return [name, row.p50_ms, row.p95_ms, row.p99_ms, row.failed];
    }),
  );
  const { idle_mb, hot_mb, most_mb } = figures;
  printTable(
    "resident memory",
    ["", "MB"],
    [
      ["all cold", idle_mb],
      ["the hot ones serve", hot_mb],
      ["most, while the others are asked", most_mb],
    ],
  );
  return figures;
}

/** Asks each app once, one after the other. */
async function askCold(host, apps) {
  const samples = { all: [] };
  const failed = { all: 0 };
  let mostMb = 0;
  for (const app of apps) {
    await pause(COLD_PAUSE_MS);
    const asked = await ask(host.url, app).catch(() => ({ status: 0 }));
    for (const group of ["all", app.bundle.name]) {
      if (asked.status === 200) (samples[group] ??= []).push(asked.firstByteMs);
      else failed[group] = (failed[group] ?? 0) + 1;
    }
    mostMb = Math.max(mostMb, residentMb(host));
  }
  const rows = Object.keys(samples).map((group) => {
    return [group, { ...latencies(samples[group]), failed: failed[group] ?? 0 }];
  });
  return { mostMb, latencies: Object.fromEntries(rows) };
}

function residentMb({ pid }) {
  return round(usage(pid).rssBytes / MEGABYTE);
}

/** Boots isolates of all bundles, each answers one request and ends. */
function comeAndGo(bundles) {
  const manifests = bundles.map(({ manifest }) => manifest);
  const args = ["bench", "boots", ...manifests, `--boots=${CYCLES}`, "--json"];
  const { seconds, resident_mb } = JSON.parse(runtime(args, CYCLES * CYCLE_TIMEOUT_MS));
  const [first, ...later] = resident_mb;
  const growth = round(Math.max(...later) / first - 1, 3);
  printTable(
    `${CYCLES} isolates that boot, answer and end`,
    ["after", "resident MB"],
    resident_mb.map((mb, index) => [`${((index + 1) * CYCLES) / resident_mb.length}`, mb]),
  );
  return { seconds, resident_mb, growth };
}

/** A new version of an app every second, while it is asked at a steady rate; and the same rate without. */
async function replaceVersions({ name, manifest, directory }, seconds) {
  const data = dataDirectory("capacity-versions");
  const app = join(SCRATCH, "apps", "capacity-version");
  rmSync(app, { recursive: true, force: true });
  cpSync(directory, app, { recursive: true });
  // It would be that of another version.
  rmSync(join(app, "server.snapshot"));
  const host = await startHost("capacity-versions", manifest, name, data);
  const version = async (number) => {
    const source = `export default { fetch: () => new Response("version ${number}") };\n`;
    writeFileSync(join(app, "server.js"), source);
    await host.deploy(app, "versions");
  };
  try {
    await version(0);
    const alone = await steadyFor(
      host.url,
      [{ app: "versions" }],
      DEPLOY_RATE,
      Math.min(seconds, 10),
    );
    const stop = new AbortController();
    const serving = steady(host.url, [{ app: "versions" }], DEPLOY_RATE, stop.signal);
    const deployed = await everySecond(seconds, version);
    stop.abort();
    const figures = { alone, deploying: await serving, deployed, memory_mb: residentMb(host) };
    printTable(
      `a version every second, ${DEPLOY_RATE} requests/s`,
      ["", "p50 ms", "p95 ms", "p99 ms", "failed"],
      Object.entries({ alone, deploying: figures.deploying }).map(([row, values]) => {
        return [row, values.p50_ms, values.p95_ms, values.p99_ms, values.failed];
      }),
    );
    return figures;
  } finally {
    await host.stop();
  }
}

/** Calls `deploy` with 1, 2, … at the beginning of each second. Returns how often. */
async function everySecond(seconds, deploy) {
  const began = performance.now();
  let number = 0;
  while (performance.now() - began < seconds * 1_000) {
    number += 1;
    await deploy(number);
    await pause(Math.max(0, began + number * 1_000 - performance.now()));
  }
  return number;
}

function manyTargets({ hot_mb, most_mb, hot, cold }, apps) {
  const remark = `${most_mb} MB while the cold ones are asked as well`;
  return [
    {
      name: `resident memory, ${apps} apps, ${HOT} hot, MB`,
      figure: hot_mb,
      atMost: 2_000,
      remark,
    },
    { name: "first byte of a cold app p95, ms", figure: cold.all.p95_ms, atMost: 20 },
    { name: "failed requests, hot and cold", figure: hot.failed + cold.all.failed, atMost: 0 },
  ];
}

function cycleTargets({ growth }) {
  return [
    {
      name: "growth of resident memory after the first 1,000 isolates",
      figure: growth,
      atMost: 0.05,
    },
  ];
}

function deployTargets({ deploying }) {
  return [{ name: "failed requests while deploying", figure: deploying.failed, atMost: 0 }];
}
