// The two files that are open in every program: what is written to standard output and standard error goes to the app's
// log, as with `process.stdout`. Loggers write there by their numbers.

import { stderr, stdout } from "node:process";
import { notSupported } from "ext:orilla_web/node/internal/errors.js";
import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";
import { validateFunction } from "ext:orilla_web/node/internal/validate.js";

const OUTPUTS = { 1: stdout, 2: stderr };

/**
 * @param {"write" | "writeSync"} name
 * @param {number} fd
 * @param {string | ArrayBufferView} data
 * @param {unknown[]} rest of bytes where they begin and how many; of text a position, which counts for nothing, and an
 *   encoding, which is UTF-8
 * @param {string} advice for files that are not there
 * @returns {number} bytes
 */
function put(name, fd, data, rest, advice) {
  const output = OUTPUTS[fd];
  if (output === undefined) throw notSupported(`fs.${name}()`, advice);
  if (!ArrayBuffer.isView(data)) {
    output.write(data);
    return new TextEncoder().encode(data).length;
  }
  const isOptions = typeof rest[0] === "object" && rest[0] !== null;
  const { offset, length } = isOptions ? rest[0] : { offset: rest[0], length: rest[1] };
  const start = offset ?? 0;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const part = bytes.subarray(start, typeof length === "number" ? start + length : undefined);
  output.write(part);
  return part.length;
}

/**
 * `write` and `writeSync` of `node:fs`.
 *
 * @param {string} advice for files that are not there
 */
export function outputFunctions(advice) {
  return {
    write(fd, data, ...rest) {
      const callback = rest.pop();
      validateFunction(callback, "cb");
      const count = put("write", fd, data, rest, advice);
      nextTick(callback, null, count, data);
    },
    writeSync: (fd, data, ...rest) => put("writeSync", fd, data, rest, advice),
  };
}
