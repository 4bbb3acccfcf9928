// `node:perf_hooks`: the platform's own performance objects. What looks at the event loop is there in name only.

import { absent } from "ext:orilla_web/node/internal/absent.js";

const [names, absentMembers] = absent("perf_hooks", "the host measures what its isolates do");

export const { PerformanceResourceTiming, createHistogram, monitorEventLoopDelay } = names;
export const {
  Performance,
  performance,
  PerformanceEntry,
  PerformanceMark,
  PerformanceMeasure,
  PerformanceObserver,
  PerformanceObserverEntryList,
} = globalThis;
export const constants = Object.freeze({});

export default {
  ...absentMembers,
  Performance,
  PerformanceEntry,
  PerformanceMark,
  PerformanceMeasure,
  PerformanceObserver,
  PerformanceObserverEntryList,
  constants,
  performance,
};
