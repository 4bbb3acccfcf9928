// Options of the services' methods: one that is misspelt has no effect, and nobody would notice.
import { PlatformError } from "ext:orilla_web/errors.js";

/** How many letters may be wrong in a name for it to be taken for another. */
const MAX_WRONG_LETTERS = 3;
/** Longest name that is looked at letter by letter, and quoted as a whole. */
const MAX_NAME_LENGTH = 64;

/**
 * Refuses options that a method does not have. Those that are undefined are not there.
 * @param {string} code of the error
 * @param {string} method
 * @param {unknown} options
 * @param {readonly string[]} known
 * @throws {PlatformError}
 */
export function checkOptions(code, method, options, known) {
  if (options === undefined || options === null) return;
  if (typeof options !== "object") {
    throw new PlatformError(
      code,
      `the options of ${method}() must be an object such as { ${known[0]} }, not a ${typeof options}`,
    );
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name) || options[name] === undefined) continue;
    const nearest = nearestTo(name, known);
    const advice =
      nearest === undefined ? `there are ${known.join(", ")}` : `did you mean \`${nearest}\`?`;
    throw new PlatformError(
      code,
      `${method}() has no option ${JSON.stringify(name.slice(0, MAX_NAME_LENGTH))}: ${advice}`,
    );
  }
}

/** The name that another one was probably meant to be, if there is one. */
function nearestTo(name, known) {
  if (name.length > MAX_NAME_LENGTH) return undefined;
  const written = name.toLowerCase();
  const ranked = known
    .map((candidate) => ({ candidate, wrong: distance(written, candidate.toLowerCase()) }))
    .filter(({ candidate, wrong }) => wrong <= Math.min(MAX_WRONG_LETTERS, candidate.length / 2))
    .sort((a, b) => a.wrong - b.wrong);
  return ranked[0]?.candidate;
}

/** How many letters have to be put in, left out or replaced to make one text of the other, or neighbours exchanged. */
function distance(from, to) {
  let before,
    previous = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 0; i < from.length; i++) {
    const row = [i + 1];
    for (let j = 0; j < to.length; j++) {
      const replaced = previous[j] + (from[i] === to[j] ? 0 : 1);
      row.push(Math.min(replaced, previous[j + 1] + 1, row[j] + 1));
      if (i > 0 && j > 0 && from[i] === to[j - 1] && from[i - 1] === to[j])
        row[j + 1] = Math.min(row[j + 1], before[j - 1] + 1);
    }
    [before, previous] = [previous, row];
  }
  return previous[to.length];
}
