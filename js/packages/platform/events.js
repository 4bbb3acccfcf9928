/**
 * `@orilla/platform/events` as Node, a bundler or an editor sees it. Inside the Orilla runtime the same import is resolved by
 * the host; here a handler is only described, and nothing ever calls it.
 */

/**
 * Describes a handler for a phase of the deployment.
 *
 * @param {import("./events.js").DeployPhase} phase
 * @param {import("./events.js").DeployHandler} handler
 * @returns {import("./events.js").DeployRegistration}
 */
export function onDeploy(phase, handler) {
  return Object.freeze({ kind: "deploy", phase, handler });
}
