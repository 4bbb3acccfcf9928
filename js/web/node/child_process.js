// `node:child_process`, in name only.

import { absent } from "ext:orilla_web/node/internal/absent.js";

const [names, module] = absent("child_process", "an app cannot start processes");

export const { ChildProcess, exec, execFile, execFileSync, execSync, fork, spawn, spawnSync } =
  names;

export default module;
