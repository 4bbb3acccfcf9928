// `node:wasi`, in name only.

import { absent } from "ext:orilla_web/node/internal/absent.js";

const [names, module] = absent(
  "wasi",
  "an app has no file system; use WebAssembly with imports of your own",
);

export const { WASI } = names;

export default module;
