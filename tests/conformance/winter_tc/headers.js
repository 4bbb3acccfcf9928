// Headers.
import { assert, assertEquals, assertThrows, test } from "./harness.js";

test("from pairs, records, another, and nothing", async () => {
  assertEquals(
    [
      ...new Headers([
        ["B", "2"],
        ["a", "1"],
      ]),
    ],
    [
      ["a", "1"],
      ["b", "2"],
    ],
  );
  assertEquals([...new Headers({ "X-A": 1 })], [["x-a", "1"]]);
  assertEquals([...new Headers(new Headers({ a: "b" }))], [["a", "b"]]);
  assertEquals([...new Headers(undefined)], []);
  await assertThrows(() => new Headers([["a"]]), TypeError);
  await assertThrows(() => new Headers(null), TypeError);
  await assertThrows(() => new Headers(7), TypeError);
});

test("append joins, set replaces, delete removes, get trims", () => {
  const headers = new Headers();
  headers.append("Accept", " a ");
  headers.append("accept", "b\t");
  assertEquals([headers.get("ACCEPT"), headers.has("aCCept")], ["a, b", true]);
  headers.set("Accept", "c");
  assertEquals(headers.get("accept"), "c");
  headers.delete("ACCEPT");
  headers.delete("nothing");
  assertEquals([headers.get("accept"), [...headers]], [null, []]);
});

test("iteration is sorted and in lower case, and sees what changes", () => {
  const headers = new Headers({ C: "3", a: "1", B: "2" });
  assertEquals([...headers.keys()], ["a", "b", "c"]);
  assertEquals([...headers.values()], ["1", "2", "3"]);
  const seen = [];
  for (const [name] of headers) {
    seen.push(name);
    if (name === "a") headers.delete("b");
  }
  assertEquals(seen, ["a", "c"]);
  const each = [];
  headers.forEach((value, name, holder) => each.push(value, name, holder === headers));
  assertEquals(each, ["1", "a", true, "3", "c", true]);
});

test("set-cookie is never joined", () => {
  const headers = new Headers([
    ["Set-Cookie", "a=1"],
    ["set-cookie", "b=2"],
    ["x", "y"],
  ]);
  assertEquals(headers.getSetCookie(), ["a=1", "b=2"]);
  assertEquals(
    [...headers],
    [
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
      ["x", "y"],
    ],
  );
  assertEquals(headers.get("set-cookie"), "a=1, b=2");
  assertEquals(new Headers().getSetCookie(), []);
});

test("names and values that are none", async () => {
  const headers = new Headers();
  for (const name of ["", "a b", "é", "a:", "a\n"])
    await assertThrows(() => headers.append(name, "x"), TypeError);
  for (const value of ["a\nb", "a\0", "a\rb", "€"])
    await assertThrows(() => headers.append("x", value), TypeError);
  headers.append("x", "\n a\u00ff \r\n");
  assertEquals(headers.get("x"), "a\u00ff");
  await assertThrows(() => headers.get("a b"), TypeError);
  await assertThrows(() => headers.append("x"), TypeError);
});

test("headers of Response.error(), and of a response of fetch, cannot be changed", async ({
  origin,
}) => {
  await assertThrows(() => Response.error().headers.set("a", "b"), TypeError);
  const { headers } = await fetch(`${origin}/peer/echo`);
  await assertThrows(() => headers.append("a", "b"), TypeError);
  assert(headers instanceof Headers);
});
