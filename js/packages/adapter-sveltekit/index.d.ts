import type { Adapter } from "@sveltejs/kit";
import "./ambient.js";

export interface AdapterOptions {
  /** Output directory; it is emptied first. Default `build`. */
  out?: string;
  /** The app's name. Default: the name in package.json. */
  name?: string;
  /** Write `.gz` and `.br` files beside static files. Default `false`. */
  precompress?: boolean;
  /** Has no effect: the runtime itself brings `process`, `Buffer` and the web platform along. */
  polyfill?: boolean;
  /**
   * Prefix of environment variables that reach the app. Default: SvelteKit 2's `env.publicPrefix`, with SvelteKit 3 `PUBLIC_`.
   * What a SvelteKit 3 app requires in `src/env.ts` reaches it whatever the prefix.
   */
  envPrefix?: string;
  /** URL paths the app is asked for. Default all. */
  include?: string[];
  /** URL paths the app is never asked for, only static files. Default none. */
  exclude?: string[];
  /** Imports to leave out of the bundle. Default none. */
  external?: string[];
}

/** The adapter for `sveltekit()` in `vite.config.ts`, with SvelteKit 2 also for `svelte.config.js`. */
export default function adapter(options?: AdapterOptions): Adapter;
