// `node:domain`, in name only.

import { absent } from "ext:orilla_web/node/internal/absent.js";

const [names, module] = absent(
  "domain",
  "use AsyncLocalStorage of node:async_hooks, and catch errors where they arise",
);

export const { Domain, create, createDomain } = names;
export const active = null;

export default Object.assign(module, { active });
