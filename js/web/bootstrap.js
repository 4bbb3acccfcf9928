// Runs last: puts the web platform in place, hides the way to the host, and hands the host its entry points.
import "ext:orilla_web/first.js";
import { op_register_entry_points } from "ext:core/ops";
import { adopt, cancel, dispatchFetch, dispatchPhase } from "ext:orilla_web/dispatch.js";
import { defineGlobals, wake } from "ext:orilla_web/globals.js";
import { keepCallSites } from "ext:orilla_web/kept_call_sites.js";
import { provide } from "ext:orilla_web/node_host.js";
import { guard, release, stay } from "ext:orilla_web/snapshot_guard.js";
import * as asyncHooks from "node:async_hooks";
import * as events from "node:events";
import * as process from "node:process";
import "node:@orilla/platform";
import "node:@orilla/platform/events";

provide("async_hooks", asyncHooks);
provide("events", events);
provide("process", process);
op_register_entry_points({
  adopt,
  cancel,
  dispatchFetch,
  dispatchPhase,
  guard,
  keepCallSites,
  release,
  stay,
  wake,
});
defineGlobals();
