// What connects to other servers, the global fetch() first of all: counted against the invocation's sub-requests, refused
// where egress is not allowed, and part of the invocation's trace. The client behind it is compiled at the first call.
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
  op_subrequest(true);
  const request = inTrace(input, init);
  try {
    const response = await core.loadExtScript("ext:orilla_web/client.js").fetch(request);
    if (request.integrity === "") return response;
    const { verified } = core.loadExtScript("ext:orilla_web/integrity.js");
    return await verified(response, request.integrity);
  } catch (error) {
    // An abort has whatever reason the app gives it.
    throw request.signal.aborted ? error : (refusal(error) ?? coded(error, request.url));
  }
}

/** The same error; what kept fetch from an answer has a code, if it is one that programs look for. */
function coded(error, url) {
  if (error instanceof TypeError && error.cause instanceof Error) {
    core.loadExtScript("ext:orilla_web/network_error.js").addCode(error.cause, new URL(url));
  }
  return error;
}

/** The request, in the trace of the invocation unless the app has put it into another. */
function inTrace(input, init) {
  const request = new Request(input, init);
  if (request.headers.has("traceparent")) return request;
  for (const [name, value] of traceHeaders()) request.headers.set(name, value);
  return request;
}

/** The headers that put a request into the trace of the invocation. */
export function traceHeaders() {
  const { invocation } = currentFrame();
  const headers = TRACE_HEADERS.map((name) => [name, op_request_header(invocation, name)]);
  return headers.filter(([, value]) => value !== null);
}

/**
 * `EventSource`, every object of which is a connection: each counts as a sub-request, and its request is part of the invocation's
 * trace. How often it connects anew is its own affair.
 *
 * @template {typeof EventSource} T
 * @param {T} constructor
 * @returns {T}
 */
export function counted(constructor) {
  const proxy = new Proxy(constructor, {
    construct(target, [url, init, ...rest], newTarget) {
      if (arguments[1].length === 0) return Reflect.construct(target, []);
      op_subrequest(true);
      const args = [url, withHeaders(init, traceHeaders()), ...rest];
      return Reflect.construct(target, args, newTarget === proxy ? target : newTarget);
    },
  });
  Object.defineProperty(constructor.prototype, "constructor", {
    value: proxy,
    writable: true,
    enumerable: false,
    configurable: true,
  });
  return proxy;
}

/** The second argument of such a constructor, with these headers unless it brings its own. */
function withHeaders(init, headers) {
  if (headers.length === 0) return init;
  return init === undefined ? { headers } : { headers, ...init };
}

/** The coded error for a connection that egress rules refuse, or undefined for any other failure. */
export function refusal(error) {
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
