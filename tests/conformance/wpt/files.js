// Stands beside the files of the Web Platform Tests, which are served as they are, and does for them what their own
// server's handlers do: the ones that tests without a page need.

const handlers = {
  async "/fetch/api/resources/echo-content.py"(request) {
    return new Response(await request.bytes(), { headers: { "content-type": "text/plain" } });
  },
};

export default {
  async fetch(request) {
    const handler = handlers[new URL(request.url).pathname];
    return handler === undefined ? new Response("", { status: 404 }) : await handler(request);
  },
};
