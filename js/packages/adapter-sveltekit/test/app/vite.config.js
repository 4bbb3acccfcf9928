import adapter from "@orilla/adapter-sveltekit";
import { sveltekit } from "@sveltejs/kit/vite";
import { defineConfig } from "vite";

/** What some of the tests build otherwise. */
const { ADAPTER_OPTIONS = "{}", MINIFY } = process.env;

export default defineConfig({
  build: { minify: MINIFY === "true" || undefined },
  plugins: [
    sveltekit({
      paths: { base: "/docs" },
      adapter: adapter({
        precompress: true,
        exclude: ["/docs/private/*"],
        external: ["node:test"],
        ...JSON.parse(ADAPTER_OPTIONS),
      }),
    }),
  ],
});
