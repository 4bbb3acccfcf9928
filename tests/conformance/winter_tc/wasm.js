// WebAssembly: the namespace, and the functions that take a Response. The rest is V8's.
import { assert, assertEquals, assertThrows, test } from "./harness.js";

// (module (import "m" "f" (func (param i32))) (func (export "run") (call 0 (i32.const 7))) (memory (export "memory") 1))
const BYTES = new Uint8Array([
  ...[
    0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 2, 96, 1, 127, 0, 96, 0, 0, 2, 7, 1, 1, 109, 1, 102, 0, 0, 3,
    2, 1, 1,
  ],
  ...[5, 3, 1, 0, 1, 7, 16, 2, 3, 114, 117, 110, 0, 1, 6, 109, 101, 109, 111, 114, 121, 2, 0],
  ...[10, 8, 1, 6, 0, 65, 7, 16, 0, 11],
]);

const calls = [];
const imports = { m: { f: (value) => calls.push(value) } };
const response = (type = "application/wasm", init = {}) =>
  new Response(BYTES, { ...init, headers: { "content-type": type } });

for (const [name, length] of Object.entries({
  compile: 1,
  compileStreaming: 1,
  instantiate: 1,
  instantiateStreaming: 1,
  validate: 1,
})) {
  test(`WebAssembly.${name}`, () => {
    assertEquals(
      [typeof WebAssembly[name], WebAssembly[name].name, WebAssembly[name].length],
      ["function", name, length],
    );
  });
}

for (const name of ["CompileError", "LinkError", "RuntimeError"]) {
  test(`WebAssembly.${name}`, () => {
    const error = new WebAssembly[name]("m");
    assert(error instanceof Error);
    assertEquals([error.name, error.message], [name, "m"]);
  });
}

test("WebAssembly.JSTag", () => assert(WebAssembly.JSTag instanceof WebAssembly.Tag));

test("validate, compile, instantiate", async () => {
  assertEquals([WebAssembly.validate(BYTES), WebAssembly.validate(BYTES.slice(1))], [true, false]);
  const module = await WebAssembly.compile(BYTES);
  assertEquals(WebAssembly.Module.exports(module), [
    { name: "run", kind: "function" },
    { name: "memory", kind: "memory" },
  ]);
  const instance = await WebAssembly.instantiate(module, imports);
  calls.length = 0;
  instance.exports.run();
  assertEquals(calls, [7]);
  assert(instance.exports.memory.buffer.byteLength === 65536);
  const both = await WebAssembly.instantiate(BYTES, imports);
  assert(
    both.module instanceof WebAssembly.Module && both.instance instanceof WebAssembly.Instance,
  );
  await assertThrows(() => WebAssembly.compile(BYTES.slice(1)), WebAssembly.CompileError);
  await assertThrows(() => WebAssembly.instantiate(module, { m: { f: 1 } }), WebAssembly.LinkError);
});

test("compileStreaming and instantiateStreaming", async () => {
  assert((await WebAssembly.compileStreaming(response())) instanceof WebAssembly.Module);
  assert(
    (await WebAssembly.compileStreaming(Promise.resolve(response("Application/WASM ")))) instanceof
      WebAssembly.Module,
  );
  const { instance } = await WebAssembly.instantiateStreaming(response(), imports);
  calls.length = 0;
  instance.exports.run();
  assertEquals(calls, [7]);
});

test("streaming: what is refused", async () => {
  for (const bad of [
    response("text/plain"),
    response("application/wasm;x"),
    response(undefined, { status: 404 }),
  ])
    await assertThrows(() => WebAssembly.compileStreaming(bad), TypeError);
  await assertThrows(() => WebAssembly.compileStreaming(BYTES), TypeError);
  await assertThrows(() => WebAssembly.compileStreaming({}), TypeError);
  const used = response();
  await used.text();
  await assertThrows(() => WebAssembly.compileStreaming(used), TypeError);
  const broken = new Response(BYTES.slice(1), { headers: { "content-type": "application/wasm" } });
  await assertThrows(() => WebAssembly.compileStreaming(broken), WebAssembly.CompileError);
});

test("streaming: over the network", async ({ origin }) => {
  const headers = { "content-type": "application/wasm" };
  const answer = fetch(`${origin}/peer/echo`, { method: "POST", body: BYTES, headers });
  const module = await WebAssembly.compileStreaming(answer);
  assertEquals(WebAssembly.Module.imports(module), [{ module: "m", name: "f", kind: "function" }]);
});
