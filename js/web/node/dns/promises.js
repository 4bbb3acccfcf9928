// `node:dns/promises`, in name only: the host looks names up, within `fetch`.

import { absent } from "ext:orilla_web/node/internal/absent.js";
import * as codes from "ext:orilla_web/node/internal/dns_codes.js";
import {
  ADVICE,
  getDefaultResultOrder,
  getServers,
  setDefaultResultOrder,
} from "ext:orilla_web/node/internal/dns.js";

export * from "ext:orilla_web/node/internal/dns_codes.js";
export { getDefaultResultOrder, getServers, setDefaultResultOrder };

const [names, module] = absent("dns.promises", ADVICE, { rejects: true });

export const {
  Resolver,
  lookup,
  lookupService,
  resolve,
  resolve4,
  resolve6,
  resolveAny,
  resolveCaa,
  resolveCname,
  resolveMx,
  resolveNaptr,
  resolveNs,
  resolvePtr,
  resolveSoa,
  resolveSrv,
  resolveTlsa,
  resolveTxt,
  reverse,
  setServers,
} = names;

export default Object.assign(module, codes, {
  getDefaultResultOrder,
  getServers,
  setDefaultResultOrder,
});
