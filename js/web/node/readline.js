// `node:readline`, in name only.

import promises from "node:readline/promises";
import { absent } from "ext:orilla_web/node/internal/absent.js";

export { promises };

const [names, module] = absent("readline", "an app has no terminal; read a stream by its chunks");

export const {
  Interface,
  clearLine,
  clearScreenDown,
  createInterface,
  cursorTo,
  emitKeypressEvents,
  moveCursor,
} = names;

export default Object.assign(module, { promises });
