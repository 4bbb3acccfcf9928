/**
 * What a process and its descendants use, as /proc tells it. Changes nothing.
 */

import { readFileSync, readdirSync } from "node:fs";

/** Linux counts CPU time for user space in hundredths of a second, on every architecture. */
const TICKS_PER_SECOND = 100;
/** Of x86-64, the only architecture the peers are installed for. */
const PAGE_BYTES = 4096;

/**
 * @param {number} pid
 * @returns {{ cpuSeconds: number, rssBytes: number }} sums over the process, its descendants, and
 *   for CPU time what has ended among them; memory that processes share counts for each
 */
export function usage(pid) {
  const tree = descendants(pid, processes());
  const sum = (field) => tree.reduce((total, process) => total + process[field], 0);
  return { cpuSeconds: sum("ticks") / TICKS_PER_SECOND, rssBytes: sum("pages") * PAGE_BYTES };
}

function processes() {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(readProcess).filter(Boolean);
}

/** Undefined when the process has ended. */
function readProcess(pid) {
  let stat;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The name, in parentheses, may itself contain spaces and parentheses. State follows, field 3.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const field = (number) => Number(fields[number - 3]);
  const ticks = field(14) + field(15) + field(16) + field(17);
  return { pid: Number(pid), parent: field(4), ticks, pages: field(24) };
}

/** The process itself and all below it. */
function descendants(pid, all) {
  const children = all.filter(({ parent }) => parent === pid);
  const below = children.flatMap((child) => descendants(child.pid, all));
  return [...all.filter((process) => process.pid === pid), ...below];
}
