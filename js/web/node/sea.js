// `node:sea`, in name only: an app is no single executable.

import { absent } from "ext:orilla_web/node/internal/absent.js";

const [names, module] = absent(
  "sea",
  "an app is no single executable; static files are the host's",
);

export const { getAsset, getAssetAsBlob, getAssetKeys, getRawAsset } = names;

/** @returns {boolean} never */
export function isSea() {
  return false;
}

export default Object.assign(module, { isSea });
