// The global Response: deno_fetch's class, which also takes `webSocket` for a 101. Both constructors share one
// prototype, so responses of `fetch()` are instances too.
import { core } from "ext:core/mod.js";
import { setSocketOf, socketOf } from "ext:orilla_web/web_socket_pair.js";

const { Response: Base, toInnerResponse } = core.loadExtScript("ext:deno_fetch/23_response.js");

/**
 * @param {BodyInit | null} [body]
 * @param {ResponseInit & { webSocket?: object }} [init]
 */
export const Response = function Response(body = null, init = undefined) {
  if (new.target === undefined)
    throw new TypeError("Class constructor Response cannot be invoked without 'new'");
  const response =
    new.target === Response
      ? new Base(body, init)
      : Reflect.construct(Base, [body, init], new.target);
  if (init?.webSocket != null) setSocketOf(response, init.webSocket);
  if (init instanceof Base && isDecodedCopy(body, init))
    toInnerResponse(response).bodyDecoded = true;
  return response;
};

/** Whether the headers of `init` tell of a coding that the body does not have: it was undone when it was fetched. */
function isDecodedCopy(body, init) {
  return (
    toInnerResponse(init)?.bodyDecoded === true && (typeof body === "string" || body === init.body)
  );
}

// `error`, `json` and `redirect`.
for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(Base))) {
  if (typeof descriptor.value === "function") Object.defineProperty(Response, name, descriptor);
}
Object.defineProperty(Response.json, "length", { value: 1, configurable: true });
Object.defineProperty(Response, "length", { value: 0, configurable: true });
Object.defineProperty(Response, "prototype", { value: Base.prototype, writable: false });
Object.defineProperty(Base.prototype, "constructor", {
  value: Response,
  writable: true,
  configurable: true,
});
Object.defineProperty(Base.prototype, "webSocket", {
  get() {
    return socketOf(this) ?? null;
  },
  enumerable: true,
  configurable: true,
});
