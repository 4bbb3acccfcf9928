/**
 * The handlers that every contender with Request and Response shares, and how a request finds its
 * handler. What differs, the file and the value, is in the file named after the contender.
 */

const CHUNK = new TextEncoder().encode("s".repeat(64 * 1024));
const CHUNKS = 16;

/** `GET /`: the shortest useful response. */
export function hello() {
  return new Response("Hello from Orilla\n");
}

/** `POST /echo`: JSON, parsed and written again. */
export async function echo(request) {
  return Response.json(await request.json());
}

/** `GET /stream`: 1 MiB in chunks of 64 KiB, each made when it is asked for. */
export function stream() {
  let sent = 0;
  const body = new ReadableStream({
    pull(controller) {
      controller.enqueue(CHUNK.slice());
      if (++sent === CHUNKS) controller.close();
    },
  });
  return new Response(body);
}

/**
 * @param {Record<string, (request: Request, env: object) => Response | Promise<Response>>} routes
 *   by method and path
 * @returns {(request: Request, env: object) => Response | Promise<Response>} a fetch handler
 */
export function router(routes) {
  return (request, env) => {
    // As routers for fetch do: the path is looked up, the URL is not parsed.
    const path = request.url.slice(request.url.indexOf("/", "https://".length));
    const handler = routes[`${request.method} ${path}`];
    return handler ? handler(request, env) : new Response("no such route\n", { status: 404 });
  };
}
