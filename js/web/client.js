// What connects over fetch's client: each time it does, a redirect that is followed too, counts as a sub-request. Compiled
// at the first call. It is no module because the client takes its ops from the object that only such scripts see.
(function () {
  const { core } = __bootstrap;
  const { op_fetch, op_fetch_send, op_subrequest_connects } = core.ops;
  core.ops.op_fetch = (...request) => {
    op_subrequest_connects();
    return op_fetch(...request);
  };
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
    if (isDeflated(request, inner)) {
      core.loadExtScript("ext:orilla_web/inflate.js").inflate(inner);
      inner.bodyDecoded = true;
    }
    return response;
  }

  /** Whether a body is as `deflate` left it. The client itself undoes gzip and Brotli, under the same conditions. */
  function isDeflated({ headers }, { body, bodyDecoded, headerList }) {
    const named = (wanted) => headerList.filter(([name]) => name.toLowerCase() === wanted);
    const encodings = named("content-encoding");
    return (
      body !== null &&
      !bodyDecoded &&
      encodings.length === 1 &&
      encodings[0][1].trim().toLowerCase() === "deflate" &&
      !headers.has("range") &&
      headers.get("accept-encoding")?.toLowerCase() !== "identity"
    );
  }

  return {
    fetch,
    handleWasmStreaming,
    get EventSource() {
      return core.loadExtScript("ext:deno_fetch/27_eventsource.js").EventSource;
    },
  };
})();
