// Writes the numbers and names that Node's modules publish into internal/constants/. Run it with the
// version of Node whose API the modules follow, on Linux; then run prettier.
//
//     node js/web/node/test/write_constants.js

import crypto from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import os from "node:os";
import zlib from "node:zlib";

const directory = new URL("../internal/constants/", import.meta.url);
const json = (value) => JSON.stringify(value);

/** One file of frozen objects, each an export. */
function write(name, about, values) {
  const exports = Object.entries(values).map(
    ([key, value]) => `export const ${key} = Object.freeze(${json(value)});`,
  );
  const text = [`// ${about}`, "// Written by test/write_constants.js.", "", ...exports, ""];
  fs.writeFileSync(new URL(`${name}.js`, directory), text.join("\n"));
}

write("system", "What Linux calls its errors and signals, and the flags of files.", {
  dlopen: os.constants.dlopen,
  errno: os.constants.errno,
  priority: os.constants.priority,
  signals: os.constants.signals,
  files: fs.constants,
});

write("crypto", "What OpenSSL calls its options.", { constants: crypto.constants });

write("http", "The methods and status codes of HTTP.", {
  METHODS: http.METHODS,
  STATUS_CODES: http.STATUS_CODES,
});

write("zlib", "What zlib, Brotli and Zstandard call their options.", { constants: zlib.constants });

const h2 = Object.entries(http2.constants);
const named = (prefix) => h2.filter(([key]) => key.startsWith(prefix));
write("http2", "HTTP/2's own names; those of headers and methods are told by their values.", {
  HEADERS: named("HTTP2_HEADER_").map(([, value]) => value),
  METHODS: named("HTTP2_METHOD_").map(([, value]) => value),
  STATUS: Object.fromEntries(named("HTTP_STATUS_")),
  OTHER: Object.fromEntries(
    h2.filter(([key]) => !/^(HTTP2_(HEADER|METHOD)|HTTP_STATUS)_/.test(key)),
  ),
});
