// `node:url`.

import { codedError, invalidArgType } from "ext:orilla_web/node/internal/errors.js";
import {
  formatLegacy,
  parse,
  resolve,
  resolveObject,
  Url,
} from "ext:orilla_web/node/internal/legacy_url.js";
import { domainToUnicode as toUnicode } from "ext:orilla_web/node/internal/punycode.js";
import { validateString } from "ext:orilla_web/node/internal/validate.js";
import { resolve as resolvePath } from "node:path";

export { parse, resolve, resolveObject, Url };
export const { URL, URLSearchParams } = globalThis;

/**
 * @param {string | URL} url with the `file:` scheme
 * @returns {string} an absolute path
 */
export function fileURLToPath(url) {
  if (typeof url !== "string" && !(url instanceof URL)) {
    throw invalidArgType("path", "of type string or an instance of URL", url);
  }
  const { protocol, hostname, pathname } = new URL(url);
  if (protocol !== "file:") {
    throw codedError(TypeError, "ERR_INVALID_URL_SCHEME", "The URL must be of scheme file");
  }
  if (hostname !== "") {
    const message = 'File URL host must be "localhost" or empty on linux';
    throw codedError(TypeError, "ERR_INVALID_FILE_URL_HOST", message);
  }
  if (/%2f/i.test(pathname)) {
    const message = "File URL path must not include encoded / characters";
    throw codedError(TypeError, "ERR_INVALID_FILE_URL_PATH", message);
  }
  return decodeURIComponent(pathname);
}

/** @param {string} path @returns {URL} with the `file:` scheme */
export function pathToFileURL(path) {
  validateString(path, "path");
  const resolved = resolvePath(path);
  const absolute = path.endsWith("/") && resolved !== "/" ? `${resolved}/` : resolved;
  const escaped = absolute.replace(/[%\\\n\r\t?#]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  });
  return new URL(`file://${escaped}`);
}

/** @param {string} domain @returns {string} in ASCII; nothing when it is invalid */
export function domainToASCII(domain) {
  try {
    return new URL(`ws://${domain}`).hostname;
  } catch {
    return "";
  }
}

/** @param {string} domain @returns {string} readable; nothing when it is invalid */
export function domainToUnicode(domain) {
  return toUnicode(domainToASCII(domain));
}

/**
 * @param {URL | object | string} value
 * @param {{ auth?: boolean, fragment?: boolean, search?: boolean, unicode?: boolean }} [options]
 *   what a
 *   URL shows: all but `unicode` unless said otherwise
 * @returns {string}
 */
export function format(value, options = {}) {
  if (!(value instanceof URL)) return formatLegacy(value);
  if (options === null || typeof options !== "object") {
    throw invalidArgType("options", "of type object", options);
  }
  const { auth = true, fragment = true, search = true, unicode = false } = options;
  const url = new URL(value);
  if (!auth) [url.username, url.password] = ["", ""];
  if (!fragment) url.hash = "";
  if (!search) url.search = "";
  if (!unicode || url.host === "") return url.href;
  return url.href.replace(url.hostname, toUnicode(url.hostname));
}

/** @param {URL} url @returns {object} as `http.request` takes it */
export function urlToHttpOptions(url) {
  const { protocol, hostname, hash, search, pathname, href, port, username, password } = url;
  const options = {
    ...url,
    protocol,
    hostname: hostname.startsWith("[") ? hostname.slice(1, -1) : hostname,
    hash,
    search,
    pathname,
    path: pathname + search,
    href,
  };
  if (port !== "") options.port = Number(port);
  if (username || password)
    options.auth = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return options;
}

export default {
  URL,
  URLSearchParams,
  Url,
  domainToASCII,
  domainToUnicode,
  fileURLToPath,
  format,
  parse,
  pathToFileURL,
  resolve,
  resolveObject,
  urlToHttpOptions,
};
