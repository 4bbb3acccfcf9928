/**
 * The two apps of the peers bench, and how each contender serves them: the routes in
 * benches/peers, and the example sveltekit, which a peer serves through SvelteKit's own adapter
 * for Node.
 */

import {
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import {
  BINARIES,
  PEERS,
  appWithSnapshot,
  dataDirectory,
  installPeers,
  serveCommand,
} from "./contenders.mjs";
import { ROOT, SCRATCH } from "./machine.mjs";
import { run } from "./processes.mjs";

/** The static file. A peer reads it for every response; the runtime keeps it in memory. */
export const STATIC_FILE = { name: "10k.txt", text: "0123456789abcde\n".repeat(640) };

const BUILD_TIMEOUT_MS = 300_000;
const APPS = join(SCRATCH, "peers");
const EXAMPLE = join(ROOT, "examples/sveltekit");
const EXAMPLE_ADAPTER = "@orilla/adapter-sveltekit";
/** Made by the example's install and build, and of no use to another build. */
const NOT_SOURCES = ["node_modules", "build", ".svelte-kit"];

/**
 * A server of the bench, by app. Without the app that a workload needs, it sits that one out.
 *
 * @typedef {object} PeerServer
 * @property {(port: number) => string[]} routes
 * @property {(port: number) => string[]} [sveltekit]
 */

/**
 * Builds both apps where they are missing or old.
 *
 * @param {string[]} names of contenders
 * @returns {Record<string, PeerServer>} by name; Deno is there twice, the second time with a
 *   worker for each core
 */
export function peerServers(names) {
  installPeers();
  const { deno, bun, workerd, node } = BINARIES;
  const assets = staticDirectory();
  const denoServe = [deno, "serve", "-A", "--no-config", "--unstable-kv", "--host=127.0.0.1"];
  const servers = {
    runtime: () => ({
      routes: serveCommand(runtimeRoutes(assets), dataDirectory("peers")),
      sveltekit: serveCommand(
        appWithSnapshot(join(EXAMPLE, "build"), "sveltekit"),
        dataDirectory("sveltekit"),
      ),
    }),
    deno: () => ({
      routes: routes("deno", assets, (port) => [...denoServe, `--port=${port}`]),
      sveltekit: nodePage([deno, "run", "-A", "--no-config"]),
    }),
    "deno --parallel": () => ({
      routes: routes("deno", assets, (port) => [...denoServe, "--parallel", `--port=${port}`]),
    }),
    bun: () => ({ routes: routes("bun", assets, () => [bun]), sveltekit: nodePage([bun]) }),
    workerd: () => ({
      routes: (port) => [
        workerd,
        "serve",
        join(PEERS, "workerd.capnp"),
        `--socket-addr=http=127.0.0.1:${port}`,
        `--directory-path=files=${assets}`,
      ],
    }),
    node: () => ({ routes: routes("node", assets, () => [node]), sveltekit: nodePage([node]) }),
  };
  const chosen = Object.keys(servers).filter((name) => names.includes(name.split(" ")[0]));
  return Object.fromEntries(chosen.map((name) => [name, servers[name]()]));
}

/** Runs a peer's file of routes, which reads what it needs from the environment. */
function routes(peer, assets, program) {
  const data = dataDirectory(`peers-${peer}`);
  mkdirSync(data, { recursive: true });
  const kv = `KV_FILE=${join(data, "kv.sqlite")}`;
  const file = `STATIC_FILE=${join(assets, STATIC_FILE.name)}`;
  const module = join(PEERS, `${peer}.mjs`);
  return (port) => ["env", kv, file, `PORT=${port}`, ...program(port), module];
}

function nodePage(program) {
  const entry = join(sveltekitForNode(), "index.js");
  return (port) => ["env", "HOST=127.0.0.1", `PORT=${port}`, ...program, entry];
}

function staticDirectory() {
  const directory = join(APPS, "static");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, STATIC_FILE.name), STATIC_FILE.text);
  return directory;
}

/** The routes as one bundled module, which is what an app of the runtime is. */
function runtimeRoutes(assets) {
  const app = join(APPS, "runtime");
  rmSync(app, { recursive: true, force: true });
  cpSync(assets, join(app, "static"), { recursive: true });
  const manifest = { version: 1, name: "peers", entrypoint: "server.js", static: "static" };
  writeFileSync(join(app, "manifest.json"), JSON.stringify(manifest));
  const bundle = ["build", join(PEERS, "runtime.mjs"), "--external=@orilla/platform"];
  run([BINARIES.bun, ...bundle, `--outfile=${join(app, "server.js")}`], {
    timeoutMs: BUILD_TIMEOUT_MS,
  });
  return appWithSnapshot(app, "peers");
}

/** The example with nothing changed but its adapter. Built once, and again when its own build is. */
function sveltekitForNode() {
  const app = join(APPS, "sveltekit");
  const build = join(app, "build");
  const built = modified(join(build, "index.js"));
  const sources = [join(EXAMPLE, "build/manifest.json"), join(PEERS, "package-lock.json")];
  if (sources.every((source) => modified(source) < built)) return build;
  console.error("building the example sveltekit for Node");
  rmSync(app, { recursive: true, force: true });
  cpSync(EXAMPLE, app, {
    recursive: true,
    filter: (source) => !NOT_SOURCES.includes(basename(source)),
  });
  symlinkSync(join(EXAMPLE, "node_modules"), join(app, "node_modules"));
  replaceAdapter(join(app, "vite.config.ts"));
  const vite = join(EXAMPLE, "node_modules/vite/bin/vite.js");
  run([BINARIES.node, vite, "build"], { timeoutMs: BUILD_TIMEOUT_MS, cwd: app });
  return build;
}

function replaceAdapter(config) {
  const text = readFileSync(config, "utf8");
  if (!text.includes(EXAMPLE_ADAPTER)) throw new Error(`${config} imports no ${EXAMPLE_ADAPTER}`);
  const adapter = join(PEERS, "node_modules/@sveltejs/adapter-node/index.js");
  writeFileSync(config, text.replace(EXAMPLE_ADAPTER, adapter));
}

/** When a file was last written; of one that is not there, the beginning of time. */
function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
