// What becomes of an error that nobody catches: an event on globalThis and, unless a listener prevents it, a line in the
// app's log. The code around it goes on, and so does the isolate.
import { core } from "ext:core/mod.js";

const { PromiseRejectionEvent, reportException, saveGlobalThisReference } = core.loadExtScript(
  "ext:deno_web/02_event.js",
);

/** The stack where there is one: it begins with the name and the message. */
export function describeError(error) {
  try {
    if (error instanceof Error) {
      const cause = error.cause === undefined ? "" : `\nCaused by: ${describeError(error.cause)}`;
      return `${error.stack ?? error}${cause}`;
    }
    return `a thrown value that is not an Error: ${typeof error === "object" ? JSON.stringify(error) : String(error)}`;
  } catch {
    return "an error that cannot be shown";
  }
}

/**
 * The global reportError().
 * @param {unknown} error
 */
export function reportError(error) {
  if (this !== undefined && this !== null && this !== globalThis)
    throw new TypeError("Illegal invocation");
  if (arguments.length === 0)
    throw new TypeError("Failed to execute 'reportError': 1 argument required, but only 0 present");
  reportException(error);
}

// deno_web raises the event here, and ends the running code where that says the event was not prevented. So it never does.
saveGlobalThisReference({
  dispatchEvent(event) {
    if (globalThis.dispatchEvent(event))
      console.error(`uncaught error: ${describeError(event.error)}`);
    return false;
  },
});

core.setReportExceptionCallback(reportException);

core.setUnhandledPromiseRejectionHandler((promise, reason) => {
  const event = new PromiseRejectionEvent("unhandledrejection", {
    promise,
    reason,
    cancelable: true,
  });
  if (globalThis.dispatchEvent(event))
    console.error(`unhandled rejection: ${describeError(reason)}`);
  return true;
});

core.setHandledPromiseRejectionHandler((promise, reason) => {
  globalThis.dispatchEvent(new PromiseRejectionEvent("rejectionhandled", { promise, reason }));
});
