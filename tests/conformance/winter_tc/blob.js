// Blob, File and FileReader.
import { assert, assertEquals, assertThrows, test } from "./harness.js";

test("parts of every kind", async () => {
  const buffer = new Uint8Array([98, 99, 100]).buffer;
  const blob = new Blob([
    "a",
    buffer,
    new Uint8Array(buffer, 1, 1),
    new Blob(["é"]),
    7,
    null,
    "\ud800",
  ]);
  assertEquals(await blob.text(), "abcdcé7null\ufffd");
  assertEquals(blob.size, 15);
});

test("type is lower case, and empty where it is no ASCII", () => {
  assertEquals(new Blob([], { type: "Text/PLAIN;Charset=UTF-8" }).type, "text/plain;charset=utf-8");
  assertEquals(new Blob([], { type: "é" }).type, "");
  assertEquals(new Blob().type, "");
});

test("endings", async () => {
  const native = new Blob(["a\r\nb\nc\rd"], { endings: "native" });
  assertEquals(await native.text(), "a\nb\nc\nd");
  assertEquals(await new Blob(["a\r\n"]).text(), "a\r\n");
  await assertThrows(() => new Blob([], { endings: "other" }), TypeError);
});

test("what parts must be", async () => {
  await assertThrows(() => new Blob("text"), TypeError);
  await assertThrows(() => new Blob({}), TypeError);
  await assertThrows(() => new Blob(null), TypeError);
  assertEquals(await new Blob(new Set(["a", "b"])).text(), "ab");
  assertEquals(await new Blob(undefined).text(), "");
});

test("slice", async () => {
  const blob = new Blob(["0123456789"], { type: "a/b" });
  const cases = [[2, 4], [-3], [0, -8], [8, 3], [4, 100], []];
  const texts = await Promise.all(cases.map((range) => blob.slice(...range).text()));
  assertEquals(texts, ["23", "789", "01", "", "456789", "0123456789"]);
  assertEquals([blob.slice().type, blob.slice(0, 1, "X/Y").type], ["", "x/y"]);
});

test("arrayBuffer, bytes and stream", async () => {
  const blob = new Blob(["ab"]);
  assertEquals(await blob.arrayBuffer(), new Uint8Array([97, 98]).buffer);
  assertEquals(await blob.bytes(), new Uint8Array([97, 98]));
  const chunks = await Array.fromAsync(blob.stream());
  assert(chunks.every((chunk) => chunk instanceof Uint8Array));
  assertEquals(await new Response(blob.stream()).text(), "ab");
});

test("stream is a byte stream, and large blobs come in pieces", async () => {
  const reader = new Blob([new Uint8Array(300_000).fill(1)]).stream().getReader({ mode: "byob" });
  let length = 0;
  for (let view = new Uint8Array(1000); ;) {
    const { value, done } = await reader.read(view);
    if (done) break;
    length += value.length;
    view = new Uint8Array(value.buffer);
  }
  assertEquals(length, 300_000);
});

test("File", async () => {
  const file = new File(["x"], "na/me.txt", { type: "text/plain", lastModified: 7.9 });
  assertEquals(
    [file.name, file.type, file.lastModified, file.size],
    ["na/me.txt", "text/plain", 7, 1],
  );
  assert(file instanceof Blob);
  assert(Math.abs(new File([], "x").lastModified - Date.now()) < 60_000);
  assert(file.slice() instanceof Blob && !(file.slice() instanceof File));
  await assertThrows(() => new File([]), TypeError);
});

test("FileReader", async () => {
  const read = (method) =>
    new Promise((resolve) => {
      const seen = [];
      const reader = new FileReader();
      for (const type of ["loadstart", "progress", "load", "loadend"])
        reader.addEventListener(type, (event) => seen.push(event.type));
      reader.onloadend = () => resolve([reader.result, seen, reader.readyState]);
      reader[method](new Blob(["é"], { type: "text/plain" }));
    });
  const events = ["loadstart", "progress", "load", "loadend"];
  assertEquals(await read("readAsText"), ["é", events, 2]);
  assertEquals((await read("readAsDataURL"))[0], "data:text/plain;base64,w6k=");
  assertEquals((await read("readAsBinaryString"))[0], "\u00c3\u00a9");
  assertEquals((await read("readAsArrayBuffer"))[0].byteLength, 2);
});
