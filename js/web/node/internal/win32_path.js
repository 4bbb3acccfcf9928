// Paths of Windows, for `node:path`. There are none here, but programs take apart those of others. The working directory
// is "\", on no drive.

import { absent } from "ext:orilla_web/node/internal/absent.js";
import { invalidArgType } from "ext:orilla_web/node/internal/errors.js";
import { validateString } from "ext:orilla_web/node/internal/validate.js";

const SEPARATORS = /[\\/]+/;
const [{ matchesGlob }] = absent("path", "match with a regular expression or a package");

/**
 * Parts a path from the device it begins with: a drive (`C:`) or a share (`\\server\share`).
 *
 * @param {string} path
 * @returns {{ device: string, isAbsolute: boolean, rootEnd: number, isShare: boolean }} `rootEnd` is where the rest
 *   begins
 */
function root(path) {
  const share = /^[\\/]{2}([^\\/]+)[\\/]+([^\\/]+)/.exec(path);
  if (share !== null) {
    const [whole, server, name] = share;
    if (server === "." || server === "?")
      return { device: `\\\\${server}`, isAbsolute: true, rootEnd: 4, isShare: false };
    const device = `\\\\${server}\\${name}`;
    return { device, isAbsolute: true, rootEnd: whole.length, isShare: true };
  }
  if (/^[\\/]/.test(path)) return { device: "", isAbsolute: true, rootEnd: 1, isShare: false };
  if (!/^[a-z]:/i.test(path)) return { device: "", isAbsolute: false, rootEnd: 0, isShare: false };
  const isAbsolute = /^[\\/]/.test(path.slice(2));
  return { device: path.slice(0, 2), isAbsolute, rootEnd: isAbsolute ? 3 : 2, isShare: false };
}

function normalizeSegments(path, isAbsolute) {
  const kept = [];
  for (const segment of path.split(SEPARATORS)) {
    if (segment === "" || segment === ".") continue;
    if (segment !== "..") kept.push(segment);
    else if (kept.length > 0 && kept.at(-1) !== "..") kept.pop();
    else if (!isAbsolute) kept.push("..");
  }
  return kept.join("\\");
}

/** @param {string} path @returns {string} */
function normalize(path) {
  validateString(path, "path");
  if (path === "") return ".";
  if (path.length === 1) return path === "/" ? "\\" : path;
  const { device, isAbsolute, rootEnd, isShare } = root(path);
  if (isShare && rootEnd === path.length) return `${device}\\`;
  let tail = normalizeSegments(path.slice(rootEnd), isAbsolute);
  if (tail === "" && !isAbsolute) tail = ".";
  if (tail !== "" && /[\\/]$/.test(path)) tail += "\\";
  // What was no drive must not become one.
  if (!isAbsolute && device === "" && path.includes(":")) {
    if (/^[a-z]:/i.test(tail) || /:([\\/]|$)/.test(path)) return `.\\${tail}`;
  }
  return `${device}${isAbsolute ? "\\" : ""}${tail}`;
}

/** @param {string} path @returns {boolean} */
function isAbsolute(path) {
  validateString(path, "path");
  return /^([\\/]|[a-z]:[\\/])/i.test(path);
}

/** @param {...string} parts @returns {string} */
function join(...parts) {
  for (const part of parts) validateString(part, "path");
  const present = parts.filter((part) => part !== "");
  if (present.length === 0) return ".";
  const joined = present.join("\\");
  // Only a first part that says so makes a share: two slashes, and then a name.
  if (/^[\\/]{2}[^\\/]/.test(present[0])) return normalize(joined);
  return normalize(joined.replace(/^[\\/]{2,}/, "\\"));
}

/** @param {...string} parts joined from the right until absolute @returns {string} an absolute path */
function resolve(...parts) {
  let device = "";
  let tail = "";
  let isComplete = false;
  for (const part of [...parts.toReversed(), "\\"]) {
    validateString(part, "path");
    if (part === "") continue;
    const found = root(part);
    if (found.device !== "") {
      if (device !== "" && found.device.toLowerCase() !== device.toLowerCase()) continue;
      device ||= found.device;
    }
    if (!isComplete) {
      tail = `${part.slice(found.rootEnd)}\\${tail}`;
      isComplete = found.isAbsolute;
    }
    if (isComplete && device !== "") break;
  }
  return `${device}\\${normalizeSegments(tail, true)}`;
}

