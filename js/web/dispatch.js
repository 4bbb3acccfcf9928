// The host calls in here. Each invocation runs in a frame of its own, and ends when its response, its body and all that
// it handed to `waitUntil` are done.
import { core } from "ext:core/mod.js";
import { op_invocation_done, op_invocation_failed } from "ext:core/ops";
import { getAsyncContext, invocationFrame, setAsyncContext } from "ext:orilla_web/async_context.js";
import { phaseHandlers } from "ext:orilla_web/deploy_phases.js";
import { handlerEnv, resetHandlerEnv } from "ext:orilla_web/env.js";
import { PlatformError } from "ext:orilla_web/errors.js";
import { InboundRequest } from "ext:orilla_web/inbound_request.js";
import { respond } from "ext:orilla_web/respond.js";
import { describeError } from "ext:orilla_web/uncaught.js";

const { abortRequest, fromInnerRequest } = core.loadExtScript("ext:deno_fetch/23_request.js");

/** The app's default export, and its `fetch`. */
let app, handler;

/** Invocations under way. Each knows its place, so that it leaves without a search. */
const running = [];

/** One invocation, on this side of the host. */
export class Run {
  constructor(id, request, inner) {
    this.id = id;
    this.request = request;
    this.inner = inner;
    this.pending = 0;
    this.responded = false;
    this.place = running.length;
    running[this.place] = this;
  }

  /** Is told of nothing any more. */
  leave() {
    if (this.place < 0) return;
    const last = running.pop();
    if (last !== this) {
      running[this.place] = last;
      last.place = this.place;
    }
    this.place = -1;
  }

  /** Takes a place again: the response that it left with has to wait. */
  stay() {
    if (this.place >= 0) return;
    this.place = running.length;
    running[this.place] = this;
  }

  /** Whether nothing but the response keeps the invocation alive. */
  isIdle() {
    if (this.pending !== 0) return false;
    this.leave();
    return true;
  }

  /** Keeps the invocation alive until `promise` settles. */
  waitUntil(promise) {
    this.pending++;
    Promise.resolve(promise)
      .then(undefined, (error) => logRejected(this.id, error))
      .then(() => {
        this.pending--;
        if (this.pending === 0 && this.responded) this.end();
      });
  }

  /** Gives up what the host keeps for it. The host does not mind to be told twice. */
  end() {
    this.leave();
    op_invocation_done(this.id);
  }
}

/** The `ctx` argument of the app's handlers. Its methods can be taken out of it. */
class ExecutionContext {
  constructor(run) {
    this.waitUntil = (promise) => run.waitUntil(promise);
    this.passThroughOnException = passThroughOnException;
  }
}

/** Accepted for code written for other hosts; there is no origin to pass to. */
function passThroughOnException() {}

/**
 * Takes the app's module once it is evaluated.
 * @param {{ default?: { fetch?: Function } }} namespace
 * @returns {string} What is wrong with it; empty when it can serve.
 */
export function adopt(namespace) {
  if (!("default" in namespace)) {
    return "it has no default export; write `export default { async fetch(request, env, ctx) { … } }`";
  }
  resetHandlerEnv();
  app = namespace.default;
  handler = typeof app === "function" ? undefined : app?.fetch;
  if (typeof handler !== "function") {
    return "its default export has no `fetch` function; write `export default { async fetch(request, env, ctx) { … } }`";
  }
  return "";
}

/**
 * Starts an HTTP invocation.
 * @param {number} id
 * @param {string} method
 * @param {string} url
 * @param {0 | 1 | 2} bodyKind
 */
export function dispatchFetch(id, method, url, bodyKind) {
  const previous = getAsyncContext();
  setAsyncContext(invocationFrame(id));
  const inner = new InboundRequest(id, method, url, bodyKind);
  const request = fromInnerRequest(inner, "immutable");
  const run = new Run(id, request, inner);
  try {
    const result = Reflect.apply(handler, app, [request, handlerEnv(), new ExecutionContext(run)]);
    if (core.isPromise(result) || typeof result?.then === "function") {
      Promise.prototype.then.call(
        core.isPromise(result) ? result : Promise.resolve(result),
        (response) => finish(run, response),
        (error) => fail(run, error),
      );
    } else {
      finish(run, result);
    }
  } catch (error) {
    fail(run, error);
  } finally {
    setAsyncContext(previous);
  }
}

/**
 * Tells the app that its deployment has come into a phase. The invocation ends when all handlers have.
 * @param {number} id
 * @param {string} phase
 */
export function dispatchPhase(id, phase) {
  const previous = getAsyncContext();
  setAsyncContext(invocationFrame(id));
  const run = new Run(id, undefined, undefined);
  run.responded = true;
  const event = Object.freeze({ phase, ts: Date.now() });
  try {
    for (const handler of phaseHandlers(phase)) {
      run.waitUntil(
        (async () => handler(event))().catch((error) => {
          console.error(`the onDeploy handler of "${phase}" failed: ${describeError(error)}`);
        }),
      );
    }
    if (run.pending === 0) run.end();
  } finally {
    setAsyncContext(previous);
  }
}

/**
 * Tells the app that the client is gone or the invocation was cut off: `request.signal` aborts.
 * @param {number} id
 */
export function cancel(id) {
  const run = running.find((run) => run.id === id);
  if (run === undefined) return;
  run.leave();
  if (run.request === undefined) return;
  run.inner.cancelled?.();
  abortRequest(run.request);
}

function finish(run, response) {
  try {
    respond(run, response);
  } catch (error) {
    fail(run, error);
    return;
  }
  run.responded = true;
  if (run.pending === 0) run.leave();
}

function fail(run, error) {
  run.responded = true;
  op_invocation_failed(
    run.id,
    describeError(error),
    error instanceof PlatformError ? error.code : "",
    run.isIdle(),
  );
}

function logRejected(id, error) {
  console.error(`a promise passed to waitUntil() was rejected: ${describeError(error)}`);
}
