// Which kind of text bytes can be.

import { invalidArgType } from "ext:orilla_web/node/internal/errors.js";
import { isAnyArrayBuffer, isTypedArray } from "node:util/types";

function checkInput(input) {
  if (isTypedArray(input) || isAnyArrayBuffer(input)) return;
  throw invalidArgType("input", "an instance of ArrayBuffer, Buffer, or TypedArray", input);
}

/** @param {ArrayBuffer | ArrayBufferView} input @returns {boolean} whether it is valid UTF-8 */
export function isUtf8(input) {
  checkInput(input);
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(input);
    return true;
  } catch {
    return false;
  }
}

/** @param {ArrayBuffer | ArrayBufferView} input @returns {boolean} */
export function isAscii(input) {
  checkInput(input);
  const bytes = ArrayBuffer.isView(input)
    ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
    : new Uint8Array(input);
  return bytes.every((byte) => byte < 0x80);
}
