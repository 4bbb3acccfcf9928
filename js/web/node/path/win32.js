// `node:path/win32`: what `node:path` has as `win32`.

import { win32 } from "node:path";

export { win32 };
export const {
  _makeLong,
  basename,
  delimiter,
  dirname,
  extname,
  format,
  isAbsolute,
  join,
  matchesGlob,
  normalize,
  parse,
  posix,
  relative,
  resolve,
  sep,
  toNamespacedPath,
} = win32;

export default win32;
