/**
 * `@orilla/platform` as Node, a bundler or an editor sees it. Inside the Orilla runtime the same import is
 * resolved by the host, so nothing here ever reaches a service.
 */

/** An error with a stable code, as every platform service throws it. */
export class PlatformError extends Error {
  /**
   * @param {string} code stable, upper case, for programs: `KV_VALUE_TOO_LARGE`
   * @param {string} message for people: what happened and what to do
   */
  constructor(code, message) {
    super(message);
    this.name = "PlatformError";
    this.code = code;
  }
}

/**
 * The services of the running app. Outside the runtime there are none.
 *
 * @returns {never}
 * @throws {PlatformError} `PLATFORM_NOT_IN_RUNTIME`
 */
export function getPlatform() {
  throw new PlatformError(
    "PLATFORM_NOT_IN_RUNTIME",
    "getPlatform() has no services here, because this code is not running inside the Orilla runtime. " +
      "Build the app and start it with `runtime serve <output directory>/manifest.json`; " +
      "if it already runs there, leave `@orilla/platform` external when bundling it.",
  );
}
