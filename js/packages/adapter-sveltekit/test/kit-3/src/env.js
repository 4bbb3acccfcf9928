import { defineEnvVars } from "@sveltejs/kit/env";
import { evaluated } from "#lib/trace.js";

evaluated("env");

export const variables = defineEnvVars({
  GREETING: {},
  TOKEN: { schema: (value) => value ?? fail("TOKEN is not set") },
  PUBLIC_NAME: { public: true },
  NICKNAME: { schema: (value) => value ?? "nobody" },
  BUILT_BY: { static: true, schema: (value) => value ?? "vite" },
});

function fail(message) {
  throw new Error(message);
}
