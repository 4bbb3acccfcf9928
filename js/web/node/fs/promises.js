// `node:fs/promises`, in name only.

import { absent } from "ext:orilla_web/node/internal/absent.js";
import { files as constants } from "ext:orilla_web/node/internal/constants/system.js";

export { constants };

const ADVICE =
  "an app has no file system; bundle what it reads into the server file, and keep what it writes in a service";
const [names, module] = absent("fs.promises", ADVICE, { rejects: true });
// In Node these two return an iterator, not a promise.
const [iterators, iterating] = absent("fs.promises", ADVICE);

export const {
  access,
  appendFile,
  chmod,
  chown,
  copyFile,
  cp,
  lchmod,
  lchown,
  link,
  lstat,
  lutimes,
  mkdir,
  mkdtemp,
  open,
  opendir,
  readFile,
  readdir,
  readlink,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  statfs,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} = names;
export const { glob, watch } = iterators;

export default Object.assign(module, iterating, { constants });
