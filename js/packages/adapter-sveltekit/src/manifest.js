/**
 * The `manifest.json` of a built app: what the runtime reads to serve it. All file paths are relative to it.
 */

/** The longest name the runtime takes, in characters. */
const MAX_NAME = 63;

/**
 * @typedef {object} Manifest
 * @property {1} version
 * @property {string} name
 * @property {string} entrypoint
 * @property {string} static
 * @property {Routes} routes
 * @property {{ prefix?: string, required?: readonly string[] }} env
 *
 * @typedef {object} Routes
 * @property {string[]} include paths the app is asked for
 * @property {string[]} exclude paths it is never asked for
 * @property {Record<string, string>} prerendered URL path → file in `static`
 * @property {string[]} immutable paths whose content never changes
 */

/**
 * What is taken from SvelteKit's own options. Version 3 knows no `publicPrefix`: its apps declare their variables.
 *
 * @typedef {{ paths: { base: string }, env: { publicPrefix?: string } }} KitConfig
 *
 * @typedef {object} Options
 * @property {string} name
 * @property {string[]} include
 * @property {string[]} exclude
 * @property {string} [envPrefix]
 * @property {string[]} required variables that the app declares and cannot do without
 *
 * @param {import("@sveltejs/kit").Builder} builder
 * @param {KitConfig} kit
 * @param {Options} options
 * @param {import("@orilla/platform/config").OrillaConfig} config
 * @returns {Manifest}
 */
export function manifestOf(builder, { paths, env }, options, config) {
  const { name, include, exclude, envPrefix } = options;
  const directory = paths.base ? `${paths.base.slice(1)}/` : "";
  const pages = [...builder.prerendered.pages];
  const required = new Set([options.required, config.env?.required ?? []].flat());

  return {
    version: 1,
    name,
    entrypoint: "server.js",
    static: "static",
    routes: {
      include,
      exclude,
      prerendered: Object.fromEntries(pages.map(([path, { file }]) => [path, directory + file])),
      immutable: [`/${builder.getAppPath()}/immutable/*`],
    },
    ...config,
    env: { prefix: envPrefix ?? env.publicPrefix, ...config.env, required: [...required] },
  };
}

/**
 * An npm package name as the name of an app: `@acme/Site` becomes `acme-site`. It is empty if nothing is left.
 *
 * @param {string} packageName
 * @returns {string}
 */
export function appName(packageName) {
  const name = packageName.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return name.replace(/^-+/, "").slice(0, MAX_NAME).replace(/-+$/, "");
}
