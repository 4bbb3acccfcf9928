// Plays one script on Node's module and on ours; what it records must agree, step by step.

import assert from "node:assert/strict";
import test from "node:test";

/** Turns of the event loop in which every script here comes to its end; no clock is involved. */
const TURNS = 50;

/** @returns {Promise<void>} once everything that was started has come to its end */
export async function settled() {
  for (let i = 0; i < TURNS; i++) await new Promise(setImmediate);
}

/**
 * @template M
 * @param {M} node
 * @param {M} our
 * @returns {(name: string, script: (module: M, log: unknown[]) => unknown) => void} declares a test
 */
export function bothPlay(node, our) {
  return (name, script) => {
    test(name, async () => {
      const records = [];
      for (const module of [node, our]) {
        const log = [];
        await script(module, log);
        await settled();
        records.push(log);
      }
      assert.ok(records[0].length > 0, "the script recorded something");
      assert.deepEqual(records[1], records[0]);
    });
  };
}
