// How `inspect` breaks entries into lines.

const ANSI = /\x1b\[\d+m/g;
/** Lists longer than this are set in columns when their entries are short. */
const COLUMNS_FROM = 7;
const COLUMNS_WIDTH = 76;
const MAX_COLUMNS = 16;

/**
 * @param {object} run the inspection
 * @param {{ entries: string[], base: string, open: string, close: string, isList?: boolean, level:
 *   number }} parts
 * @returns {string}
 */
export function layOut(run, { entries, base, open, close, isList, level }) {
  const lead = base === "" ? "" : `${base} `;
  const indent = `\n${" ".repeat(run.indentation)}`;
  if (run.compact === true) {
    if (fits(run, entries, 0, base)) return `${lead}${open} ${entries.join(", ")} ${close}`;
    return `${lead}${open} ${joined(entries, `,${indent}  `)} ${close}`;
  }
  let rows = entries;
  if (typeof run.compact === "number") {
    if (isList && entries.length >= COLUMNS_FROM) rows = columns(run, entries);
    // Only the innermost levels go on one line, and only those that were not set in columns.
    if (run.currentDepth - level < run.compact && rows === entries) {
      const start = rows.length + run.indentation + open.length + base.length + 10;
      const line = rows.join(", ");
      if (fits(run, rows, start, base) && !line.includes("\n"))
        return `${lead}${open} ${line} ${close}`;
    }
  }
  return `${lead}${open}${indent}  ${joined(rows, `,${indent}  `)}${indent}${close}`;
}

/** Unlike `join` it does not copy the entries, which are long where many levels are nested. */
function joined(entries, separator) {
  let text = entries[0] ?? "";
  for (let i = 1; i < entries.length; i++) text += separator + entries[i];
  return text;
}

function width(run, text) {
  return run.colors ? text.replace(ANSI, "").length : text.length;
}

function fits(run, entries, start, base) {
  let total = entries.length + start;
  for (const entry of entries) {
    total += width(run, entry);
    if (total + entries.length > run.breakLength) return false;
  }
  return base === "" || !base.includes("\n");
}

/** Sets short entries in columns of equal width; returns the same array when they are not short. */
function columns(run, entries) {
  const widths = entries.map((entry) => width(run, entry));
  const last = entries.at(-1).startsWith("... ") ? entries.length - 1 : entries.length;
  const cell = Math.max(...widths.slice(0, last)) + 2;
  const room = Math.min(COLUMNS_WIDTH, run.breakLength - run.indentation);
  const count = Math.min(Math.floor(room / cell), MAX_COLUMNS, run.compact * 4);
  if (count < 2 || cell > 18 || entries.some((entry) => entry.includes("\n"))) return entries;
  const alignRight = entries.slice(0, last).every((entry) => /^(\x1b\[\d+m)?-?\d/.test(entry));
  const rows = [];
  for (let start = 0; start < last; start += count) {
    const end = Math.min(start + count, last);
    const cells = entries.slice(start, end).map((entry, i) => {
      const space = " ".repeat(cell - 2 - widths[start + i]);
      const text = start + i < end - 1 ? `${entry}, ` : entry;
      return alignRight ? space + text : text + space;
    });
    rows.push(cells.join("").trimEnd());
  }
  if (last < entries.length) rows.push(entries[last]);
  return rows;
}
