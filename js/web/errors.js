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

  /** What the host reads of an error that nobody catches, beside its stack. */
  get [Symbol.for("errorAdditionalPropertyKeys")]() {
    return ["code"];
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

const { DOMException, QuotaExceededError } = core.loadExtScript("ext:deno_web/01_dom_exception.js");

// The names by which ops of the web platform raise a DOMException.
for (const name of [
  "AbortError",
  "DataError",
  "IndexSizeError",
  "InvalidAccessError",
  "InvalidCharacterError",
  "InvalidStateError",
  "NetworkError",
  "NotSupportedError",
  "OperationError",
  "SyntaxError",
  "TypeMismatchError",
]) {
  core.registerErrorBuilder(`DOMException${name}`, (message) => new DOMException(message, name));
}

core.registerErrorBuilder(
  "DOMExceptionQuotaExceededError",
  (message) => new QuotaExceededError(message),
);

// What the operating system says of sockets and the like. Apps see an Error with that name.
for (const name of [
  "AddrInUse",
  "AddrNotAvailable",
  "AlreadyExists",
  "BrokenPipe",
  "Busy",
  "ConnectionAborted",
  "ConnectionRefused",
  "ConnectionReset",
  "Http",
  "InvalidData",
  "IsADirectory",
  "NetworkUnreachable",
  "NotADirectory",
  "NotConnected",
  "NotFound",
  "NotSupported",
  "PermissionDenied",
  "TimedOut",
  "UnexpectedEof",
  "WouldBlock",
  "WriteZero",
]) {
  core.registerErrorBuilder(name, (message) =>
    Object.defineProperty(new Error(message), "name", { value: name }),
  );
}
