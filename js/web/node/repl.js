// `node:repl`, in name only.

import { absent } from "ext:orilla_web/node/internal/absent.js";

const [names, module] = absent("repl", "an app has no terminal");

export const { REPLServer, Recoverable, isValidSyntax, start, writer } = names;
export const REPL_MODE_SLOPPY = Symbol("repl-sloppy");
export const REPL_MODE_STRICT = Symbol("repl-strict");

export default Object.assign(module, { REPL_MODE_SLOPPY, REPL_MODE_STRICT });
