/** Handlers for what happens to the app, beside its requests. */

import type { KvNamespaces, KvService } from "./kv.js";

/** `ready` comes before the first request, `draining` when another version has taken over, `stopped` after the last request. */
export type DeployPhase = "ready" | "draining" | "stopped";

/** What a handler of a phase is told. */
export interface DeployEvent {
  readonly phase: DeployPhase;
  /** When, in milliseconds since the Unix epoch. */
  readonly ts: number;
}

/** What a handler may use beside its event. */
export interface EventContext {
  readonly KV: KvNamespaces;
  readonly kv: KvService;
}

/** Called once in a phase; what it returns is waited for, within the app's wall clock limit. */
export type DeployHandler = (event: DeployEvent, ctx: EventContext) => unknown;

/** What {@link onDeploy} has registered. */
export interface DeployRegistration {
  readonly kind: "deploy";
  readonly phase: DeployPhase;
  readonly handler: DeployHandler;
}

/**
 * Calls `handler` when the deployment comes into `phase`. Call it while the module is evaluated.
 *
 * @throws {PlatformError} `EVENT_PHASE_UNKNOWN`, `EVENT_HANDLER_INVALID`
 */
export declare function onDeploy(phase: DeployPhase, handler: DeployHandler): DeployRegistration;
