// The class of every error the platform raises in an app.
import { core } from "ext:core/mod.js";

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

// deno_core builds the errors that ops raise: it gives the message alone and adds `code` to what has none.
class HostError extends PlatformError {
  constructor(message) {
    super(undefined, message);
    delete this.code;
  }
}

core.registerErrorClass("PlatformError", HostError);
