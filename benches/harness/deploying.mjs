/**
 * A host that takes deployments, and `runtime deploy` to it. What is deployed stays in its data directory.
 */

import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { BINARIES, serveCommand } from "./contenders.mjs";
import { SCRATCH } from "./machine.mjs";
import { freePort, startServer } from "./processes.mjs";

const TOKEN = "a-token-for-the-benches-of-this-machine";
const DEPLOY_TIMEOUT_MS = 60_000;

/**
 * @typedef {import("./processes.mjs").Server & { deploy: (directory: string, app: string) => Promise<void> }} Host
 */

/**
 * Starts a host that serves an app, which also answers what names no app, and takes deployments of others.
 *
 * @param {string} name for its log
 * @param {string} manifest of the app
 * @param {string} app the app's name
 * @param {string} data its data directory
 * @returns {Promise<Host>}
 */
export async function startHost(name, manifest, app, data) {
  const config = join(SCRATCH, `${name}.toml`);
  writeFileSync(config, `[admin]\ntoken = "${TOKEN}"\n\n[routing.paths]\n"/" = "${app}"\n`);
  const admin = await freePort();
  const command = serveCommand(manifest, data);
  const server = await startServer(name, (port) => [
    ...command(port),
    `--config=${config}`,
    `--admin-port=${admin}`,
  ]);
  const options = [`--admin=http://127.0.0.1:${admin}`, `--config=${config}`];
  return { ...server, deploy: (directory, to) => deploy(directory, ["--app", to, ...options]) };
}

/** Unlike `run` it leaves this process free to load the host meanwhile. */
function deploy(directory, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(BINARIES.runtime, ["deploy", directory, ...options], {
      stdio: ["ignore", "ignore", "pipe"],
      timeout: DEPLOY_TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    let said = "";
    child.stderr.on("data", (text) => (said += text));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`runtime deploy ${directory}: exit ${code}\n${said}`));
    });
  });
}
