/**
 * The runtime and the peers it is compared with: where each one's binary is and how it serves the
 * hello example.
 */

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, rmSync, statSync, utimesSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { BENCHES, ROOT, SCRATCH } from "./machine.mjs";
import { run } from "./processes.mjs";

const VERSION_TIMEOUT_MS = 10_000;
const SNAPSHOT_TIMEOUT_MS = 120_000;

/** Where the peers are installed, and what they run. */
export const PEERS = join(BENCHES, "peers");

const HELLO = join(ROOT, "examples/hello");
const TARGET = process.env.CARGO_TARGET_DIR ?? join(os.homedir(), ".cache/orilla/target");

/** By contender. ORILLA_RUNTIME names a runtime that was built elsewhere, ORILLA_DENO another Deno. */
export const BINARIES = {
  runtime: process.env.ORILLA_RUNTIME ?? join(TARGET, "release/runtime"),
  deno: process.env.ORILLA_DENO ?? join(PEERS, "node_modules/@deno/linux-x64-glibc/deno"),
  bun: join(PEERS, "node_modules/@oven/bun-linux-x64/bin/bun"),
  workerd: join(PEERS, "node_modules/@cloudflare/workerd-linux-64/bin/workerd"),
  node: process.execPath,
};

/** The runtime and its peers. */
export const CONTENDERS = Object.keys(BINARIES);

/**
 * How contenders serve the hello example on a port of 127.0.0.1. Installs the peers where they are
 * missing, and gives the runtime its snapshot.
 *
 * @param {string[]} names of contenders
 * @returns {Record<string, (port: number) => string[]>} commands by name
 */
export function helloServers(names) {
  if (names.some((name) => BINARIES[name].startsWith(PEERS))) installPeers();
  const server = join(HELLO, "server.js");
  const config = join(PEERS, "hello.capnp");
  const { deno, bun, workerd, node } = BINARIES;
  const commands = {
    runtime: () => serveCommand(appWithSnapshot(HELLO, "hello"), dataDirectory("hello")),
    deno: () => (port) => [
      deno,
      "serve",
      "--no-config",
      "--host=127.0.0.1",
      `--port=${port}`,
      server,
    ],
    bun: () => (port) => [bun, join(PEERS, "hello-bun.mjs"), `${port}`],
    workerd: () => (port) => [workerd, "serve", config, `--socket-addr=http=127.0.0.1:${port}`],
    node: () => (port) => [node, join(PEERS, "hello-node.mjs"), `${port}`],
  };
  return Object.fromEntries(names.map((name) => [name, commands[name]()]));
}

/**
 * @param {string} manifest
 * @param {string} data an app's data directory
 * @returns {(port: number) => string[]}
 */
export function serveCommand(manifest, data) {
  return (port) => [BINARIES.runtime, "serve", manifest, `--port=${port}`, `--data-dir=${data}`];
}

/**
 * A copy of an app with its snapshot, so that the app's own directory stays as it is.
 *
 * @param {string} directory with the app's manifest.json
 * @param {string} name of the copy
 * @returns {string} the copy's manifest
 */
export function appWithSnapshot(directory, name) {
  if (!existsSync(join(directory, "manifest.json"))) {
    throw new Error(`${directory} has no manifest.json: run ./dev examples`);
  }
  const copy = join(SCRATCH, "apps", name);
  rmSync(copy, { recursive: true, force: true });
  cpSync(directory, copy, { recursive: true });
  const manifest = join(copy, "manifest.json");
  runtime(["snapshot", manifest], SNAPSHOT_TIMEOUT_MS);
  return manifest;
}

/**
 * The path of a data directory that does not exist yet.
 *
 * @param {string} name
 * @returns {string}
 */
export function dataDirectory(name) {
  const directory = join(SCRATCH, "data", name);
  rmSync(directory, { recursive: true, force: true });
  return directory;
}

/**
 * Runs a command of the runtime to its end.
 *
 * @param {string[]} args
 * @param {number} timeoutMs
 * @returns {string} its stdout
 */
export function runtime(args, timeoutMs) {
  if (!existsSync(BINARIES.runtime)) {
    throw new Error(`there is no ${BINARIES.runtime}: run ./dev build`);
  }
  return run([BINARIES.runtime, ...args], { timeoutMs });
}

/**
 * @param {string[]} names of contenders
 * @returns {Record<string, string>}
 */
export function versions(names) {
  const version = (name) => run([BINARIES[name], "--version"], { timeoutMs: VERSION_TIMEOUT_MS });
  return Object.fromEntries(names.map((name) => [name, version(name).trim().split("\n")[0]]));
}

/** Installs the peers from npm where the lockfile is newer than what is there. */
export function installPeers() {
  const installed = join(PEERS, "node_modules/.package-lock.json");
  const lockfile = statSync(join(PEERS, "package-lock.json"));
  if (existsSync(installed) && statSync(installed).mtimeMs >= lockfile.mtimeMs) return;
  console.error("npm ci in benches/peers");
  const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const { status } = spawnSync("npm", args, { cwd: PEERS, stdio: ["ignore", 2, 2] });
  if (status !== 0) throw new Error("npm could not install the peers in benches/peers; see above");
  utimesSync(installed, new Date(), new Date());
}
