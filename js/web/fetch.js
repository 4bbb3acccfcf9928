// The global fetch(): counted against the invocation's sub-requests, refused where egress is not allowed, and part of the
// invocation's trace. The client behind it is compiled at the first call.
import { core } from "ext:core/mod.js";
import { op_request_header, op_subrequest } from "ext:core/ops";
import { currentFrame } from "ext:orilla_web/async_context.js";
import { PlatformError } from "ext:orilla_web/errors.js";

const { Request } = core.loadExtScript("ext:deno_fetch/23_request.js");

/** The headers that tell a server which trace a request belongs to. */
const TRACE_HEADERS = ["traceparent", "tracestate"];

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
    return await core.loadExtScript("ext:deno_fetch/26_fetch.js").fetch(inTrace(input, init));
  } catch (error) {
    throw refusal(error) ?? error;
  }
}

/** The request, in the trace of the invocation unless the app has put it into another. */
function inTrace(input, init) {
  const request = new Request(input, init);
  if (request.headers.has("traceparent")) return request;
  const { invocation } = currentFrame();
  for (const name of TRACE_HEADERS) {
    const value = op_request_header(invocation, name);
    if (value !== null) request.headers.set(name, value);
  }
  return request;
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
