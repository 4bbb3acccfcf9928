// `node:stream/consumers`: reads a stream of either kind, or an async iterable, to its end.

import { Buffer } from "node:buffer";

/** @param {AsyncIterable<any>} stream @returns {Promise<Buffer>} */
export async function buffer(stream) {
  const parts = [];
  for await (const chunk of stream) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}

/** @param {AsyncIterable<any>} stream @returns {Promise<ArrayBuffer>} */
export async function arrayBuffer(stream) {
  return (await buffer(stream)).buffer;
}

/** @param {AsyncIterable<any>} stream @returns {Promise<Blob>} */
export async function blob(stream) {
  return new Blob([await buffer(stream)]);
}

/** @param {AsyncIterable<any>} stream @returns {Promise<string>} read as UTF-8 */
export async function text(stream) {
  const decoder = new TextDecoder();
  let result = "";
  for await (const chunk of stream) {
    result += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
  }
  return result + decoder.decode();
}

/** @param {AsyncIterable<any>} stream @returns {Promise<unknown>} */
export async function json(stream) {
  return JSON.parse(await text(stream));
}

export default { arrayBuffer, blob, buffer, json, text };
