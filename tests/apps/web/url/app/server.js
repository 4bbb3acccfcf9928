const answers = {
  url() {
    const url = new URL("../x y?b=2&a=1#h", "https://user:pw@bücher.example:443/a/b/");
    url.searchParams.append("c", "ä&");
    url.searchParams.sort();
    return [url.href, url.origin, url.pathname, URL.canParse("http://"), URL.parse("nope")];
  },
  pattern() {
    const pattern = new URLPattern({ pathname: "/users/:id/*" });
    const { groups } = pattern.exec("http://a.example/users/7/edit/now").pathname;
    return [groups, pattern.test("http://a.example/users")];
  },
  encoding() {
    const { read, written } = new TextEncoder().encodeInto("€x", new Uint8Array(3));
    let refused = "";
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([255]));
    } catch (error) {
      refused = error.name;
    }
    const latin = new TextDecoder("windows-1252").decode(new Uint8Array([128]));
    return [read, written, refused, latin, btoa("hi\u00ff"), atob("aGk="), new TextDecoder().decode(new Uint8Array([255]))];
  },
};

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    return Response.json(await answers[pathname.slice(1)](request, env, ctx));
  },
};
