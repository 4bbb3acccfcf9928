/** What the disk itself can do. */

import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

const SYNC_SECONDS = 1;
/** What a small commit writes to a write-ahead log, and the log's length, once it is reused. */
const PAGE_BYTES = 4096;
const LOG_PAGES = 1_000;

/**
 * How often a second the disk of a directory makes one page durable. The pages are there already,
 * as in a log that is reused: a file that grows syncs its length too, which is slower.
 * @param {string} directory
 * @returns {number}
 */
export function syncsPerSecond(directory) {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, "sync-rate");
  const file = openSync(path, "w");
  const page = Buffer.alloc(PAGE_BYTES, 1);
  for (let index = 0; index < LOG_PAGES; index++) writeSync(file, page);
  fsyncSync(file);
  const started = performance.now();
  let syncs = 0;
  while (performance.now() - started < SYNC_SECONDS * 1000) {
    writeSync(file, page, 0, PAGE_BYTES, (syncs % LOG_PAGES) * PAGE_BYTES);
    fdatasyncSync(file);
    syncs += 1;
  }
  const seconds = (performance.now() - started) / 1000;
  closeSync(file);
  rmSync(path);
  return syncs / seconds;
}
