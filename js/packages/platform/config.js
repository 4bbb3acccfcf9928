/**
 * `@orilla/platform/config`: types for an app's configuration file. It only hands back what it is given.
 */

/**
 * Gives an editor the types of an app's configuration.
 *
 * @template {import("./config.js").OrillaConfig} Config
 * @param {Config} config
 * @returns {Config} the same object
 */
export function defineConfig(config) {
  return config;
}
