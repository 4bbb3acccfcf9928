// Ties a stream's life to an AbortSignal.

import { AbortError, invalidArgType } from "ext:orilla_web/node/internal/errors.js";
import { finished } from "ext:orilla_web/node/internal/stream/finished.js";
import { isNodeStream } from "ext:orilla_web/node/internal/stream/kind.js";

/**
 * @template S
 * @param {AbortSignal} signal destroys the stream with an AbortError
 * @param {S} stream
 * @returns {S}
 */
export function addAbortSignal(signal, stream) {
  if (!(signal instanceof AbortSignal)) {
    throw invalidArgType("signal", "an instance of AbortSignal", signal);
  }
  if (!isNodeStream(stream)) throw invalidArgType("stream", "an instance of Stream", stream);
  const abort = () => stream.destroy(new AbortError(undefined, { cause: signal.reason }));
  if (signal.aborted) {
    abort();
  } else {
    signal.addEventListener("abort", abort, { once: true });
    finished(stream, () => signal.removeEventListener("abort", abort));
  }
  return stream;
}
