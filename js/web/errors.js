// The class of every error the platform raises in an app.

/** An error with a stable code; the message says what to do. */
export class PlatformError extends Error {
  /**
   * @param {string} code Such as `KV_VALUE_TOO_LARGE`.
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.code = code;
  }

  get name() {
    return "PlatformError";
  }
}
