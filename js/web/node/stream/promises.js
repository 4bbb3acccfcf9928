// `node:stream/promises`.

import { finished as watch } from "ext:orilla_web/node/internal/stream/finished.js";
import { isIterable, isNodeStream } from "ext:orilla_web/node/internal/stream/kind.js";
import { connect } from "ext:orilla_web/node/internal/stream/pipeline.js";

/**
 * @param {...any} args source, transforms, target, then perhaps `{ signal, end }`
 * @returns {Promise<unknown>} what the last one returned, if it is a function
 */
export function pipeline(...args) {
  return new Promise((resolve, reject) => {
    const last = args.at(-1);
    const isOptions =
      last !== null &&
      typeof last === "object" &&
      !isNodeStream(last) &&
      !isIterable(last) &&
      !last.getWriter &&
      !last.writable;
    const options = isOptions ? args.pop() : {};
    connect(args, options, (error, value) => (error ? reject(error) : resolve(value)));
  });
}

/**
 * @param {any} stream
 * @param {{ readable?: boolean, writable?: boolean, signal?: AbortSignal, cleanup?: boolean }}
 *   [options]
 *   `cleanup` removes the listeners afterwards
 * @returns {Promise<void>}
 */
export function finished(stream, options) {
  return new Promise((resolve, reject) => {
    const stop = watch(stream, options ?? {}, (error) => {
      if (options?.cleanup) stop();
      if (error) reject(error);
      else resolve();
    });
  });
}

export default { finished, pipeline };
