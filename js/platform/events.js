// What `import { onDeploy } from "@orilla/platform/events"` gives an app inside the runtime.
import { addPhaseHandler, PHASES } from "ext:orilla_web/deploy_phases.js";
import { PlatformError } from "ext:orilla_web/errors.js";
import { DB } from "ext:orilla_platform/database.js";
import { KV, kv } from "ext:orilla_platform/kv.js";

/** What a handler may use beside its event. */
const context = Object.freeze({ KV, kv, DB, database: DB });

/**
 * Calls `handler` when the deployment comes into a phase: `ready`, before its first request; `draining`, when another version has
 * taken over or the host stops; `stopped`, when its last request has ended.
 * @param {"ready" | "draining" | "stopped"} phase
 * @param {(event: { phase: string, ts: number }, ctx: object) => unknown} handler
 * @returns what was registered, for an `export`
 * @throws {PlatformError} `EVENT_PHASE_UNKNOWN`, `EVENT_HANDLER_INVALID`
 */
export function onDeploy(phase, handler) {
  if (!PHASES.includes(phase)) {
    throw new PlatformError(
      "EVENT_PHASE_UNKNOWN",
      `onDeploy() knows the phases ${PHASES.join(", ")}, not ${JSON.stringify(phase)}`,
    );
  }
  if (typeof handler !== "function") {
    throw new PlatformError(
      "EVENT_HANDLER_INVALID",
      `onDeploy(${JSON.stringify(phase)}, …) needs a function as its handler`,
    );
  }
  addPhaseHandler(phase, (event) => handler(event, context));
  return Object.freeze({ kind: "deploy", phase, handler });
}
