/**
 * Which of SvelteKit's lazily loaded modules the worker evaluates at once, so that a snapshot carries them evaluated.
 *
 * SvelteKit loads hooks, page nodes and endpoints when a request first needs them, after it was given the environment;
 * version 3 loads itself that way too. Two kinds of modules need that: those that import variables which are read at run
 * time, from `$env/dynamic/*` or `$app/env/*`, and those with a top-level `await`, which may want a service or the
 * network. They, and all that import them, stay late. So do modules that the app itself imports dynamically.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

/** SvelteKit's own modules: they hold the environment, but do not read it while they are evaluated. */
const ENTRY = "index.js";
const KIT_MODULES = new Set([ENTRY, "internal.js", "remote-entry.js"]);

/** Names in the bundle of SvelteKit's output, as against those of dependencies and of generated modules. */
const OUTPUT = /^[\w-]+[./]/;

const CHUNK = /^chunks\//;
const HOOKS = /^entries\/hooks\b/;
const NODES_AND_ENTRIES = /^(nodes|entries)\//;

/** SvelteKit's setter of the environment. A minified build has renamed it, and with it the bindings below. */
const NAMES_ARE_KEPT = /\bfunction set_(public_)?env\(/;

/** How a server module imports the environment, or a part of it. */
const IMPORTS_ENVIRONMENT =
  /\bimport\s*\{[^}]*\b(private_env|public_env|dynamic_private_env|explicit_public_env|rendered_env)\b/;

/**
 * @param {import("esbuild").Metafile} metafile of the bundled app, made in `serverDirectory`
 * @param {string} serverDirectory SvelteKit's server output
 * @returns {Promise<string[]>} absolute paths, in the order of evaluation: SvelteKit itself and hooks come first, as in it
 */
export async function earlyModules({ inputs }, serverDirectory) {
  const modules = Object.keys(inputs).filter((name) => OUTPUT.test(name));
  const texts = new Map(
    modules.map((name) => [name, readFileSync(join(serverDirectory, name), "utf8")]),
  );
  if (![...texts.values()].some((text) => NAMES_ARE_KEPT.test(text))) return [];

  const runtime = new Set(importedLazilyBy(ENTRY, inputs).filter((name) => CHUNK.test(name)));
  const late = new Set(await withTopLevelAwait(modules, serverDirectory));
  for (const [name, text] of texts) {
    const isKit = KIT_MODULES.has(name) || runtime.has(name);
    if (!isKit && IMPORTS_ENVIRONMENT.test(text)) late.add(name);
  }
  addImporters(late, inputs);

  const lazy = modules.filter(
    (name) => NODES_AND_ENTRIES.test(name) && isImportedLazily(name, inputs),
  );
  const first = [...runtime, ...lazy.filter((name) => HOOKS.test(name))];
  if (first.some((name) => late.has(name))) return [];
  const rest = lazy.filter((name) => !HOOKS.test(name) && !late.has(name));
  return [...first, ...rest].map((name) => join(serverDirectory, name));
}

/**
 * @param {string} name
 * @param {import("esbuild").Metafile["inputs"]} inputs
 * @returns {boolean}
 */
function isImportedLazily(name, inputs) {
  return Object.keys(inputs).some((importer) => importedLazilyBy(importer, inputs).includes(name));
}

/**
 * @param {string} importer
 * @param {import("esbuild").Metafile["inputs"]} inputs
 * @returns {string[]}
 */
function importedLazilyBy(importer, inputs) {
  const lazy = inputs[importer].imports.filter(({ kind }) => kind === "dynamic-import");
  return lazy.map(({ path }) => path);
}

/**
 * Adds every module that statically imports one of `names`, directly or not.
 *
 * @param {Set<string>} names
 * @param {import("esbuild").Metafile["inputs"]} inputs
 */
function addImporters(names, inputs) {
  // A Set is walked in order of insertion, so that what is added is walked too.
  for (const name of names) {
    for (const [importer, { imports }] of Object.entries(inputs)) {
      if (KIT_MODULES.has(importer)) continue;
      if (imports.some(({ path, kind }) => path === name && kind === "import-statement"))
        names.add(importer);
    }
  }
}

/**
 * esbuild names the modules that do not compile for a target without top-level await.
 *
 * @param {string[]} modules
 * @param {string} directory
 * @returns {Promise<string[]>}
 */
async function withTopLevelAwait(modules, directory) {
  try {
    await build({
      absWorkingDir: directory,
      entryPoints: modules,
      outdir: directory,
      format: "esm",
      write: false,
      logLevel: "silent",
      logLimit: 0,
      supported: { "top-level-await": false },
    });
    return [];
  } catch (error) {
    return error.errors.map(({ location }) => location.file);
  }
}
