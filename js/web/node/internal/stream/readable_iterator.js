// `for await (const chunk of readable)`.

import { destroyStream } from "ext:orilla_web/node/internal/stream/destroy.js";
import { bothErrors } from "ext:orilla_web/node/internal/stream/errors.js";
import { finished } from "ext:orilla_web/node/internal/stream/finished.js";

/**
 * @param {any} stream a Readable
 * @param {{ destroyOnReturn?: boolean }} [options] whether leaving the loop early destroys it (yes)
 * @returns {AsyncGenerator<unknown>}
 */
export async function* iterate(stream, options) {
  let wake = () => {};
  const onReadable = () => {
    wake();
    wake = () => {};
  };
  stream.on("readable", onReadable);
  let failure; // undefined while the stream lives, null once it ended well
  const stopWatching = finished(stream, { writable: false }, (error) => {
    failure = error ? bothErrors(failure, error) : null;
    onReadable();
  });
  try {
    while (true) {
      const chunk = stream.destroyed ? null : stream.read();
      if (chunk !== null) yield chunk;
      else if (failure) throw failure;
      else if (failure === null) return;
      else {
        await new Promise((resolve) => {
          wake = resolve;
        });
      }
    }
  } catch (error) {
    failure = bothErrors(failure, error);
    throw failure;
  } finally {
    const mayDestroy = failure || options?.destroyOnReturn !== false;
    if (mayDestroy && (failure === undefined || stream._readableState.autoDestroy)) {
      destroyStream(stream, null);
    } else {
      stream.removeListener("readable", onReadable);
      stopWatching();
    }
  }
}
