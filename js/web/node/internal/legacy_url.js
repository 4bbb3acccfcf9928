// The URL parser from before there was a standard one: `url.parse`, `url.format`, `url.resolve`. It
// takes relative references and keeps what it does not understand.

import { codedError, invalidArgType } from "ext:orilla_web/node/internal/errors.js";
import { validateString } from "ext:orilla_web/node/internal/validate.js";
import querystring from "node:querystring";

/** Schemes whose URLs have an authority and a path that begins with a slash. */
const SLASHED = new Set(["http:", "https:", "ftp:", "gopher:", "file:", "ws:", "wss:"]);
/** The rest of such a URL is code, not an address. */
const HOSTLESS = new Set(["javascript:"]);
const ENDS_HOST = /[/?#]/;
const NOT_IN_HOST = /[\t\n\r "%';<>\\^`{|}]/;
const ESCAPED = /[\t\n\r "'<>\\^`{|}]/g;
const MAX_HOST_LENGTH = 255;

/** @constructor What `url.parse` returns. */
export function Url() {
  this.protocol = null;
  this.slashes = null;
  this.auth = null;
  this.host = null;
  this.port = null;
  this.hostname = null;
  this.hash = null;
  this.search = null;
  this.query = null;
  this.pathname = null;
  this.path = null;
  this.href = null;
}

/**
 * @param {string | Url} input
 * @param {boolean} [parseQuery] makes `query` an object
 * @param {boolean} [slashesDenoteHost] takes `//host` for a host without a scheme
 * @returns {Url}
 */
export function parse(input, parseQuery = false, slashesDenoteHost = false) {
  if (input instanceof Url) return input;
  validateString(input, "url");
  const url = new Url();
  let rest = withForwardSlashes(input.trim());

  const scheme = /^[a-z0-9.+-]+:/i.exec(rest)?.[0];
  if (scheme !== undefined) {
    url.protocol = scheme.toLowerCase();
    rest = rest.slice(scheme.length);
  }
  const mayHaveHost = !HOSTLESS.has(url.protocol);
  const hasSlashes =
    rest.startsWith("//") &&
    (slashesDenoteHost || scheme !== undefined || /^\/\/[^@/]+@[^@/]+/.test(rest));
  if (hasSlashes && mayHaveHost) {
    url.slashes = true;
    rest = rest.slice(2);
  }
  if (mayHaveHost && (url.slashes || (scheme !== undefined && !SLASHED.has(url.protocol)))) {
    rest = takeAuthority(url, rest, input);
  }
  if (mayHaveHost) rest = rest.replace(ESCAPED, (character) => percentEncode(character));
  takePath(url, rest, parseQuery);
  url.href = url.format();
  return url;
}

function percentEncode(character) {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}

/** Backslashes count as slashes, but only before the query. */
function withForwardSlashes(text) {
  const end = text.search(/[?#]/);
  if (end === -1) return text.replaceAll("\\", "/");
  return text.slice(0, end).replaceAll("\\", "/") + text.slice(end);
}

/** Reads user, host and port; returns what follows them. */
function takeAuthority(url, rest, input) {
  const end = rest.search(ENDS_HOST);
  const authority = end === -1 ? rest : rest.slice(0, end);
  const at = authority.lastIndexOf("@");
  if (at !== -1) url.auth = decodeURIComponent(authority.slice(0, at));
  let host = authority.slice(at + 1);
  let after = end === -1 ? "" : rest.slice(end);
  const stray = host.search(NOT_IN_HOST);
  if (stray !== -1) {
    after = host.slice(stray) + after;
    host = host.slice(0, stray);
  }
  const port = /:(\d*)$/.exec(host);
  if (port) {
    if (port[1] !== "") url.port = port[1];
    host = host.slice(0, port.index);
  }
  const isIpv6 = host.startsWith("[") && host.endsWith("]");
  const colon = isIpv6 ? -1 : host.indexOf(":");
  if (colon !== -1) {
    // No port, and no part of a name: as in `git@host:path`.
    after = `/${host.slice(colon)}${after}`;
    host = host.slice(0, colon);
  }
  let hostname = host.length > MAX_HOST_LENGTH ? "" : host.toLowerCase();
  if (!isIpv6 && hostname !== "") hostname = toAscii(hostname, input);
  url.hostname = isIpv6 ? hostname.slice(1, -1) : hostname;
  url.host = hostname + (url.port ? `:${url.port}` : "");
  return after;
}

function toAscii(hostname, input) {
  if (/^[a-z0-9.\-_~!$&()*+,=]*$/.test(hostname)) return hostname;
  try {
    return new URL(`ws://${hostname}`).hostname;
  } catch {
    const error = codedError(TypeError, "ERR_INVALID_URL", "Invalid URL");
    throw Object.assign(error, { input });
  }
}

function takePath(url, rest, parseQuery) {
  const hash = rest.indexOf("#");
  const beforeHash = hash === -1 ? rest : rest.slice(0, hash);
  if (hash !== -1) url.hash = rest.slice(hash);
  const question = beforeHash.indexOf("?");
  if (question !== -1) {
    url.search = beforeHash.slice(question);
    const query = beforeHash.slice(question + 1);
    url.query = parseQuery ? querystring.parse(query) : query;
  } else if (parseQuery) {
    url.search = null;
    url.query = Object.create(null);
  }
  const pathname = question === -1 ? beforeHash : beforeHash.slice(0, question);
  if (pathname !== "") url.pathname = pathname;
  else if (SLASHED.has(url.protocol) && url.hostname) url.pathname = "/";
  if (url.pathname !== null || url.search !== null)
    url.path = (url.pathname ?? "") + (url.search ?? "");
}

/** @returns {string} */
Url.prototype.format = function format() {
  const auth = this.auth ? `${encodeURIComponent(this.auth).replace(/%3A/i, ":")}@` : "";
  let protocol = this.protocol || "";
  if (protocol && !protocol.endsWith(":")) protocol += ":";
  let host = "";
  if (this.host) {
    host = auth + this.host;
  } else if (this.hostname) {
    const bare = this.hostname.includes(":") && !this.hostname.startsWith("[");
    host =
      auth + (bare ? `[${this.hostname}]` : this.hostname) + (this.port ? `:${this.port}` : "");
  }
  let pathname = (this.pathname || "").replace(/[?#]/g, percentEncode);
  const query =
    this.query !== null && typeof this.query === "object" ? querystring.stringify(this.query) : "";
  let search = this.search || (query && `?${query}`) || "";
  if (search && !search.startsWith("?")) search = `?${search}`;
  let hash = this.hash || "";
  if (hash && !hash.startsWith("#")) hash = `#${hash}`;

  if (this.slashes || SLASHED.has(protocol)) {
    if (this.slashes || host) {
      if (pathname && !pathname.startsWith("/")) pathname = `/${pathname}`;
      host = `//${host}`;
    } else if (protocol.startsWith("file")) {
      host = "//";
    }
  }
  return protocol + host + pathname + search.replaceAll("#", "%23") + hash;
};

/** @param {string} relative @returns {string} */
Url.prototype.resolve = function resolve(relative) {
  return this.resolveObject(parse(relative, false, true)).format();
};

/** @param {string | Url} relative @returns {Url} the reference, seen from this URL */
Url.prototype.resolveObject = function resolveObject(relative) {
  const reference = typeof relative === "string" ? parse(relative, false, true) : relative;
  const result = Object.assign(new Url(), this, { hash: reference.hash });
  if (reference.href === "") return finish(result);
  if (reference.protocol && reference.protocol !== this.protocol) {
    Object.assign(result, reference);
    return finish(result);
  }
  if (reference.slashes || reference.host) {
    const { host, hostname, port, auth, pathname, search, query } = reference;
    Object.assign(result, {
      slashes: this.slashes || reference.slashes,
      host,
      hostname,
      port,
      auth,
      search,
      query,
    });
    result.pathname = pathname && removeDots(pathname, true);
    if (!result.pathname && SLASHED.has(result.protocol)) result.pathname = "/";
    return finish(result);
  }
  if (reference.pathname) {
    result.pathname = mergePaths(this, reference.pathname);
    Object.assign(result, { search: reference.search, query: reference.query });
  } else if (reference.search !== null) {
    Object.assign(result, { search: reference.search, query: reference.query });
  }
  return finish(result);
};

function finish(url) {
  url.path =
    url.pathname !== null || url.search !== null ? (url.pathname || "") + (url.search || "") : null;
  url.href = url.format();
  return url;
}

function mergePaths(base, pathname) {
  const mustBeAbsolute = Boolean(base.host) || SLASHED.has(base.protocol);
  if (pathname.startsWith("/")) return removeDots(pathname, true);
  const basePath = base.pathname ?? "";
  const directory = basePath.slice(0, basePath.lastIndexOf("/") + 1);
  const merged = directory + pathname;
  return removeDots(
    mustBeAbsolute && !merged.startsWith("/") ? `/${merged}` : merged,
    mustBeAbsolute,
  );
}

function removeDots(path, mustBeAbsolute) {
  const isAbsolute = path.startsWith("/");
  const segments = isAbsolute ? path.slice(1).split("/") : path.split("/");
  const last = segments.at(-1);
  const kept = [];
  for (const segment of segments) {
    if (segment === ".") continue;
    if (segment !== "..") kept.push(segment);
    else if (kept.length > 0 && kept.at(-1) !== "..") kept.pop();
    else if (!isAbsolute && !mustBeAbsolute) kept.push("..");
  }
  if ((last === "." || last === "..") && kept.at(-1) !== "") kept.push("");
  return (isAbsolute ? "/" : "") + kept.join("/");
}

/** @param {string} from @param {string} to @returns {string} */
export function resolve(from, to) {
  return parse(from, false, true).resolve(to);
}

/** @param {string} from @param {string} to @returns {Url | string} */
export function resolveObject(from, to) {
  return from ? parse(from, false, true).resolveObject(to) : to;
}

/** @param {string | object} value a text, or the parts of a URL @returns {string} */
export function formatLegacy(value) {
  if (typeof value === "string") return parse(value).format();
  if (value === null || typeof value !== "object") {
    throw invalidArgType("urlObject", "of type object or string", value);
  }
  return Url.prototype.format.call(value);
}
