// URLPattern.
import { assert, assertEquals, assertThrows, test } from "./harness.js";

const matches = [
  [{ pathname: "/books/:id" }, "https://a/books/7", { id: "7" }],
  [{ pathname: "/books/:id(\\d+)" }, "https://a/books/x", null],
  [{ pathname: "/files/*" }, "https://a/files/x/y", { 0: "x/y" }],
  [{ pathname: "/a{/:b}?" }, "https://a/a", { b: undefined }],
  [{ pathname: "/a/:rest+" }, "https://a/a/b/c", { rest: "b/c" }],
  [{ pathname: "/a/:rest*" }, "https://a/a", { rest: undefined }],
  [{ pathname: "/{a,b}" }, "https://a/a,b", {}],
  [{ pathname: "/caf%C3%A9" }, "https://a/café", {}],
];

for (const [pattern, url, groups] of matches) {
  test(`${JSON.stringify(pattern)} and ${url}`, () => {
    const result = new URLPattern(pattern).exec(url);
    assertEquals(result === null ? null : { ...result.pathname.groups }, groups);
  });
}

test("each part is matched, and each has its result", () => {
  const pattern = new URLPattern("https://:sub.example.com:8080/p?q=:q#:h");
  const result = pattern.exec("https://api.example.com:8080/p?q=1#top");
  assertEquals(
    [result.hostname.groups.sub, result.search.groups.q, result.hash.groups.h, result.port.input],
    ["api", "1", "top", "8080"],
  );
  assertEquals(result.inputs, ["https://api.example.com:8080/p?q=1#top"]);
  assertEquals([pattern.protocol, pattern.port, pattern.pathname], ["https", "8080", "/p"]);
});

test("a base URL", () => {
  const pattern = new URLPattern("../x/:y", "https://a.example/b/c");
  assert(pattern.test("https://a.example/x/1"));
  assert(pattern.test("/x/1", "https://a.example"));
  assertEquals(pattern.test("/x/1", "https://b.example"), false);
});

test("parts that are not named match anything", () => {
  const pattern = new URLPattern({ hostname: "*.example.com" });
  assertEquals([pattern.pathname, pattern.search, pattern.hash], ["*", "*", "*"]);
  assert(pattern.test("http://a.example.com/any?x#y"));
  assertEquals(pattern.test({ hostname: "a.example.org" }), false);
});

test("ignoreCase and hasRegExpGroups", () => {
  const plain = new URLPattern({ pathname: "/A" }, { ignoreCase: true });
  assert(plain.test("https://h/a"));
  assertEquals(plain.hasRegExpGroups, false);
  assertEquals(new URLPattern({ pathname: "/(a|b)" }).hasRegExpGroups, true);
});

test("what is no pattern", async () => {
  for (const bad of [
    "(",
    "/relative",
    { pathname: "/:a/:a" },
    { pathname: "/(?<x)" },
    { protocol: "café" },
  ])
    await assertThrows(() => new URLPattern(bad), TypeError);
  assertEquals(new URLPattern().exec("no url"), null);
  await assertThrows(() => new URLPattern({}, "https://a/"), TypeError);
});
