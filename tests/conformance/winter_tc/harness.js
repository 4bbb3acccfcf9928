// The harness of the suite in this directory. `conformance.rs` puts these files into one module, each as an area of its
// own, so that `test` files a case under the area it stands in.

/** @typedef {{ origin: string }} Peer Where the suite's own server listens; its routes are in peer.js. */
/** @typedef {{ name: string, run: (peer: Peer) => unknown, reason?: string }} Case */

/** @type {Record<string, Case[]>} */
export const areas = {};
let current;

/**
 * Files the cases that `define` makes under `name`.
 * @param {string} name
 * @param {() => void} define
 */
export function area(name, define) {
  current = areas[name] = [];
  define();
}

/**
 * A case: it holds when `run` neither throws nor rejects.
 * @param {string} name
 * @param {(peer: Peer) => unknown} run
 */
export function test(name, run) {
  current.push({ name, run });
}

/**
 * A case that is known not to hold. It fails when it does hold, so that nothing stays in this state unnoticed.
 * @param {string} reason What is different, as docs/web-platform.md says it.
 * @param {string} name
 * @param {(peer: Peer) => unknown} run
 */
export function differs(reason, name, run) {
  current.push({ name, run, reason });
}

/** @param {unknown} condition @param {string} [message] */
export function assert(condition, message = "expected it to hold") {
  if (!condition) throw new Error(message);
}

/**
 * Same values: by content for arrays, views, plain objects and dates, else by `Object.is`.
 * @param {unknown} actual @param {unknown} expected @param {string} [message]
 */
export function assertEquals(actual, expected, message = "") {
  if (!same(actual, expected))
    throw new Error(`${message} expected ${show(expected)}, got ${show(actual)}`.trim());
}

/**
 * Asserts that `run` throws, now or later.
 * @param {() => unknown} run
 * @param {Function | string} kind A class, or the name of a DOMException.
 */
export async function assertThrows(run, kind) {
  let thrown;
  try {
    await run();
  } catch (error) {
    thrown = { error };
  }
  const wanted = typeof kind === "string" ? kind : kind.name;
  if (thrown === undefined) throw new Error(`expected ${wanted}, and nothing was thrown`);
  const { error } = thrown;
  const right =
    typeof kind === "string"
      ? error instanceof DOMException && error.name === kind
      : error?.constructor === kind;
  if (!right) throw new Error(`expected ${wanted}, got ${show(error)}`);
}

/**
 * What the suite says of an area.
 * @param {string} name @param {Peer} peer
 * @returns {Promise<{ held: number, differing: string[], failures: string[] }>}
 */
export async function runArea(name, peer) {
  const failures = [];
  const differing = [];
  let held = 0;
  for (const { name: title, run, reason } of areas[name]) {
    let failure;
    try {
      await withDeadline(run(peer));
    } catch (error) {
      failure = String(error?.message ?? error);
    }
    if (reason !== undefined) {
      if (failure === undefined) failures.push(`${title}: holds, and is filed as differing`);
      else differing.push(reason);
    } else if (failure !== undefined) failures.push(`${title}: ${failure}`);
    else held += 1;
  }
  return { held, differing, failures };
}

// Far beyond what any case takes: it only tells which one hangs.
const DEADLINE_MS = 10_000;

function withDeadline(result) {
  if (typeof result?.then !== "function") return result;
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(reject, DEADLINE_MS, new Error("it does not end"));
  });
  return Promise.race([result, deadline]).finally(() => clearTimeout(timer));
}

function same(a, b) {
  if (Object.is(a, b)) return true;
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (a instanceof Date) return a.getTime() === b.getTime();
  if (a instanceof ArrayBuffer) return same(new Uint8Array(a), new Uint8Array(b));
  const keys = Object.keys(a);
  return (
    (Array.isArray(a) || ArrayBuffer.isView(a) || Object.getPrototypeOf(a) === Object.prototype) &&
    keys.length === Object.keys(b).length &&
    keys.every((key) => key in b && same(a[key], b[key]))
  );
}

function show(value) {
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Error || value instanceof DOMException)
    return `${value.name}: ${value.message}`;
  if (value instanceof ArrayBuffer) return `ArrayBuffer ${show(new Uint8Array(value))}`;
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} [${value}]`;
  if (value !== null && typeof value === "object") {
    try {
      return JSON.stringify(value);
    } catch {
      return Object.prototype.toString.call(value);
    }
  }
  return String(value);
}
