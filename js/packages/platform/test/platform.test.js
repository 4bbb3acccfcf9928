import assert from "node:assert/strict";
import { test } from "node:test";
import { getPlatform, PlatformError } from "@orilla/platform";
import { defineConfig } from "@orilla/platform/config";

test("outside the runtime getPlatform() says what to do", () => {
  assert.throws(getPlatform, (error) => {
    assert.ok(error instanceof PlatformError);
    assert.ok(error instanceof Error);
    assert.equal(error.name, "PlatformError");
    assert.equal(error.code, "PLATFORM_NOT_IN_RUNTIME");
    assert.match(error.message, /runtime serve/);
    return true;
  });
});

test("defineConfig hands back the very object it is given", () => {
  const config = { limits: { wall_ms: 5000 }, env: { required: ["TOKEN"] } };
  assert.equal(defineConfig(config), config);
});
