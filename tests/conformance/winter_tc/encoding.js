// TextEncoder, TextDecoder and their streams.
import { assert, assertEquals, assertThrows, test } from "./harness.js";

const bytes = (...values) => new Uint8Array(values);

test("encode", () => {
  const encoder = new TextEncoder();
  assertEquals(encoder.encoding, "utf-8");
  assertEquals(encoder.encode("aé€🌈"), bytes(97, 195, 169, 226, 130, 172, 240, 159, 140, 136));
  assertEquals(encoder.encode("\ud800x"), bytes(239, 191, 189, 120));
  assertEquals(encoder.encode(), bytes());
  assertEquals(encoder.encode(undefined), bytes());
  assertEquals(encoder.encode(null), bytes(110, 117, 108, 108));
});

test("encodeInto stops before a character that does not fit", async () => {
  const encoder = new TextEncoder();
  const target = new Uint8Array(6);
  assertEquals(encoder.encodeInto("a€🌈", target), { read: 2, written: 4 });
  assertEquals(encoder.encodeInto("🌈", target.subarray(1)), { read: 2, written: 4 });
  assertEquals(target, bytes(97, 240, 159, 140, 136, 0));
  await assertThrows(() => encoder.encodeInto("x", [1]), TypeError);
  await assertThrows(() => encoder.encodeInto("x", new Uint16Array(1)), TypeError);
});

test("decode: malformed bytes", async () => {
  const decode = (...values) => new TextDecoder().decode(bytes(...values));
  assertEquals(decode(0xff, 0x61), "\ufffda");
  assertEquals(decode(0xf0, 0x9f, 0x61), "\ufffda");
  assertEquals(decode(0xed, 0xa0, 0x80), "\ufffd\ufffd\ufffd");
  assertEquals(decode(0xe2, 0x82), "\ufffd");
  const fatal = new TextDecoder("utf-8", { fatal: true });
  await assertThrows(() => fatal.decode(bytes(0xff)), TypeError);
  assertEquals(fatal.decode(bytes(97)), "a");
});

test("decode: the byte order mark", () => {
  const marked = bytes(0xef, 0xbb, 0xbf, 97);
  assertEquals(new TextDecoder().decode(marked), "a");
  assertEquals(new TextDecoder("utf-8", { ignoreBOM: true }).decode(marked), "\ufeffa");
});

test("decode in pieces", () => {
  const decoder = new TextDecoder();
  const pieces = [bytes(0xef), bytes(0xbb, 0xbf, 0xf0, 0x9f), bytes(0x8c), bytes(0x88)];
  const text = pieces.map((piece) => decoder.decode(piece, { stream: true }));
  assertEquals([...text, decoder.decode()], ["", "", "", "🌈", ""]);
  decoder.decode(bytes(0xe2), { stream: true });
  assertEquals(decoder.decode(), "\ufffd");
});

test("decode takes every kind of buffer", async () => {
  const decoder = new TextDecoder();
  const { buffer } = bytes(97, 98, 99, 100);
  assertEquals(decoder.decode(buffer), "abcd");
  assertEquals(decoder.decode(new DataView(buffer, 1, 2)), "bc");
  assertEquals(decoder.decode(new Uint16Array(buffer, 2)), "cd");
  const shared = new SharedArrayBuffer(1);
  new Uint8Array(shared)[0] = 120;
  assertEquals(decoder.decode(shared), "x");
  assertEquals(decoder.decode(undefined), "");
  await assertThrows(() => decoder.decode("text"), TypeError);
});

const labels = {
  "unicode-1-1-utf-8": "utf-8",
  " UTF8\n": "utf-8",
  latin1: "windows-1252",
  ascii: "windows-1252",
  "utf-16": "utf-16le",
  sjis: "shift_jis",
  gb2312: "gbk",
  big5: "big5",
  "euc-kr": "euc-kr",
  koi8: "koi8-r",
  macintosh: "macintosh",
  "x-user-defined": "x-user-defined",
};

for (const [label, encoding] of Object.entries(labels)) {
  test(`the label ${JSON.stringify(label)}`, () => {
    assertEquals(new TextDecoder(label).encoding, encoding);
  });
}

test("labels that are none", async () => {
  for (const label of ["", "utf-9", "replacement", "utf-8\0"])
    await assertThrows(() => new TextDecoder(label), RangeError);
});

const legacy = {
  "windows-1252": [[0x80, 0x81], "€\u0081"],
  shift_jis: [[0x93, 0xfa, 0x96, 0x7b], "日本"],
  "euc-jp": [[0xc6, 0xfc], "日"],
  "iso-2022-jp": [[0x1b, 0x24, 0x42, 0x46, 0x7c], "日"],
  gb18030: [[0x84, 0x31, 0xa4, 0x37, 0xc4, 0xe3], "\ufffd你"],
  big5: [[0xa7, 0x41], "你"],
  "euc-kr": [[0xb0, 0xa1], "가"],
  "utf-16be": [[0xd8, 0x3c, 0xdf, 0x08], "🌈"],
  "utf-16le": [[0x3c, 0xd8, 0x61, 0x00], "\ufffda"],
};

for (const [encoding, [input, text]] of Object.entries(legacy)) {
  test(`decode ${encoding}`, () => {
    if (encoding === "gb18030") input.splice(0, 4, 0xff);
    assertEquals(new TextDecoder(encoding).decode(bytes(...input)), text);
  });
}

async function through(stream, chunks) {
  const writer = stream.writable.getWriter();
  const written = (async () => {
    for (const chunk of chunks) await writer.write(chunk);
    await writer.close();
  })();
  const [read] = await Promise.all([Array.fromAsync(stream.readable), written]);
  return read;
}

test("TextEncoderStream joins surrogates across chunks", async () => {
  const stream = new TextEncoderStream();
  assertEquals(stream.encoding, "utf-8");
  const chunks = await through(stream, ["a", "", "\ud83c", "\udf08", "\ud83c"]);
  assertEquals(chunks, [bytes(97), bytes(240, 159, 140, 136), bytes(239, 191, 189)]);
});

test("TextDecoderStream", async () => {
  const stream = new TextDecoderStream("utf-16le", { ignoreBOM: true });
  assertEquals([stream.encoding, stream.fatal, stream.ignoreBOM], ["utf-16le", false, true]);
  assertEquals(
    (await through(new TextDecoderStream(), [bytes(0xe2), bytes(0x82, 0xac), bytes(0xe2)])).join(
      "|",
    ),
    "€|\ufffd",
  );
  await assertThrows(
    () => through(new TextDecoderStream("utf-8", { fatal: true }), [bytes(0xff)]),
    TypeError,
  );
  await assertThrows(() => through(new TextDecoderStream(), ["text"]), TypeError);
  assert(stream.readable instanceof ReadableStream && stream.writable instanceof WritableStream);
});
