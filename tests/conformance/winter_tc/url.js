// URL and URLSearchParams.
import { assert, assertEquals, assertThrows, test } from "./harness.js";

const resolved = {
  "http://a/b/c/d;p?q ../g": "http://a/b/g",
  "http://a/b/c/d;p?q ?y": "http://a/b/c/d;p?y",
  "http://a/b/c/d;p?q #s": "http://a/b/c/d;p?q#s",
  "http://a/b/c/d;p?q //h:80/x": "http://h/x",
  "http://a/b/c/d;p?q ..\\..\\g": "http://a/g",
  "file:///c:/x/y ../z": "file:///c:/z",
  "data:text/plain,x #y": "data:text/plain,x#y",
};

for (const [pair, href] of Object.entries(resolved)) {
  test(`new URL: ${pair}`, () => {
    const [base, relative] = pair.split(" ");
    assertEquals(new URL(relative, base).href, href);
  });
}

const parsed = {
  "HTTPS://User:P%40ss@EXAMPLE.com:443/%7Efoo/../bär?q=ü#f r": {
    href: "https://User:P%40ss@example.com/b%C3%A4r?q=%C3%BC#f%20r",
    host: "example.com",
    username: "User",
    password: "P%40ss",
    port: "",
    pathname: "/b%C3%A4r",
    search: "?q=%C3%BC",
    hash: "#f%20r",
    origin: "https://example.com",
  },
  "http://faß.example/": { host: "xn--fa-hia.example" },
  "http://0x7f.1/": { hostname: "127.0.0.1" },
  "http://[1::0:0:2]:81/": { host: "[1::2]:81", hostname: "[1::2]", port: "81" },
  "  ht\ntp://x/\t": { href: "http://x/" },
  "mailto:a@b": { origin: "null", pathname: "a@b", host: "" },
  "blob:https://a.example/id": { origin: "https://a.example" },
  "non-special://h:80/p": { host: "h:80" },
  "http://h/?": { search: "", href: "http://h/?" },
  "http://h/#": { hash: "", href: "http://h/#" },
};

for (const [text, parts] of Object.entries(parsed)) {
  test(`new URL(${JSON.stringify(text)})`, () => {
    const url = new URL(text);
    for (const [name, value] of Object.entries(parts)) assertEquals(url[name], value, name);
  });
}

test("what is no URL", async () => {
  for (const bad of [
    "",
    "x",
    "//x",
    "http://",
    "http://a b/",
    "http://a:65536/",
    "http://[::1",
    "http://%00/",
    "http://1.2.3.256/",
  ]) {
    await assertThrows(() => new URL(bad), TypeError);
    assertEquals([URL.canParse(bad), URL.parse(bad)], [false, null]);
  }
  await assertThrows(() => new URL("/x", "mailto:x"), TypeError);
});

test("canParse and parse take a base", () => {
  assert(URL.canParse("x", "http://a/b"));
  assertEquals(URL.parse("x", "http://a/b").href, "http://a/x");
  assert(URL.parse("http://a/") instanceof URL);
});

test("setters", () => {
  const url = new URL("http://a.example/p?q#h");
  url.protocol = "https";
  url.host = "b.example:8443";
  url.hostname = "c.example";
  url.port = "99999";
  url.pathname = "x y";
  url.search = "z=1";
  url.hash = "";
  url.username = "u:";
  url.password = "";
  assertEquals(url.href, "https://u%3A@c.example:8443/x%20y?z=1");
  url.protocol = "mailto";
  assertEquals(url.protocol, "https:");
  url.port = "443";
  assertEquals(url.port, "");
  url.host = "";
  assertEquals(url.host, "c.example");
});

test("href that does not parse leaves the URL alone", async () => {
  const url = new URL("http://a/");
  await assertThrows(() => (url.href = "x"), TypeError);
  assertEquals(url.href, "http://a/");
});

test("searchParams and search follow each other", () => {
  const url = new URL("http://a/?b=1");
  const { searchParams } = url;
  searchParams.append("c", "ä &+");
  assertEquals(url.search, "?b=1&c=%C3%A4+%26%2B");
  url.search = "?d=2";
  assert(url.searchParams === searchParams);
  assertEquals([...searchParams], [["d", "2"]]);
  searchParams.delete("d");
  assertEquals(url.href, "http://a/");
});

test("toString and toJSON", () => {
  const url = new URL("http://a/");
  assertEquals([`${url}`, JSON.stringify({ url })], ["http://a/", '{"url":"http://a/"}']);
});

test("object URLs", () => {
  const url = URL.createObjectURL(new Blob(["x"]));
  assert(url.startsWith("blob:"), url);
  URL.revokeObjectURL(url);
  URL.revokeObjectURL("blob:nothing");
  URL.revokeObjectURL("nothing");
  URL.revokeObjectURL("http://a/");
});

test("URLSearchParams: from text, pairs, records and another", () => {
  assertEquals(
    [...new URLSearchParams("?a=1&a=%zz&b&=c&&d=+%20")],
    [
      ["a", "1"],
      ["a", "%zz"],
      ["b", ""],
      ["", "c"],
      ["d", "  "],
    ],
  );
  assertEquals(`${new URLSearchParams([["a", 1], new Set(["b", "2"])])}`, "a=1&b=2");
  assertEquals(`${new URLSearchParams({ a: "1", b: null })}`, "a=1&b=null");
  assertEquals(`${new URLSearchParams(new URLSearchParams("x=y"))}`, "x=y");
  assertEquals(`${new URLSearchParams(undefined)}`, "");
});

test("URLSearchParams: what it does not take", async () => {
  await assertThrows(() => new URLSearchParams([["a"]]), TypeError);
  await assertThrows(() => new URLSearchParams([["a", "b", "c"]]), TypeError);
  await assertThrows(() => new URLSearchParams([1]), TypeError);
});

test("URLSearchParams: set, has and delete with a value, sort, size", () => {
  const params = new URLSearchParams("b=1&a=2&b=3&a=4");
  assertEquals(
    [params.size, params.get("b"), params.get("z"), params.getAll("a")],
    [4, "1", null, ["2", "4"]],
  );
  assertEquals([params.has("b", "3"), params.has("b", "2")], [true, false]);
  params.delete("a", "2");
  params.sort();
  assertEquals(`${params}`, "a=4&b=1&b=3");
  params.set("b", "5");
  assertEquals(`${params}`, "a=4&b=5");
});

test("URLSearchParams: sorts by UTF-16 code units, stably", () => {
  const params = new URLSearchParams("ﬃ&🌈&z=2&z=1");
  params.sort();
  assertEquals([...params.keys()], ["z", "z", "🌈", "ﬃ"]);
  assertEquals(params.getAll("z"), ["2", "1"]);
});

test("URLSearchParams: iteration sees what changes", () => {
  const params = new URLSearchParams("a=1&b=2&c=3");
  const seen = [];
  for (const [name] of params) {
    seen.push(name);
    params.delete("b");
  }
  assertEquals(seen, ["a", "c"]);
  const each = [];
  params.forEach(function (value, name, holder) {
    each.push(value, name, holder === params, this);
  }, 7);
  assertEquals(each.slice(0, 3), ["1", "a", true]);
});

test("URLSearchParams: serialises as a form does", () => {
  assertEquals(
    `${new URLSearchParams([["a b", "*-._~'()!é\n"]])}`,
    "a+b=*-._%7E%27%28%29%21%C3%A9%0A",
  );
});
