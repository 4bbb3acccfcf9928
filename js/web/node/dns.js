// `node:dns`, in name only: the host looks names up, within `fetch`.

import promises from "node:dns/promises";
import { absent } from "ext:orilla_web/node/internal/absent.js";
import * as codes from "ext:orilla_web/node/internal/dns_codes.js";
import {
  ADVICE,
  getDefaultResultOrder,
  getServers,
  setDefaultResultOrder,
} from "ext:orilla_web/node/internal/dns.js";

export * from "ext:orilla_web/node/internal/dns_codes.js";
export { getDefaultResultOrder, getServers, promises, setDefaultResultOrder };

const [names, module] = absent("dns", ADVICE);

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
export const ADDRCONFIG = 32;
export const ALL = 16;
export const V4MAPPED = 8;

export default Object.assign(module, codes, {
  ADDRCONFIG,
  ALL,
  V4MAPPED,
  getDefaultResultOrder,
  getServers,
  promises,
  setDefaultResultOrder,
});
