// The global fetch(): counted against the invocation's sub-requests, refused where egress is not allowed. The client
// behind it is compiled at the first call.
import { core } from "ext:core/mod.js";
import { op_subrequest } from "ext:core/ops";
import { PlatformError } from "ext:orilla_web/errors.js";

/**
 * @param {RequestInfo | URL} input
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export async function fetch(input, init = undefined) {
  if (arguments.length === 0)
    throw new TypeError("Failed to execute 'fetch': 1 argument required, but only 0 present");
  op_subrequest();
  try {
    return await core.loadExtScript("ext:deno_fetch/26_fetch.js").fetch(input, init);
  } catch (error) {
    throw refusal(error) ?? error;
  }
}

/** The coded error for a connection that egress rules refuse, or undefined for any other failure. */
function refusal(error) {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (
      cause instanceof core.NotCapable ||
      /Requires (net|read|import) access|permission denied/i.test(cause.message)
    ) {
      return new PlatformError(
        "EGRESS_DENIED",
        "the address is private, and this host does not let apps connect to it; allow it under [egress] in orilla.toml",
      );
    }
  }
  return undefined;
}
