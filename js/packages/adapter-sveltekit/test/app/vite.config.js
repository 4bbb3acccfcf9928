import adapter from "@orilla/adapter-sveltekit";
import { sveltekit } from "@sveltejs/kit/vite";
import { defineConfig } from "vite";

/** The tests of builds that must fail hand options in. */
const { ADAPTER_OPTIONS = "{}" } = process.env;

export default defineConfig({
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
