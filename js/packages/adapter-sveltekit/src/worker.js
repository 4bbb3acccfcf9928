/**
 * The worker that `server.js` is bundled from.
 *
 * All of the app that may be evaluated at module scope is, so that a snapshot carries it. Nothing here touches the
 * environment, the time or randomness before the first request: what module scope sees is frozen into that snapshot.
 */

import { getPlatform } from "@orilla/platform";
import { server } from "orilla-app:server";
import { prerendered, redirects } from "orilla-app:prerendered";
import "orilla-app:early";

/** @type {Promise<void> | undefined} */
let initialised;

export default {
  /**
   * @param {Request} request
   * @param {import("@orilla/platform").Env} env
   * @param {import("@orilla/platform").ExecutionContext} ctx
   * @returns {Promise<Response>}
   */
  async fetch(request, env, ctx) {
    const moved = prerenderedElsewhere(new URL(request.url));
    if (moved) return moved;

    await (initialised ??= server.init({ env }));
    return server.respond(request, {
      platform: { env, ctx, getPlatform },
      getClientAddress: () => clientAddress(request),
    });
  },
};

/**
 * The answer to a path that was prerendered as a redirect, or that differs from a prerendered one by its final slash.
 *
 * @param {URL} url
 * @returns {Response | undefined}
 */
function prerenderedElsewhere({ pathname, search }) {
  const path = decoded(pathname);
  const redirect = redirects.get(path);
  if (redirect) return redirectTo(redirect.location, redirect.status);
  if (prerendered.has(path) || !prerendered.has(otherSpelling(path))) return undefined;
  return redirectTo(otherSpelling(pathname) + search, 308);
}

function redirectTo(location, status) {
  return new Response(null, { status, headers: { location } });
}

/** The path with its final slash taken off, or put on. */
function otherSpelling(path) {
  return path.endsWith("/") ? path.slice(0, -1) : `${path}/`;
}

/** The path as SvelteKit names prerendered ones; malformed escapes are left for SvelteKit to refuse. */
function decoded(pathname) {
  try {
    return decodeURI(pathname);
  } catch {
    return pathname;
  }
}

/**
 * The client's address. The host sets the header and drops what the client sent under that name.
 *
 * @param {Request} request
 * @returns {string}
 */
function clientAddress(request) {
  const forwarded = request.headers.get("x-forwarded-for");
  if (!forwarded) {
    throw new Error(
      "ADAPTER_NO_CLIENT_ADDRESS: the request has no x-forwarded-for header, which the Orilla host sets.",
    );
  }
  return forwarded.split(",", 1)[0].trim();
}
