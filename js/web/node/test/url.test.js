// `node:url` against Node's.

import assert from "node:assert/strict";
import nodeUrl from "node:url";
import test from "node:test";
import { ours, outcome } from "./ours.js";

const { default: url } = await ours("url");

/** Runs the same call on both; objects are compared by their properties. */
function same(label, run) {
  const [our, node] = [url, nodeUrl].map((module) => outcome(() => run(module)));
  assert.deepEqual(JSON.stringify(our), JSON.stringify(node), label);
}

test("legacy parsing and formatting", () => {
  const samples = [
    "http://a.com",
    "HTTP://User:Pa%20ss@Host.Com:8080/p/a?query=string&a=b#hash",
    "/a/b?c=d#e",
    "//host/path",
    "mailto:a@b.com?x=y",
    "javascript:alert('hi')",
    "",
    "a",
    "?q",
    "#h",
    "http:a",
    "http:/a",
    "file:///etc/x",
    "file://host/x",
    "x://y/z",
    "http://a.com?b",
    "http://a.com#c",
    "http://[::1]:80/x",
    "http://ünï.com/ä b",
    "http://a.com:/x",
    "http://a b/c",
    "http://a.com/it's {x}|y^`\"<>",
    "http://a.com\\b\\c?d\\e",
    "  http://trim.me/ ",
    "git+ssh://git@github.com:user/repo.git",
    "data:text/plain,hi",
    "//user:pw@host/x",
    "http://a@b@c/d",
    "dot.test://foo/bar",
    "http://a;b/c",
    "http://%aa/x",
    "ws://a:1/x?y",
  ];
  for (const sample of samples) {
    for (const flags of [[], [true], [false, true], [true, true]]) {
      same(`parse ${sample} ${flags}`, ({ parse }) => parse(sample, ...flags));
    }
    same(`format ${sample}`, ({ parse, format }) => format(parse(sample)));
  }
  const parts = [
    {},
    { protocol: "http", host: "a.com", pathname: "x" },
    { hostname: "a", port: 80, query: { a: [1, 2] } },
    { protocol: "mailto", pathname: "a@b" },
    { hostname: "::1", protocol: "http:" },
    { pathname: "/a?b#c", search: "d#e", hash: "f" },
    { auth: "u:p@x", host: "h", slashes: true },
    { protocol: "file", pathname: "/x" },
    null,
    5,
    undefined,
  ];
  for (const part of parts) same(`format ${JSON.stringify(part)}`, ({ format }) => format(part));
  for (const bad of [null, 5, {}]) same(`parse ${bad}`, ({ parse }) => parse(bad));
});

test("legacy resolving, on bases that have a hierarchy", () => {
  const bases = [
    "http://a.com/b/c/d?q#f",
    "/one/two/three",
    "http://a.com",
    "http://u:p@a.com:8/x/",
    "file:///a/b",
    "/",
    "//h/p",
  ];
  const references = [
    "",
    "x",
    "/x",
    "//x",
    "//x/y",
    "?x",
    "#x",
    "../x",
    "../../../x",
    ".",
    "..",
    "./",
    "../",
    "g;x=1/../y",
    "http://z/",
    "https://z/y/../w",
    "mailto:q@r",
    "/./g",
    "/../g",
    "g.",
    "..g",
    "x?y#z",
    "/x?y",
    "a/b/../c",
    "a//b",
    "?",
    "#",
    "../..",
    "./../g",
  ];
  for (const base of bases) {
    for (const reference of references)
      same(`${base} + ${reference}`, ({ resolve }) => resolve(base, reference));
  }
});

test("file URLs, domains and formatting of URL objects", () => {
  for (const file of [
    "file:///a/b%20c",
    "file://localhost/x",
    "file://host/x",
    "http://a/",
    "file:///a%2fb",
    "file:///%E3%81%82",
    "nope",
    5,
    null,
  ]) {
    same(`fileURLToPath ${file}`, ({ fileURLToPath }) => fileURLToPath(file));
  }
  for (const path of ["/a b", "/a%b", "/a?b#c", "/a\\b", "/dir/", "/", "/ü\n\t", 5]) {
    same(`pathToFileURL ${path}`, ({ pathToFileURL }) => pathToFileURL(path).href);
  }
  for (const domain of [
    "español.com",
    "中文.com",
    "xn--iñvalid.com",
    "a.com",
    "xn--fiq228c.com",
    "xn--espaol-zwa.com",
    "a b",
    "münchen.xn--abc",
  ]) {
    same(`toASCII ${domain}`, ({ domainToASCII }) => domainToASCII(domain));
    same(`toUnicode ${domain}`, ({ domainToUnicode }) => domainToUnicode(domain));
  }
  const object = new URL("http://user:pass@測試.com:81/path?query=1#hash");
  for (const options of [
    undefined,
    {},
    { auth: false },
    { fragment: false, search: false },
    { unicode: true },
  ]) {
    same(`format ${JSON.stringify(options)}`, ({ format }) => format(object, options));
  }
  same("urlToHttpOptions", ({ urlToHttpOptions }) =>
    urlToHttpOptions(new URL("https://u:p@[::1]:8/x?y#z")),
  );
});
