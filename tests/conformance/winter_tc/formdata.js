// FormData, and both ways it is written.
import { assert, assertEquals, assertThrows, test } from "./harness.js";

test("append, set, get, getAll, has, delete", () => {
  const form = new FormData();
  form.append("a", 1);
  form.append("a", "2");
  form.append("b", "\ud800");
  assertEquals(
    [form.get("a"), form.getAll("a"), form.get("z"), form.has("b")],
    ["1", ["1", "2"], null, true],
  );
  form.set("a", "3");
  assertEquals(
    [...form],
    [
      ["a", "3"],
      ["b", "\ufffd"],
    ],
  );
  form.delete("a");
  assertEquals([...form.keys()], ["b"]);
});

test("blobs become files", async () => {
  const form = new FormData();
  form.append("blob", new Blob(["x"], { type: "a/b" }));
  form.append("named", new Blob(["x"]), "n.txt");
  const file = new File(["y"], "f.txt", { lastModified: 5 });
  form.append("file", file);
  form.append("renamed", file, "g.txt");
  assertEquals(
    [...form.values()].map(({ name }) => name),
    ["blob", "n.txt", "f.txt", "g.txt"],
  );
  assert(form.get("blob") instanceof File && form.get("file") === file);
  assertEquals([form.get("blob").type, form.get("renamed").lastModified], ["a/b", 5]);
  await assertThrows(() => form.append("a", "text", "name"), TypeError);
  await assertThrows(() => form.append("a"), TypeError);
});

test("there is no form element to make it from", async () => {
  await assertThrows(() => new FormData({}), TypeError);
  await assertThrows(() => new FormData(null), TypeError);
  assertEquals([...new FormData(undefined)], []);
});

test("multipart, there and back", async () => {
  const form = new FormData();
  form.append("tëxt", "a\r\nb\nc");
  form.append(
    "file",
    new File([new Uint8Array([0, 255, 13, 10])], "näme.bin", { type: "application/x" }),
  );
  const back = await new Response(form).formData();
  assertEquals([...back.keys()], ["tëxt", "file"]);
  assertEquals(back.get("tëxt"), "a\r\nb\r\nc");
  const file = back.get("file");
  assertEquals([file.name, file.type], ["näme.bin", "application/x"]);
  assertEquals(await file.bytes(), new Uint8Array([0, 255, 13, 10]));
});

test("multipart, with names of any kind", async () => {
  const names = [
    'quo"te',
    "semi;colon",
    "a=b",
    'x"; name="y',
    "back\\slash\\",
    "näme €😀",
    " ",
    "",
  ];
  const form = new FormData();
  for (const name of [...names, "li\r\nne"]) {
    form.append(name, "\ufeffv");
    form.append(name, new File(["x"], `${name}.txt`));
  }
  for (const holder of [
    new Response(form),
    new Request("http://a/", { method: "POST", body: form }),
  ]) {
    const back = await holder.formData();
    assertEquals([...back.keys()], [...form.keys()]);
    for (const name of form.keys())
      assertEquals([back.get(name), back.getAll(name)[1].name], ["\ufeffv", `${name}.txt`]);
  }
  form.set("\n", "a line break is normalised in a name");
  assert((await new Response(form).formData()).has("\r\n"));
});

test("multipart, as it is written", async () => {
  const form = new FormData();
  form.append("a", "1");
  form.append("f", new File(["x"], "n", { type: "" }));
  const response = new Response(form);
  const boundary = response.headers.get("content-type").split("boundary=")[1];
  assertEquals(
    await response.text(),
    [
      ...[`--${boundary}`, 'Content-Disposition: form-data; name="a"', "", "1"],
      ...[`--${boundary}`, 'Content-Disposition: form-data; name="f"; filename="n"'],
      ...["Content-Type: application/octet-stream", "", "x", `--${boundary}--`],
    ].join("\r\n"),
  );
});

test("multipart, as others write it", async () => {
  const parse = (body, type) =>
    new Response(body, { headers: { "content-type": type } }).formData();
  const text = [
    ...["--b", 'content-disposition:form-data;name="a"', "", "1"],
    ...[
      "--b",
      'Content-Disposition: form-data; name="f"; filename="n.txt"',
      "Content-Type: text/x",
      "",
      "x",
      "--b--",
      "",
    ],
  ].join("\r\n");
  for (const body of [text, `before\r\n${text}after`, text.replaceAll("--b\r", "--b \t\r")]) {
    const form = await parse(body, 'Multipart/Form-Data; charset=utf-8; boundary="b"');
    assertEquals([form.get("a"), form.get("f").name, form.get("f").type], ["1", "n.txt", "text/x"]);
  }
  const odd = [
    ...["--b", "x-more: 1", "content-disposition: FORM-DATA; filename = f ;Name=n; more=1", "", ""],
    ...["--b", 'content-disposition: form-data; name="empty"', "", "--b--"],
  ].join("\r\n");
  const form = await parse(odd, "multipart/form-data; boundary=b");
  assertEquals([...form.keys()], ["n", "empty"]);
  assertEquals(
    [form.get("n").name, form.get("n").type, form.get("n").size, form.get("empty")],
    ["f", "text/plain", 0, ""],
  );
  for (const [body, type] of [
    [text, "multipart/form-data"],
    [text.replace('name="a"', ""), "multipart/form-data; boundary=b"],
    [text.replace('name="a"', 'name="a'), "multipart/form-data; boundary=b"],
    [text.replace("form-data;name", "attachment;name"), "multipart/form-data; boundary=b"],
    [text.replace("Content-Type: ", "no header "), "multipart/form-data; boundary=b"],
    [text.replace("n.txt", "n".repeat(20_000)), "multipart/form-data; boundary=b"],
    ["", "multipart/form-data; boundary=b"],
    ["x", "text/plain"],
  ])
    await assertThrows(() => parse(body, type), TypeError);
});

test("a cut multipart body", async () => {
  const body = '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b\r\nContent-Dis';
  const headers = { "content-type": "multipart/form-data; boundary=b" };
  await assertThrows(() => new Response(body, { headers }).formData(), TypeError);
});

test("application/x-www-form-urlencoded", async () => {
  const form = await new Request("http://a/", {
    method: "POST",
    body: new URLSearchParams("a=1&b=%C3%A4+x&a=2"),
  }).formData();
  assertEquals(
    [...form],
    [
      ["a", "1"],
      ["b", "ä x"],
      ["a", "2"],
    ],
  );
});
