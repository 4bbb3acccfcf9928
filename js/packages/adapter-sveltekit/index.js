/**
 * The SvelteKit adapter: turns a built app into the output directory that the Orilla runtime serves.
 *
 *     manifest.json    what is served, and how
 *     server.js        the app as one ES module, with server.js.map
 *     static/          client assets and prerendered pages
 */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { bundleWorker } from "./src/bundle.js";
import { readConfig } from "./src/config.js";
import { requiredVariables } from "./src/environment.js";
import { AdapterError } from "./src/error.js";
import { appName, manifestOf } from "./src/manifest.js";

const NAME = "@orilla/adapter-sveltekit";

/**
 * @param {import("./index.js").AdapterOptions} [options]
 * @returns {import("@sveltejs/kit").Adapter}
 */
export default function adapter({
  out = "build",
  name,
  precompress = false,
  envPrefix,
  include = ["/*"],
  exclude = [],
  external = [],
} = {}) {
  return {
    name: NAME,
    async adapt(builder) {
      const directory = emptyDirectory(out);
      const workDirectory = emptyDirectory(builder.getBuildDirectory("orilla"));
      const serverDirectory = resolve(builder.getServerDirectory());
      const kit = kitConfig(builder);
      const required = await requiredVariables(serverDirectory, workDirectory);
      const options = { name: name ?? nameInPackage(), include, exclude, envPrefix, required };
      const manifest = manifestOf(builder, kit, options, await readConfig(workDirectory));

      const files = join(directory, manifest.static, kit.paths.base);
      builder.writeClient(files);
      builder.writePrerendered(files);
      if (precompress) await builder.compress(files);

      generateModules(builder, workDirectory);
      const warnings = await bundleWorker({
        serverDirectory,
        workDirectory,
        outfile: join(directory, manifest.entrypoint),
        external,
      });
      for (const { text, location } of warnings) {
        builder.log.warn(location ? `${location.file}:${location.line}: ${text}` : text);
      }

      writeFileSync(join(directory, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
      builder.log.success(`Wrote ${out}; serve it with: runtime serve ${out}/manifest.json`);
    },
  };
}

/**
 * @param {string} path
 * @returns {string} the absolute path of that directory, which is now empty
 */
function emptyDirectory(path) {
  const directory = resolve(path);
  if (`${resolve()}${sep}`.startsWith(directory + sep)) {
    throw new AdapterError(
      "ADAPTER_OUT",
      `the \`out\` option names ${directory}, which holds the project itself and would be emptied. ` +
        "Name a directory for the output alone, such as `build`.",
    );
  }
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  return directory;
}

/**
 * @returns {string} the app's name, after the project's package.json
 */
function nameInPackage() {
  const { name = "" } = JSON.parse(readFileSync("package.json", "utf8"));
  if (!appName(name)) {
    throw new AdapterError(
      "ADAPTER_NAME",
      'the app has no name; give package.json a "name", or the adapter its `name` option.',
    );
  }
  return appName(name);
}

/**
 * @param {import("@sveltejs/kit").Builder} builder
 * @returns {import("./src/manifest.js").KitConfig} SvelteKit's options, which up to version 2 are below `kit`
 */
function kitConfig({ config }) {
  return "paths" in config ? config : config.kit;
}

/**
 * Writes the modules that the worker imports as `orilla-app:server` and `orilla-app:prerendered`.
 *
 * @param {import("@sveltejs/kit").Builder} builder
 * @param {string} directory
 */
function generateModules(builder, directory) {
  generateServer(builder, join(directory, "server.js"));
  const { paths, redirects } = builder.prerendered;
  writeFileSync(
    join(directory, "prerendered.js"),
    `export const prerendered = new Set(${JSON.stringify(paths)});\n` +
      `export const redirects = new Map(${JSON.stringify([...redirects])});\n`,
  );
}

/**
 * Writes a module that exports SvelteKit's `server`. Version 3 writes it; for version 2 this is what it would write.
 *
 * @param {import("@sveltejs/kit").Builder} builder
 * @param {string} file
 */
function generateServer(builder, file) {
  if (builder.generateServerInstance) return builder.generateServerInstance(file);
  const relativePath = relative(dirname(file), resolve(builder.getServerDirectory())).replaceAll(
    sep,
    "/",
  );
  writeFileSync(
    file,
    `import { Server } from "${relativePath}/index.js";\n` +
      `export const server = new Server(${builder.generateManifest({ relativePath })});\n`,
  );
}
