/**
 * Starts the processes a bench measures and sees to it that none of them outlives it.
 */

import { spawn, spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { constants } from "node:os";
import { join } from "node:path";
import { SCRATCH } from "./machine.mjs";

const START_TIMEOUT_MS = 15_000;
/** After a refused connection: short against every start, long enough to leave a core alone. */
const RETRY_PAUSE_MS = 0.2;
const LOG_TAIL_CHARACTERS = 2_000;
const REQUEST = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";

/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"]) {
  process.on(signal, () => process.exit(128 + constants.signals[signal]));
}

/**
 * A server that has answered its first request.
 *
 * @typedef {object} Server
 * @property {string} url
 * @property {number} pid
 * @property {number} startMs from exec to the first byte of the response
 * @property {() => Promise<void>} stop kills it
 */

/**
 * Starts a server and waits for its first response.
 *
 * @param {string} name for its log and for errors
 * @param {(port: number) => string[]} command
 * @returns {Promise<Server>}
 * @throws when it ends early, or does not answer 200 within 15 seconds
 */
export async function startServer(name, command) {
  const port = await freePort();
  const log = join(SCRATCH, `${name}.log`);
  const { child, ended, executedAt } = spawnLogged(command(port), log);
  try {
    const head = await firstBytes(port, child);
    const startMs = performance.now() - executedAt;
    if (!head.startsWith("HTTP/1.1 200")) throw new Error(`answers ${head.split("\r\n")[0]}`);
    const url = `http://127.0.0.1:${port}/`;
    return { url, pid: child.pid, startMs, stop: () => stop(child, ended) };
  } catch (error) {
    await stop(child, ended);
    throw new Error(`${name}: ${error.message}\n${logTail(log)}`);
  }
}

/**
 * Runs a program to its end.
 *
 * @param {string[]} command
 * @param {{ timeoutMs: number, cwd?: string }} options
 * @returns {string} what it wrote to stdout
 * @throws when it fails or does not end in time
 */
export function run([program, ...args], { timeoutMs, cwd }) {
  const options = {
    cwd,
    encoding: "utf8",
    timeout: timeoutMs,
    killSignal: "SIGKILL",
    env: environment(),
  };
  const { status, error, stdout, stderr } = spawnSync(program, args, options);
  if (error) throw new Error(`${program}: ${error.message}`);
  if (status !== 0)
    throw new Error(`${program} ${args.join(" ")}: exit ${status}\n${tail(stderr)}`);
  return stdout;
}

function spawnLogged([program, ...args], log) {
  mkdirSync(SCRATCH, { recursive: true });
  const output = openSync(log, "w");
  const child = spawn(program, args, { stdio: ["ignore", output, output], env: environment() });
  // spawn returns once the child has called exec: what Node's own fork costs is not the server's.
  const executedAt = performance.now();
  closeSync(output);
  running.add(child);
  const ended = new Promise((resolve) => {
    child.once("error", resolve);
    child.once("exit", resolve);
  }).then(() => running.delete(child));
  return { child, ended, executedAt };
}

async function stop(child, ended) {
  child.kill("SIGKILL");
  await ended;
}

/** Connects until the server listens, sends a request, and returns the response's first bytes. */
async function firstBytes(port, child) {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    const head = await request(port, deadline - performance.now());
    if (head !== undefined) return head;
    if (child.pid === undefined) throw new Error(`${child.spawnfile} cannot be executed`);
    const end = child.exitCode ?? child.signalCode;
    if (end !== null) throw new Error(`ended with ${end} before it answered`);
    pause(RETRY_PAUSE_MS);
  }
  throw new Error(`no answer within ${START_TIMEOUT_MS} ms`);
}

/** One attempt: undefined when nothing listens. */
function request(port, timeoutMs) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    const settle = (outcome, value) => {
      socket.destroy();
      outcome(value);
    };
    socket.setTimeout(timeoutMs, () => settle(reject, new Error("listens but does not answer")));
    socket.once("connect", () => socket.write(REQUEST));
    socket.once("data", (bytes) => settle(resolve, bytes.toString("latin1")));
    socket.once("end", () => settle(reject, new Error("closed the connection without an answer")));
    socket.once("error", (error) =>
      error.code === "ECONNREFUSED" ? settle(resolve, undefined) : settle(reject, error),
    );
  });
}

/** Timers have a resolution of a millisecond; a futex has not. */
function pause(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** @returns {Promise<number>} a port of 127.0.0.1 that nobody listens on */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** The same for all: nothing of the user's settings, no network, no colours. */
function environment() {
  return {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    NO_COLOR: "1",
    NODE_ENV: "production",
    DENO_DIR: join(SCRATCH, "deno"),
    DENO_NO_UPDATE_CHECK: "1",
  };
}

function logTail(path) {
  return tail(readFileSync(path, "utf8"));
}

function tail(text) {
  return text.trim().slice(-LOG_TAIL_CHARACTERS);
}
