// `node:os`: constants. The machine is none of an app's business.

import { arch as processArch, platform as processPlatform, uptime } from "node:process";

export const EOL = "\n";
export const devNull = "/dev/null";
export const constants = Object.freeze({ errno: Object.freeze({}), signals: Object.freeze({}) });

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
