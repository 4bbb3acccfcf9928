// `node:cluster`, in name only: this is the primary, and it has no workers.

import { EventEmitter } from "node:events";
import { absent } from "ext:orilla_web/node/internal/absent.js";

const [names, module] = absent(
  "cluster",
  "an app cannot start processes; the host runs it on several threads",
);

export const { Worker, disconnect, fork, setupMaster, setupPrimary } = names;
export const SCHED_NONE = 1;
export const SCHED_RR = 2;
export const isMaster = true;
export const isPrimary = true;
export const isWorker = false;
export const schedulingPolicy = SCHED_RR;
export const settings = {};
export const workers = {};

export default Object.assign(new EventEmitter(), module, {
  SCHED_NONE,
  SCHED_RR,
  isMaster,
  isPrimary,
  isWorker,
  schedulingPolicy,
  settings,
  workers,
});
