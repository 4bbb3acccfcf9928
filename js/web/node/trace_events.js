// `node:trace_events`, in name only.

import { absent } from "ext:orilla_web/node/internal/absent.js";

const [names, module] = absent("trace_events", "the host records traces");

export const { createTracing } = names;

/** @returns {undefined} none is enabled */
export function getEnabledCategories() {
  return undefined;
}

export default Object.assign(module, { getEnabledCategories });