/** @param {string} from @param {string} to @returns {string} the way from the one to the other */
function relative(from, to) {
  validateString(from, "from");
  validateString(to, "to");
  const target = resolve(to);
  const split = (path) => path.split("\\").filter(Boolean);
  const source = split(resolve(from).toLowerCase());
  const [parts, lower] = [split(target), split(target.toLowerCase())];
  let shared = 0;
  while (shared < source.length && source[shared] === lower[shared]) shared++;
  // Nothing leads from one drive to another.
  if (shared === 0 && source.length > 0 && parts.length > 0) return target;
  return [...source.slice(shared).map(() => ".."), ...parts.slice(shared)].join("\\");
}

/** @param {string} path @returns {string} in the form that Windows takes long paths in */
function toNamespacedPath(path) {
  if (typeof path !== "string" || path === "") return path;
  const resolved = resolve(path);
  if (resolved.length <= 2) return path;
  if (/^\\\\[^.?]/.test(resolved)) return `\\\\?\\UNC\\${resolved.slice(2)}`;
  return /^[a-z]:\\/i.test(resolved) ? `\\\\?\\${resolved}` : resolved;
}

/** Where the last name begins and ends, trailing separators left out. */
function lastName(path, rootEnd) {
  const end = path.length - /[\\/]*$/.exec(path.slice(rootEnd))[0].length;
  const start = rootEnd + /[^\\/]*$/.exec(path.slice(rootEnd, end)).index;
  return [start, Math.max(start, end)];
}

const driveEnd = (path) => (/^[a-z]:/i.test(path) ? 2 : 0);

/** How much of a path its directory never loses. */
function lastingRoot(path) {
  const drive = /^[a-z]:[\\/]?/i.exec(path);
  if (drive !== null) return drive[0].length;
  const share = /^[\\/]{2}[^\\/]+[\\/]+[^\\/]+(?:[\\/]|$)/.exec(path);
  if (share !== null) return share[0].length;
  return /^[\\/]/.test(path) ? 1 : 0;
}

/** @param {string} path @returns {string} */
function dirname(path) {
  validateString(path, "path");
  if (path === "") return ".";
  const rootEnd = lastingRoot(path);
  const [start] = lastName(path, rootEnd);
  if (start <= rootEnd) return rootEnd > 0 ? path.slice(0, rootEnd) : ".";
  return path.slice(0, start - 1);
}

/** @param {string} path @param {string} [suffix] left out at the end @returns {string} */
function basename(path, suffix) {
  if (suffix !== undefined) validateString(suffix, "suffix");
  validateString(path, "path");
  if (suffix !== undefined && suffix === path) return "";
  const name = path.slice(...lastName(path, driveEnd(path)));
  return suffix && name !== suffix && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
}

/** @param {string} path @returns {string} with its dot; nothing for names such as `.profile` */
function extname(path) {
  validateString(path, "path");
  const name = basename(path);
  const dot = name.lastIndexOf(".");
  return dot <= 0 || name === ".." ? "" : name.slice(dot);
}

/**
 * @param {string} path
 * @returns {{ root: string, dir: string, base: string, ext: string, name: string }}
 */
function parse(path) {
  validateString(path, "path");
  const rootEnd = lastingRoot(path);
  const [start, end] = lastName(path, rootEnd);
  const base = path.slice(start, end);
  const dot = base.lastIndexOf(".");
  const ext = dot <= 0 || base === ".." ? "" : base.slice(dot);
  const dir = path.slice(0, start > rootEnd ? start - 1 : rootEnd);
  const name = ext ? base.slice(0, -ext.length) : base;
  return { root: path.slice(0, rootEnd), dir, base, ext, name };
}

/** @param {{ root?: string, dir?: string, base?: string, ext?: string, name?: string }} parts */
function format(parts) {
  if (parts === null || typeof parts !== "object") {
    throw invalidArgType("pathObject", "of type object", parts);
  }
  const { root = "", name = "", ext = "" } = parts;
  const dir = parts.dir || root;
  const base = parts.base || `${name ?? ""}${ext && ext[0] !== "." ? "." : ""}${ext ?? ""}`;
  if (!dir) return base;
  return dir === root ? `${dir}${base}` : `${dir}\\${base}`;
}

export const win32 = {
  _makeLong: toNamespacedPath,
  basename,
  delimiter: ";",
  dirname,
  extname,
  format,
  isAbsolute,
  join,
  matchesGlob,
  normalize,
  parse,
  relative,
  resolve,
  sep: "\\",
  toNamespacedPath,
};
