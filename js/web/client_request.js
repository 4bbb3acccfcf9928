// Requests of `node:http`, over fetch's client: each counts as a sub-request and is part of the invocation's trace, and goes only
// where egress lets it. Compiled at the first one.
import { core } from "ext:core/mod.js";
import { op_client_request, op_fetch_send, op_subrequest } from "ext:core/ops";
import { refusal, traceHeaders } from "ext:orilla_web/fetch.js";

const { readableStreamForRid, resourceForReadableStream } = core.loadExtScript(
  "ext:deno_web/06_streams.js",
);

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {string} statusText what the number is called, whatever the server said
 * @property {[string, string][]} headers with names in lower case
 * @property {() => Promise<Uint8Array | null>} read null at the end; rejects when there is none
 * @property {() => void} cancel
 */

/**
 * Begins a request.
 *
 * @param {{ method: string, origin: string, target: string, headers: [string, string][] }} head
 * @param {Uint8Array | (() => Promise<Uint8Array | null>) | null} body whole, or what gives one piece after the other
 * @returns {{ answer: Promise<Answer>, abort: () => void }} the promise rejects with a coded error
 */
export function begin({ method, origin, target, headers }, body) {
  op_subrequest(false);
  const traced = headers.some(([name]) => name.toLowerCase() === "traceparent");
  const all = traced ? headers : [...headers, ...traceHeaders()];
  const whole = body instanceof Uint8Array ? body : null;
  const stream = typeof body === "function" ? resourceForReadableStream(streamOf(body)) : null;
  let started;
  try {
    started = op_client_request(method, origin, target, all, whole, stream);
  } catch (error) {
    if (stream !== null) core.tryClose(stream);
    throw refusal(error) ?? error;
  }
  const { requestRid, cancelHandleRid } = started;
  return {
    answer: answerOf(requestRid, cancelHandleRid, method, new URL(origin)),
    abort: () => core.tryClose(cancelHandleRid),
  };
}

function streamOf(next) {
  return new ReadableStream(
    {
      async pull(controller) {
        const bytes = await next();
        if (bytes === null) controller.close();
        else controller.enqueue(bytes);
      },
    },
    { highWaterMark: 0 },
  );
}

async function answerOf(requestRid, cancelHandleRid, method, url) {
  const { addCode } = core.loadExtScript("ext:orilla_web/network_error.js");
  let response;
  try {
    response = await op_fetch_send(requestRid);
  } catch (error) {
    throw refusal(error) ?? error;
  } finally {
    core.tryClose(cancelHandleRid);
  }
  if (response.error !== null) throw failure(response.error[1], url, addCode);
  const { status, statusText, headers, responseRid } = response;
  const hasNoBody = method === "HEAD" || status === 204 || status === 304;
  if (hasNoBody) core.close(responseRid);
  const reader = hasNoBody ? null : readableStreamForRid(responseRid).getReader();
  return {
    status,
    statusText,
    headers,
    async read() {
      const { done, value } = (await reader?.read()) ?? { done: true };
      return done ? null : value;
    },
    cancel: () => void reader?.cancel().catch(() => {}),
  };
}

/** An egress rule may be what the client stumbled over. */
function failure(cause, url, addCode) {
  const error = new Error(cause);
  return refusal(error) ?? addCode(error, url);
}
