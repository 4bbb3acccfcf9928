// `node:http2`, in name only, with its constants.

import { absent } from "ext:orilla_web/node/internal/absent.js";
import { HEADERS, METHODS, OTHER, STATUS } from "ext:orilla_web/node/internal/constants/http2.js";

const [names, module] = absent(
  "http2",
  "an app has no network beside fetch, and is called by the host; both may speak HTTP/2 by themselves",
);

export const {
  Http2ServerRequest,
  Http2ServerResponse,
  connect,
  createSecureServer,
  createServer,
  getPackedSettings,
  getUnpackedSettings,
  performServerHandshake,
} = names;

const keyOf = (prefix, value) => prefix + value.replace(":", "").replaceAll("-", "_").toUpperCase();
const keyed = (prefix, values) =>
  Object.fromEntries(values.map((value) => [keyOf(prefix, value), value]));

export const constants = Object.freeze({
  ...OTHER,
  ...keyed("HTTP2_HEADER_", HEADERS),
  ...keyed("HTTP2_METHOD_", METHODS),
  ...STATUS,
});
export const sensitiveHeaders = Symbol("sensitiveHeaders");

/** @returns {object} what a new connection begins with */
export function getDefaultSettings() {
  return {
    headerTableSize: 4096,
    enablePush: true,
    initialWindowSize: 65535,
    maxFrameSize: 16384,
    maxConcurrentStreams: 4294967295,
    maxHeaderSize: 65535,
    maxHeaderListSize: 65535,
    enableConnectProtocol: false,
  };
}

export default Object.assign(module, { constants, getDefaultSettings, sensitiveHeaders });
