/** Notes that a module is being evaluated, for the tests to see in which order and when. */
export function evaluated(name) {
  (globalThis.evaluated ??= []).push(name);
}
