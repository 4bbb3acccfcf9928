// From the app's Response to the host. Text and bytes that are already there cross in one call; a stream is pumped with
// the client's back-pressure.
import { core } from "ext:core/mod.js";
import {
  op_body_close,
  op_body_error,
  op_body_room,
  op_body_write,
  op_respond_bytes,
  op_respond_stream,
  op_respond_string,
  op_respond_text,
  op_respond_websocket,
  op_response_room,
} from "ext:core/ops";
import { PlatformError } from "ext:orilla_web/errors.js";
import { attachToClient, socketOf } from "ext:orilla_web/web_socket_pair.js";

const {
  getInnerResponse,
  responseBodyUsed,
  ResponsePrototype,
  SERVE_FAST_HEADER_CONTENT_TYPE,
  SERVE_FAST_HEADER_DEFAULT_TEXT,
  serveFastBodyKey,
  serveFastConsumedKey,
  serveFastContentTypeKey,
  serveFastHeaderKindKey,
  serveFastStatusKey,
  toInnerResponse,
  wireHeaderList,
} = core.loadExtScript("ext:deno_fetch/23_response.js");
const { ReadableStreamPrototype } = core.loadExtScript("ext:deno_web/06_streams.js");

const TEXT = "text/plain;charset=UTF-8";

/** What the host says of a chunk of a streamed body. */
const ACCEPTED = 0,
  FULL = 1;

const isPrototypeOf = Function.prototype.call.bind(Object.prototype.isPrototypeOf);

/**
 * Sends `response` for the invocation of `run`.
 * @param {import("./dispatch.js").Run} run
 * @param {Response} response
 * @throws {PlatformError} `HANDLER_NOT_A_RESPONSE`, `RESPONSE_BODY_USED`, `RESPONSE_WEBSOCKET_MISSING`
 */
export function respond(run, response) {
  if (
    response === null ||
    typeof response !== "object" ||
    !isPrototypeOf(ResponsePrototype, response)
  ) {
    throw new PlatformError(
      "HANDLER_NOT_A_RESPONSE",
      `the fetch handler returned ${describe(response)}; it must return a Response or a promise of one`,
    );
  }
  if (response[serveFastStatusKey] !== 0 && respondFast(run, response)) return;
  const inner = toInnerResponse(response) ?? toInnerResponse(likenessOf(response));
  const { status, body } = inner;
  const headers = wireHeaderList(inner);
  if (status === 101) return respondWebSocket(run, response, headers);
  if (status === 0) {
    throw new PlatformError(
      "HANDLER_NOT_A_RESPONSE",
      "the fetch handler returned Response.error()",
    );
  }
  if (body === null) {
    op_respond_bytes(run.id, status, headers, null, run.isIdle());
    return;
  }
  const source = body.streamOrStatic;
  if (isPrototypeOf(ReadableStreamPrototype, source)) {
    if (body.unusable()) throw bodyUsed();
    op_respond_stream(run.id, status, headers);
    run.waitUntil(pump(run.id, source));
    return;
  }
  if (source.consumed) throw bodyUsed();
  source.consumed = true;
  const op = typeof source.body === "string" ? op_respond_string : op_respond_bytes;
  const missing = op(run.id, status, headers, source.body, run.isIdle());
  if (missing > 0) respondLater(run, missing, op, status, headers, source.body);
}

/** A Response with what an object says of itself that is one by its prototype only, as frameworks make them. */
function likenessOf(response) {
  const { status, headers, body } = response;
  return new Response(body, { status, headers });
}

/** Responses made of a string, with at most a content type: nearly all of them. */
function respondFast(run, response) {
  const body = response[serveFastBodyKey];
  if (typeof body !== "string") return false;
  if (responseBodyUsed(response) || getInnerResponse(response).body?.unusable()) throw bodyUsed();
  try {
    response[serveFastConsumedKey] = true;
  } catch {
    // It is frozen, and so is its text.
  }
  const kind = response[serveFastHeaderKindKey];
  const contentType =
    kind === SERVE_FAST_HEADER_DEFAULT_TEXT
      ? TEXT
      : kind === SERVE_FAST_HEADER_CONTENT_TYPE
        ? response[serveFastContentTypeKey]
        : "";
  const status = response[serveFastStatusKey];
  const missing = op_respond_text(run.id, status, contentType, body, run.isIdle());
  if (missing > 0) respondLater(run, missing, op_respond_text, status, contentType, body);
  return true;
}

/**
 * Keeps a response back, in the isolate, where it counts, until clients have taken enough of the app's other ones.
 * @param {import("./dispatch.js").Run} run
 * @param {number} missing bytes
 * @param {Function} op what sends it, and answers how many bytes are still missing
 * @param {...unknown} response what the op takes
 */
function respondLater(run, missing, op, ...response) {
  run.stay();
  const wait = async () => {
    while (missing > 0 && (await op_response_room(run.id, missing)))
      missing = op(run.id, ...response, false);
  };
  run.waitUntil(wait());
}

function respondWebSocket(run, response, headers) {
  const socket = socketOf(response);
  if (socket === undefined) {
    throw new PlatformError(
      "RESPONSE_WEBSOCKET_MISSING",
      "a Response with status 101 needs `webSocket`: one end of a WebSocketPair",
    );
  }
  attachToClient(socket, op_respond_websocket(run.id, headers));
  run.waitUntil(socket.finished);
}

async function pump(id, stream) {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      if (!ArrayBuffer.isView(value) || !(value instanceof Uint8Array)) {
        throw new TypeError("a Response's stream must yield Uint8Array chunks");
      }
      if (value.byteLength === 0) continue;
      let state = op_body_write(id, value);
      if (state === FULL && (await op_body_room(id, value.byteLength)))
        state = op_body_write(id, value);
      if (state !== ACCEPTED) {
        // Whether its source minds that is nobody's concern any more.
        await reader
          .cancel(new DOMException("The client has gone away", "AbortError"))
          .catch(() => {});
        return;
      }
    }
    op_body_close(id);
  } catch (error) {
    op_body_error(id, String(error?.stack ?? error));
  }
}

function bodyUsed() {
  return new PlatformError(
    "RESPONSE_BODY_USED",
    "the Response's body was already read, or has a reader; return a clone instead",
  );
}

function describe(value) {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  return `an object of class ${value.constructor?.name ?? "unknown"}`;
}
