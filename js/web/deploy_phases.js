// The handlers an app has for the phases of a deployment: collected while its module is evaluated, called by the dispatcher.

/** The phases, in the order in which they come. */
export const PHASES = ["ready", "draining", "stopped"];

const handlers = new Map(PHASES.map((phase) => [phase, []]));

/**
 * Adds a handler.
 * @param {string} phase one of {@link PHASES}
 * @param {(event: { phase: string, ts: number }) => unknown} handler
 */
export function addPhaseHandler(phase, handler) {
  handlers.get(phase).push(handler);
}

/**
 * The handlers of a phase.
 * @param {string} phase
 */
export function phaseHandlers(phase) {
  return handlers.get(phase);
}
