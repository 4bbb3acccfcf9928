export default {
  fetch: (request) => new Response(`app: ${request.method} ${new URL(request.url).pathname}`),
};
