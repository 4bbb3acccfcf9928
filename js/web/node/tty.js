// `node:tty`, in name only: nothing here is a terminal.

import { absent } from "ext:orilla_web/node/internal/absent.js";

const [names, module] = absent("tty", "an app has no terminal; its output goes to the log");

export const { ReadStream, WriteStream } = names;

/** @returns {boolean} never */
export function isatty() {
  return false;
}

export default Object.assign(module, { isatty });
