// `node:fs`, in name only: there are no files, so none exists, and all but writing to the log throws.

import promises from "node:fs/promises";
import { absent } from "ext:orilla_web/node/internal/absent.js";
import { files as constants } from "ext:orilla_web/node/internal/constants/system.js";
import { outputFunctions } from "ext:orilla_web/node/internal/fs_output.js";
import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";

export { constants, promises };

const ADVICE =
  "an app has no file system; bundle what it reads into the server file, and keep what it writes in a service";
const [names, module] = absent("fs", ADVICE);

export const {
  Dir,
  Dirent,
  FileReadStream,
  FileWriteStream,
  ReadStream,
  Stats,
  WriteStream,
  access,
  accessSync,
  appendFile,
  appendFileSync,
  chmod,
  chmodSync,
  chown,
  chownSync,
  close,
  closeSync,
  copyFile,
  copyFileSync,
  cp,
  cpSync,
  createReadStream,
  createWriteStream,
  fchmod,
  fchmodSync,
  fchown,
  fchownSync,
  fdatasync,
  fdatasyncSync,
  fstat,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncate,
  ftruncateSync,
  futimes,
  futimesSync,
  glob,
  globSync,
  lchown,
  lchownSync,
  link,
  linkSync,
  lstat,
  lstatSync,
  lutimes,
  lutimesSync,
  mkdir,
  mkdirSync,
  mkdtemp,
  mkdtempSync,
  open,
  openAsBlob,
  openSync,
  opendir,
  opendirSync,
  read,
  readFile,
  readFileSync,
  readSync,
  readdir,
  readdirSync,
  readlink,
  readlinkSync,
  readv,
  readvSync,
  realpath,
  realpathSync,
  rename,
  renameSync,
  rm,
  rmSync,
  rmdir,
  rmdirSync,
  stat,
  statSync,
  statfs,
  statfsSync,
  symlink,
  symlinkSync,
  truncate,
  truncateSync,
  unlink,
  unlinkSync,
  unwatchFile,
  utimes,
  utimesSync,
  watch,
  watchFile,
  writeFile,
  writeFileSync,
  writev,
  writevSync,
} = names;
export const { write, writeSync } = outputFunctions(ADVICE);
export const { F_OK, R_OK, W_OK, X_OK } = constants;
// Node has them on macOS only.
export const lchmod = undefined;
export const lchmodSync = undefined;

// Programs take these for objects with a function of the system's.
realpath.native = realpath;
realpathSync.native = realpathSync;

/** @returns {boolean} never */
export function existsSync() {
  return false;
}

/** @param {string} path @param {(exists: boolean) => void} callback is told that it does not */
export function exists(path, callback) {
  nextTick(callback, false);
}
Object.defineProperty(exists, Symbol.for("nodejs.util.promisify.custom"), {
  value: async () => false,
});

export default Object.assign(module, {
  F_OK,
  R_OK,
  W_OK,
  X_OK,
  constants,
  exists,
  existsSync,
  lchmod,
  lchmodSync,
  promises,
  write,
  writeSync,
});
