// What connects over fetch's client: each time it does, a redirect that is followed too, counts as a sub-request. Compiled
// at the first call. It is no module because the client takes its ops from the object that only such scripts see.
(function () {
  const { core } = __bootstrap;
  const { op_fetch, op_subrequest_connects } = core.ops;
  core.ops.op_fetch = (...request) => {
    op_subrequest_connects();
    return op_fetch(...request);
  };
  const { fetch, handleWasmStreaming } = core.loadExtScript("ext:deno_fetch/26_fetch.js");
  return {
    fetch,
    handleWasmStreaming,
    get EventSource() {
      return core.loadExtScript("ext:deno_fetch/27_eventsource.js").EventSource;
    },
  };
})();
