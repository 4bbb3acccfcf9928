// `node:worker_threads`: this is the main thread, and the only one. Channels are the platform's.

import { absent, lateClass } from "ext:orilla_web/node/internal/absent.js";

const [names, module] = absent(
  "worker_threads",
  "an app has one thread; the host runs it on several by itself",
);

export const { Worker, moveMessagePortToContext, postMessageToThread, receiveMessageOnPort } =
  names;
export const { MessageChannel, MessagePort } = globalThis;
export const BroadcastChannel = lateClass("BroadcastChannel");
export const SHARE_ENV = Symbol.for("nodejs.worker_threads.SHARE_ENV");
export const isInternalThread = false;
export const isMainThread = true;
export const parentPort = null;
export const resourceLimits = {};
export const threadId = 0;
export const threadName = "";
export const workerData = null;

const environment = new Map();

/** @param {unknown} key @returns {unknown} what was set in this isolate */
export function getEnvironmentData(key) {
  return environment.get(key);
}

/** @param {unknown} key @param {unknown} [value] nothing forgets the key */
export function setEnvironmentData(key, value) {
  if (value === undefined) environment.delete(key);
  else environment.set(key, value);
}

/** Has no effect: what is passed on stays in this isolate. */
export function markAsUncloneable() {}

/** Has no effect. */
export function markAsUntransferable() {}

/** @returns {boolean} never */
export function isMarkedAsUntransferable() {
  return false;
}

export default Object.assign(module, {
  BroadcastChannel,
  MessageChannel,
  MessagePort,
  SHARE_ENV,
  getEnvironmentData,
  isInternalThread,
  isMainThread,
  isMarkedAsUntransferable,
  markAsUncloneable,
  markAsUntransferable,
  parentPort,
  resourceLimits,
  setEnvironmentData,
  threadId,
  threadName,
  workerData,
});
