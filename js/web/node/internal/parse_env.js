// `util.parseEnv`: the text of a `.env` file.

import { validateString } from "ext:orilla_web/node/internal/validate.js";

/** What is in quotes may go over several lines; without the closing one they are plain text. */
const QUOTED = /^(["'`])([^]*?)\1[^\n]*/;

/**
 * @param {string} content lines of `NAME=value`, with comments after `#`
 * @returns {Record<string, string>}
 */
export function parseEnv(content) {
  validateString(content, "content");
  const found = new Map();
  let rest = content.replaceAll("\r", "");
  while (rest !== "") {
    const line = /^[^\n]*/.exec(rest)[0];
    const equals = line.indexOf("=");
    const name = line
      .slice(0, Math.max(equals, 0))
      .trim()
      .replace(/^export\s+/, "");
    let length = line.length;
    if (name !== "" && !name.startsWith("#")) {
      const start = equals + 1 + /^[^\S\n]*/.exec(rest.slice(equals + 1))[0].length;
      const quoted = QUOTED.exec(rest.slice(start));
      if (quoted) length = start + quoted[0].length;
      found.set(name, quoted ? unquoted(quoted) : plain(line.slice(start)));
    }
    rest = rest.slice(length + 1);
  }
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function unquoted([, mark, text]) {
  return mark === '"' ? text.replaceAll("\\n", "\n") : text;
}

function plain(text) {
  return text.split("#")[0].trim();
}
