// `node:console`: the global console, whose lines go to the app's log.

import { absent } from "ext:orilla_web/node/internal/absent.js";

const [names, module] = absent("console", "an app has one console, which writes to its log");
const { console } = globalThis;

export const { Console, context, createTask } = names;
export const {
  assert,
  clear,
  count,
  countReset,
  debug,
  dir,
  dirxml,
  error,
  group,
  groupCollapsed,
  groupEnd,
  info,
  log,
  profile,
  profileEnd,
  table,
  time,
  timeEnd,
  timeLog,
  timeStamp,
  trace,
  warn,
} = console;

// What an app or its tracing puts on the global console later is seen here too.
export default Object.setPrototypeOf(module, console);
