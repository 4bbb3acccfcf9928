// `node:os`: constants. The machine is none of an app's business.

import { absent } from "ext:orilla_web/node/internal/absent.js";
import { dlopen, errno, priority, signals } from "ext:orilla_web/node/internal/constants/system.js";
import { arch as processArch, platform as processPlatform, uptime } from "node:process";

export const EOL = "\n";
export const devNull = "/dev/null";
export const constants = Object.freeze({ UV_UDP_REUSEADDR: 4, dlopen, errno, priority, signals });

const [names, absentFunctions] = absent("os", "an app knows nothing of users and processes");

export const { getPriority, setPriority, userInfo } = names;

export const arch = () => processArch;
export const availableParallelism = () => 1;
export const cpus = () => [];
export const endianness = () => "LE";
export const freemem = () => 0;
export const homedir = () => "/";
export const hostname = () => "localhost";
export const loadavg = () => [0, 0, 0];
export const machine = () => "x86_64";
export const networkInterfaces = () => ({});
export const platform = () => processPlatform;
export const release = () => "0.0.0";
export const tmpdir = () => "/tmp";
export const totalmem = () => 0;
export const type = () => "Linux";
export const version = () => "orilla";
export { uptime };

export default {
  ...absentFunctions,
  EOL,
  arch,
  availableParallelism,
  constants,
  cpus,
  devNull,
  endianness,
  freemem,
  homedir,
  hostname,
  loadavg,
  machine,
  networkInterfaces,
  platform,
  release,
  tmpdir,
  totalmem,
  type,
  uptime,
  version,
};
