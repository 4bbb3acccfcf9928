import assert from "node:assert/strict";
import { test } from "node:test";
import { getPlatform, PlatformError } from "@orilla/platform";
import { defineConfig } from "@orilla/platform/config";
import { onDeploy } from "@orilla/platform/events";

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

test("outside the runtime onDeploy only describes its handler", () => {
  const handler = () => assert.fail("nobody calls it");
  assert.deepEqual(onDeploy("ready", handler), { kind: "deploy", phase: "ready", handler });
});
