/**
 * Bundles the worker and the app into one ES module. What the runtime brings along, the platform package and
 * Node's modules, stays an import; the rest of Node is refused here, at build time, rather than when the app boots, and
 * the app's own imports of what is there in name only are noted.
 */

import { writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { earlyModules } from "./early.js";
import { AdapterError } from "./error.js";

const WORKER = fileURLToPath(new URL("worker.js", import.meta.url));

/** The platform package, under both names that the runtime answers to. */
const PLATFORM = /^@(orilla|maravilla-labs)\/platform(\/|$)/;

/**
 * Node's modules that the runtime brings along. A package of its own cannot import the runtime's list; a tidy test
 * holds the two together.
 */
export const NODE_MODULES = [
  "assert",
  "assert/strict",
  "async_hooks",
  "buffer",
  "child_process",
  "cluster",
  "console",
  "constants",
  "crypto",
  "dgram",
  "diagnostics_channel",
  "dns",
  "dns/promises",
  "domain",
  "events",
  "fs",
  "fs/promises",
  "http",
  "http2",
  "https",
  "inspector",
  "inspector/promises",
  "module",
  "net",
  "os",
  "path",
  "path/posix",
  "path/win32",
  "perf_hooks",
  "process",
  "punycode",
  "querystring",
  "readline",
  "readline/promises",
  "repl",
  "sea",
  "sqlite",
  "stream",
  "stream/consumers",
  "stream/promises",
  "stream/web",
  "string_decoder",
  "sys",
  "timers",
  "timers/promises",
  "tls",
  "trace_events",
  "tty",
  "url",
  "util",
  "util/types",
  "v8",
  "vm",
  "wasi",
  "worker_threads",
  "zlib",
];

/**
 * Those of them of which little more than the names is there. docs/node-modules.md says what; the same test compares.
 */
const IN_NAME_ONLY = [
  "child_process",
  "cluster",
  "dgram",
  "dns",
  "dns/promises",
  "domain",
  "fs",
  "fs/promises",
  "http2",
  "inspector",
  "inspector/promises",
  "net",
  "readline",
  "readline/promises",
  "repl",
  "sea",
  "sqlite",
  "tls",
  "trace_events",
  "tty",
  "v8",
  "vm",
  "wasi",
  "worker_threads",
];

/**
 * @typedef {object} Bundle
 * @property {string} serverDirectory SvelteKit's server output
 * @property {string} workDirectory where the adapter generated `server.js` and `prerendered.js` for this app
 * @property {string} outfile
 * @property {string[]} external imports to leave as they are, beyond those the runtime is known to answer
 */

/**
 * Writes `outfile` and its source map.
 *
 * @param {Bundle} bundle
 * @returns {Promise<import("esbuild").Message[]>} warnings
 * @throws {AdapterError} `ADAPTER_NODE_MODULE`
 */
export async function bundleWorker(bundle) {
  const options = esbuildOptions(bundle);
  const early = join(bundle.workDirectory, "early.js");

  writeFileSync(early, "");
  const { metafile } = await build({ ...options, write: false, metafile: true });
  const modules = await earlyModules(metafile, bundle.serverDirectory);
  writeFileSync(early, modules.map((path) => `import ${JSON.stringify(path)};\n`).join(""));

  const { warnings } = await build(options);
  return warnings;
}

/**
 * @param {Bundle} bundle
 * @returns {import("esbuild").BuildOptions}
 */
function esbuildOptions({ serverDirectory, workDirectory, outfile, external }) {
  return {
    absWorkingDir: serverDirectory,
    entryPoints: [WORKER],
    outfile,
    bundle: true,
    format: "esm",
    target: "es2022",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["orilla", "edge-light", "worker", "module", "production"],
    define: { "process.env.NODE_ENV": '"production"' },
    external,
    sourcemap: true,
    legalComments: "none",
    logLevel: "silent",
    plugins: [generatedModules(workDirectory), platformModules, nodeModules(external)],
  };
}

/**
 * `orilla-app:<name>` is a module that was generated for this app.
 *
 * @param {string} directory
 * @returns {import("esbuild").Plugin}
 */
function generatedModules(directory) {
  return {
    name: "orilla-app",
    setup({ onResolve }) {
      onResolve({ filter: /^orilla-app:/ }, ({ path }) => {
        return { path: join(directory, `${path.slice("orilla-app:".length)}.js`) };
      });
    },
  };
}

/** @type {import("esbuild").Plugin} */
const platformModules = {
  name: "orilla-platform",
  setup({ onResolve }) {
    onResolve({ filter: PLATFORM }, () => ({ external: true }));
  },
};

/**
 * Node's modules, with or without `node:`. A worker has no `require`, so that one in CommonJS becomes an import.
 *
 * A static import of a module that the runtime lacks would keep the app from booting and is refused. `import()` and
 * `require` of one fail only where they run, which a dependency may well expect.
 *
 * @param {string[]} allowed imports to leave as they are
 * @returns {import("esbuild").Plugin}
 */
function nodeModules(allowed) {
  const filter = new RegExp(`^(node:.+|${builtinModules.join("|")})$`);
  return {
    name: "orilla-node",
    setup({ onResolve, onLoad }) {
      onResolve({ filter }, ({ path, kind, importer, namespace }) => {
        const name = path.replace(/^node:/, "");
        const known = NODE_MODULES.includes(name);
        if (known && kind === "require-call") return { path: name, namespace: "orilla-require" };
        if (!known && kind === "import-statement" && !allowed.includes(path))
          throw missing(name, path, importer);
        const isNoted =
          kind === "import-statement" &&
          IN_NAME_ONLY.includes(name) &&
          !allowed.includes(path) &&
          !importer.split(/[\\/]/).includes("node_modules");
        return {
          path: `node:${name}`,
          external: true,
          warnings: isNoted ? [inNameOnly(name, importer)] : [],
          sideEffects: namespace === "orilla-require",
        };
      });
      onLoad({ filter: /./, namespace: "orilla-require" }, ({ path }) => ({
        contents: `import required from "node:${path}"; module.exports = required;`,
      }));
    },
  };
}

function missing(name, path, importer) {
  return new AdapterError(
    "ADAPTER_NODE_MODULE",
    `${importer} imports node:${name}, which the Orilla runtime does not have. Keep it out of server code, ` +
      `or list "${path}" in the adapter's \`external\` option if your host answers to it.`,
  );
}

/** Dependencies import such modules for the sake of code that never runs here; what the app itself imports, it calls. */
function inNameOnly(name, importer) {
  return {
    text:
      `${importer} imports node:${name}, which the Orilla runtime has in name only: most of its functions throw ` +
      "NODE_API_NOT_SUPPORTED when they are called",
  };
}
