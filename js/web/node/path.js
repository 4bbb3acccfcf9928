// `node:path` for POSIX paths. There is no file system behind it; the working directory is "/".

import { win32 } from "ext:orilla_web/node/internal/win32_path.js";
import { invalidArgType } from "ext:orilla_web/node/internal/errors.js";
import { validateString } from "ext:orilla_web/node/internal/validate.js";

export const sep = "/";
export const delimiter = ":";

/**
 * Resolves `.` and `..` between slashes; above the root there is nothing, above a relative path
 * `..`.
 */
function normalizeSegments(path, isAbsolute) {
  const kept = [];
  for (const segment of path.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment !== "..") kept.push(segment);
    else if (kept.length > 0 && kept.at(-1) !== "..") kept.pop();
    else if (!isAbsolute) kept.push("..");
  }
  return kept.join("/");
}

/** @param {string} path @returns {string} */
export function normalize(path) {
  validateString(path, "path");
  if (path === "") return ".";
  const isAbsolute = path.startsWith("/");
  const body = normalizeSegments(path, isAbsolute);
  const tail = path.endsWith("/") ? "/" : "";
  if (body === "") return isAbsolute ? "/" : `.${tail}`;
  return `${isAbsolute ? "/" : ""}${body}${tail}`;
}

/** @param {string} path @returns {boolean} */
export function isAbsolute(path) {
  validateString(path, "path");
  return path.startsWith("/");
}

/** @param {...string} parts @returns {string} */
export function join(...parts) {
  for (const part of parts) validateString(part, "path");
  return normalize(parts.filter((part) => part !== "").join("/"));
}

/**
 * @param {...string} parts joined from the right until absolute
 * @returns {string} an absolute path
 */
export function resolve(...parts) {
  let path = "";
  for (const part of parts.toReversed()) {
    validateString(part, "path");
    if (part === "") continue;
    path = `${part}/${path}`;
    if (part.startsWith("/")) break;
  }
  return `/${normalizeSegments(path, true)}`;
}

/** @param {string} from @param {string} to @returns {string} the way from the one to the other */
export function relative(from, to) {
  validateString(from, "from");
  validateString(to, "to");
  const split = (path) => resolve(path).split("/").filter(Boolean);
  const [source, target] = [split(from), split(to)];
  let shared = 0;
  while (shared < source.length && source[shared] === target[shared]) shared++;
  return [...source.slice(shared).map(() => ".."), ...target.slice(shared)].join("/");
}

function withoutTrailingSlashes(path) {
  return path.replace(/(?<=.)\/+$/, "");
}

/** @param {string} path @returns {string} */
export function dirname(path) {
  validateString(path, "path");
  const trimmed = withoutTrailingSlashes(path);
  const slash = trimmed.lastIndexOf("/");
  if (slash === -1) return ".";
  if (slash === 0) return "/";
  const end = slash;
  // Of the slashes before the last name only the last one is dropped, as in Node.
  return end === 1 && path[0] === "/" ? "//" : trimmed.slice(0, end);
}

/** @param {string} path @param {string} [suffix] left out at the end @returns {string} */
export function basename(path, suffix) {
  if (suffix !== undefined) validateString(suffix, "suffix");
  validateString(path, "path");
  if (suffix !== undefined && suffix === path) return "";
  const trimmed = path.replace(/\/+$/, "");
  const name = trimmed.slice(trimmed.lastIndexOf("/") + 1);
  return suffix && name !== suffix && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
}

/** @param {string} path @returns {string} with its dot; nothing for names such as `.profile` */
export function extname(path) {
  validateString(path, "path");
  const name = basename(path);
  const dot = name.lastIndexOf(".");
  return dot <= 0 || name === ".." ? "" : name.slice(dot);
}

/**
 * @param {string} path
 * @returns {{ root: string, dir: string, base: string, ext: string, name: string }}
 */
export function parse(path) {
  validateString(path, "path");
  const root = path.startsWith("/") ? "/" : "";
  const base = basename(path);
  const ext = extname(path);
  const trimmed = path.replace(/\/+$/, "");
  const slash = trimmed.lastIndexOf("/");
  const dir = slash > 0 ? trimmed.slice(0, slash) : root;
  return { root, dir, base, ext, name: ext ? base.slice(0, -ext.length) : base };
}

/** @param {{ root?: string, dir?: string, base?: string, ext?: string, name?: string }} parts */
export function format(parts) {
  if (parts === null || typeof parts !== "object") {
    throw invalidArgType("pathObject", "of type object", parts);
  }
  const { root = "", name = "", ext = "" } = parts;
  const dir = parts.dir || root;
  const base = parts.base || `${name ?? ""}${ext && ext[0] !== "." ? "." : ""}${ext ?? ""}`;
  if (!dir) return base;
  return dir === root ? `${dir}${base}` : `${dir}/${base}`;
}

/** @template T @param {T} path @returns {T} as it is: only Windows has namespaced paths */
export function toNamespacedPath(path) {
  return path;
}

export { toNamespacedPath as _makeLong, win32 };
export const { matchesGlob } = win32;

export const posix = {
  _makeLong: toNamespacedPath,
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
  relative,
  resolve,
  sep,
  toNamespacedPath,
  win32,
};
posix.posix = posix;
win32.posix = posix;
win32.win32 = win32;

export default posix;
