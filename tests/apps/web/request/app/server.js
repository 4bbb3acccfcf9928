const answers = {
  async echo(request) {
    const { method, url, bodyUsed } = request;
    return { method, url, bodyUsed, type: request.headers.get("content-type"), text: await request.text() };
  },
  json: (request) => request.json(),
  async bytes(request) {
    return [...new Uint8Array(await request.clone().arrayBuffer()), ...(await request.bytes())];
  },
  async twice(request) {
    await request.text();
    return await request.text().catch((error) => [error.name, request.bodyUsed]);
  },
  async form(request) {
    const form = await request.formData();
    const file = form.get("file");
    return { a: form.getAll("a"), name: file?.name, type: file?.type, text: await file?.text() };
  },
  headers(request) {
    const { headers } = request;
    const copy = new Headers(headers);
    copy.append("X-Two", "c");
    let refused = "";
    try {
      headers.set("x-one", "changed");
    } catch (error) {
      refused = error.name;
    }
    return { one: headers.get("X-ONE"), two: copy.get("x-two"), absent: headers.get("nope"), refused };
  },
};

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    return Response.json(await answers[pathname.slice(1)](request, env, ctx));
  },
};
