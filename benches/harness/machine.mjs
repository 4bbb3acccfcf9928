/**
 * Where and on what a bench runs: directories, hardware, commit. Starts nothing but git.
 */

import { execFileSync } from "node:child_process";
import os from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The directory of all benches. */
export const BENCHES = fileURLToPath(new URL("..", import.meta.url));

/** The repository. */
export const ROOT = join(BENCHES, "..");

/** What a run writes and may lose: apps, data, logs. On the repository's own disk. */
export const SCRATCH = join(BENCHES, ".orilla");

/**
 * @returns {{ cpu: string, cores: number, memory_gb: number, kernel: string }}
 */
export function machine() {
  const cpus = os.cpus();
  return {
    cpu: cpus[0].model.trim(),
    cores: cpus.length,
    memory_gb: Math.round(os.totalmem() / 1024 ** 3),
    kernel: os.release(),
  };
}

/**
 * @returns {{ commit: string, changed: boolean }} `changed`: sources differ from the commit
 */
export function commit() {
  const git = (...args) => execFileSync("git", ["-C", ROOT, ...args], { encoding: "utf8" }).trim();
  return {
    commit: git("rev-parse", "--short=12", "HEAD"),
    changed: git("status", "--porcelain", "--", ".", ":!benches/results") !== "",
  };
}

/**
 * @returns {number} processes that ran or waited for a core or disk, averaged over the last minute
 */
export function loadAverage() {
  return Number(os.loadavg()[0].toFixed(2));
}
