// `node:v8`, in name only.

import { absent, absentObject } from "ext:orilla_web/node/internal/absent.js";

const [names, module] = absent(
  "v8",
  "the engine is the host's; for copies there is structuredClone, for memory process.memoryUsage",
);

export const promiseHooks = absentObject(
  "v8.promiseHooks",
  "use AsyncLocalStorage of node:async_hooks",
  ["createHook", "onAfter", "onBefore", "onInit", "onSettled"],
);
export const startupSnapshot = {
  ...absentObject("v8.startupSnapshot", "the host makes snapshots", [
    "addDeserializeCallback",
    "addSerializeCallback",
    "setDeserializeMainFunction",
  ]),
  isBuildingSnapshot: () => false,
};

export const {
  DefaultDeserializer,
  DefaultSerializer,
  Deserializer,
  GCProfiler,
  Serializer,
  cachedDataVersionTag,
  deserialize,
  getCppHeapStatistics,
  getHeapCodeStatistics,
  getHeapSnapshot,
  getHeapSpaceStatistics,
  getHeapStatistics,
  isStringOneByteRepresentation,
  queryObjects,
  serialize,
  setFlagsFromString,
  setHeapSnapshotNearHeapLimit,
  stopCoverage,
  takeCoverage,
  writeHeapSnapshot,
} = names;

export default Object.assign(module, { promiseHooks, startupSnapshot });
