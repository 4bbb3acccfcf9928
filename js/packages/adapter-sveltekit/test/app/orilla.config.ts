import { defineConfig } from "@orilla/platform/config";

export default defineConfig({
  limits: { wall_ms: 5000 },
  env: { required: ["GREETING"] },
});
