// `path`, `querystring` and `string_decoder` against Node's.

import assert from "node:assert/strict";
import nodePath from "node:path";
import nodeQuery from "node:querystring";
import { StringDecoder as NodeDecoder } from "node:string_decoder";
import test from "node:test";
import { ours, outcome } from "./ours.js";
import { random } from "./random.js";

const { default: path } = await ours("path");
const { default: query } = await ours("querystring");
const { StringDecoder } = await ours("string_decoder");

test("paths are taken apart and put together as by Node", () => {
  const pieces = [
    "/",
    "//",
    "a",
    "b.js",
    "..",
    ".",
    "./",
    "../",
    "c/",
    ".d",
    "e.",
    "f.tar.gz",
    "",
    " ",
    "..g",
    "/.",
  ];
  const samples = [
    "",
    "/",
    "//",
    "///",
    ".",
    "..",
    "a/",
    "/a",
    "//a",
    "/a//b//",
    "a/..",
    "/..",
    "./",
    "../..",
    ".a",
    "a.",
    "a..",
    "..a",
    "/a/.b",
    "//a/b",
    "///a",
  ];
  for (let i = 0; i < 3000; i++) {
    samples.push(
      Array.from({ length: random.integer(6) }, () => random.pick(pieces)).join(
        random.pick(["", "/"]),
      ),
    );
  }
  for (const sample of samples) {
    const other = random.pick(samples);
    for (const name of ["normalize", "dirname", "basename", "extname", "parse", "isAbsolute"]) {
      // Node gives ".." an extension here, but not in `extname`.
      if (name === "parse" && path.basename(sample) === "..") continue;
      assert.deepEqual(
        path[name](sample),
        nodePath.posix[name](sample),
        `${name} ${JSON.stringify(sample)}`,
      );
    }
    const label = JSON.stringify([sample, other]);
    assert.equal(path.join(sample, other), nodePath.posix.join(sample, other), `join ${label}`);
    const suffix = random.pick([".js", "js", "gz", "b.js", "f.tar.gz", ""]);
    // With a suffix, Node leaves the slashes of a path that ends in them.
    if (!sample.endsWith("/"))
      assert.equal(
        path.basename(sample, suffix),
        nodePath.posix.basename(sample, suffix),
        `basename ${sample} ${suffix}`,
      );
    assert.equal(
      path.resolve("/", sample, other),
      nodePath.posix.resolve("/", sample, other),
      `resolve ${label}`,
    );
    assert.equal(
      path.relative(`/${sample}`, `/${other}`),
      nodePath.posix.relative(`/${sample}`, `/${other}`),
      `relative ${label}`,
    );
    assert.equal(
      path.format(nodePath.posix.parse(sample)),
      nodePath.posix.format(nodePath.posix.parse(sample)),
      `format ${label}`,
    );
  }
  const parts = [
    {},
    { dir: "/", base: "a" },
    { root: "/", name: "a", ext: "b" },
    { root: "/", dir: "/", base: "x" },
    { dir: "q", root: "/", base: "x" },
    null,
    "x",
  ];
  for (const part of parts)
    assert.deepEqual(
      outcome(() => path.format(part)),
      outcome(() => nodePath.posix.format(part)),
    );
  for (const name of [
    "join",
    "resolve",
    "normalize",
    "dirname",
    "basename",
    "extname",
    "parse",
    "isAbsolute",
  ]) {
    for (const bad of [null, 1, {}])
      assert.deepEqual(
        outcome(() => path[name](bad)),
        outcome(() => nodePath.posix[name](bad)),
        name,
      );
  }
  assert.equal(path.resolve("a"), "/a", "the working directory is the root");
});

test("query strings are read and written as by Node", () => {
  const samples = [
    "",
    "a=1&b=2",
    "a=1&a=2&a=3",
    "a",
    "a=",
    "=a",
    "&&a=1&",
    "a+b=c+d",
    "a=%E9",
    "a=%zz%41",
    "%",
    "a=b=c",
    "__proto__=1",
    "a=%F0%9F%98%80",
    "x:1;y:2",
    "é=ß",
    "a%20b=c%2",
  ];
  for (let i = 0; i < 1000; i++) samples.push(random.text(random.integer(20)));
  for (const sample of samples) {
    assert.deepEqual(query.parse(sample), nodeQuery.parse(sample), JSON.stringify(sample));
    assert.deepEqual(
      query.parse(sample, ";", ":"),
      nodeQuery.parse(sample, ";", ":"),
      JSON.stringify(sample),
    );
    assert.equal(query.unescape(sample), nodeQuery.unescape(sample), JSON.stringify(sample));
    if (!sample.isWellFormed()) continue; // Node makes a pair of any two units
    assert.deepEqual(
      outcome(() => query.escape(sample)),
      outcome(() => nodeQuery.escape(sample)),
    );
  }
  const many = "a=1&".repeat(1500);
  assert.equal(query.parse(many).a.length, 1000);
  assert.equal(query.parse(many, null, null, { maxKeys: 0 }).a.length, 1500);
  const throwing = {
    decodeURIComponent: () => {
      throw new Error("no");
    },
  };
  assert.deepEqual(
    query.parse("a=%41", null, null, throwing),
    nodeQuery.parse("a=%41", null, null, throwing),
  );
  const objects = [
    {},
    {
      a: 1,
      b: [1, "x", true],
      c: null,
      d: {},
      e: 1n,
      f: NaN,
      g: Infinity,
      "h i": "ü&=",
      j: undefined,
      k: [],
    },
    null,
    "x",
    [1, 2],
  ];
  for (const object of objects) {
    assert.equal(query.stringify(object), nodeQuery.stringify(object));
    assert.equal(query.stringify(object, ";", ":"), nodeQuery.stringify(object, ";", ":"));
  }
});

test("a decoder gives the same pieces as Node's, however the bytes are cut", () => {
  const encodings = [
    "utf8",
    "utf16le",
    "ucs2",
    "latin1",
    "ascii",
    "hex",
    "base64",
    "base64url",
    undefined,
  ];
  for (let i = 0; i < 2000; i++) {
    const isText = random.integer(2) === 0;
    const bytes = isText
      ? Buffer.from("aé日😀\u07ff\ud7ff".repeat(3), random.pick(["utf8", "utf16le"]))
      : random.bytes(20).map((byte) => (random.integer(2) ? byte | 0x80 : byte));
    const encoding = random.pick(encodings);
    const [our, node] = [new StringDecoder(encoding), new NodeDecoder(encoding)];
    const [ours, nodes] = [[], []];
    for (let at = 0; at < bytes.length;) {
      const end = at + 1 + random.integer(4);
      ours.push(our.write(bytes.subarray(at, end)));
      nodes.push(node.write(bytes.subarray(at, end)));
      at = end;
    }
    ours.push(our.end());
    nodes.push(node.end());
    // Bytes that are no character at all may come out a piece earlier, surrogates a piece later.
    const shown =
      isText && our.encoding === "utf8" ? (pieces) => pieces : (pieces) => pieces.join("");
    assert.deepEqual(
      shown(ours),
      shown(nodes),
      `${encoding} ${Buffer.from(bytes).toString("hex")}`,
    );
  }
  for (const bad of ["nope", 1, {}])
    assert.deepEqual(
      outcome(() => new StringDecoder(bad)),
      outcome(() => new NodeDecoder(bad)),
    );
  assert.deepEqual(
    outcome(() => new StringDecoder().write(5)),
    outcome(() => new NodeDecoder().write(5)),
  );
});
