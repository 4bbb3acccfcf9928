/** What must not happen at module scope, because its result would freeze into a snapshot. */

import { mock } from "node:test";

const HAZARDS = [
  [Math, "random"],
  [Date, "now"],
  [crypto, "getRandomValues"],
  [crypto, "randomUUID"],
  [globalThis, "fetch"],
  [globalThis, "setTimeout"],
  [globalThis, "setInterval"],
];

/**
 * @param {() => Promise<Module>} load
 * @returns {Promise<{ module: Module, hazards: string[] }>} what was loaded, and which of the above it did meanwhile
 * @template Module
 */
export async function watchingHazards(load) {
  const mocks = HAZARDS.map(([object, name]) => mock.method(object, name));
  const module = await load();
  const hazards = HAZARDS.filter((_, i) => mocks[i].mock.callCount() > 0).map(([, name]) => name);
  mock.restoreAll();
  return { module, hazards };
}
