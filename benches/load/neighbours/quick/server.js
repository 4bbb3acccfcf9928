/** What an app does that behaves. */
export default {
  fetch(request) {
    const rows = Array.from({ length: 200 }, (_, id) => ({ id, url: request.url }));
    return Response.json(rows);
  },
};
