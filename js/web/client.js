// What connects over fetch's client: each time it does, a redirect that is followed too, counts as a sub-request. Compiled
// at the first call. It is no module because the client takes its ops from the object that only such scripts see.
(function () {
  const { core } = __bootstrap;
  const { op_client_request, op_fetch, op_fetch_send, op_is_own_origin, op_subrequest_connects } =
    core.ops;
  core.ops.op_fetch = (...request) => {
    op_subrequest_connects();
    return op_is_own_origin(request[1]) ? askItself(request) : op_fetch(...request);
  };

  /** A request that the host answers itself, without a connection. */
  function askItself([method, url, headers, , , bytes, stream]) {
    const { URL } = core.loadExtScript("ext:deno_web/00_url.js");
    const { origin, pathname, search } = new URL(url);
    return op_client_request(method, origin, pathname + search, headers, bytes, stream);
  }

  // A redirect that says not where to is an answer like any other. The client takes it for one, and keeps its body, where the
  // status is not the plain number that it looks for.
  core.ops.op_fetch_send = async (request) => {
    const answer = await op_fetch_send(request);
    if (REDIRECTS.includes(answer.status) && !answer.headers.some(([name]) => name === "location"))
      answer.status = Object(answer.status);
    return answer;
  };
  const { fetch: send, handleWasmStreaming } = core.loadExtScript("ext:deno_fetch/26_fetch.js");
  const { getInnerResponse } = core.loadExtScript("ext:deno_fetch/23_response.js");

  const REDIRECTS = [301, 302, 303, 307, 308];
  const CODINGS = ["br", "deflate", "gzip"];

  /**
   * The answer to a request.
   * @param {Request} request
   * @returns {Promise<Response>}
   */
  async function fetch(request) {
    const response = await send(request);
    const inner = getInnerResponse(response);
    if (typeof inner.status === "object") {
      inner.status = Number(inner.status);
      if (request.redirect === "error") {
        inner.body?.cancel();
        throw new TypeError(
          `Failed to fetch ${request.url}: it redirects, which \`redirect\` forbids`,
        );
      }
    }
    const coding = codingOf(request, inner);
    if (CODINGS.includes(coding)) {
      core.loadExtScript("ext:orilla_web/content_coding.js").decode(inner, coding);
      inner.bodyDecoded = true;
    }
    return response;
  }

  /** What a body is still coded by. The client itself undoes gzip and Brotli of others' answers, under the same conditions. */
  function codingOf({ headers }, { body, bodyDecoded, headerList }) {
    if (body === null || bodyDecoded) return undefined;
    if (headers.has("range") || headers.get("accept-encoding")?.toLowerCase() === "identity")
      return undefined;
    const codings = headerList.filter(([name]) => name.toLowerCase() === "content-encoding");
    return codings.length === 1 ? codings[0][1].trim().toLowerCase() : undefined;
  }

  return {
    fetch,
    handleWasmStreaming,
    get EventSource() {
      return core.loadExtScript("ext:deno_fetch/27_eventsource.js").EventSource;
    },
  };
})();
