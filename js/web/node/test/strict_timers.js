// The web's timers refuse every receiver but the global object; Node's take any. A module that
// passes here must not count on that.

for (const name of ["setTimeout", "setInterval", "clearTimeout", "clearInterval"]) {
  const timer = globalThis[name];
  const strict = function (...args) {
    if (this !== undefined && this !== globalThis) throw new TypeError("Illegal invocation");
    return timer(...args);
  };
  Object.defineProperties(strict, Object.getOwnPropertyDescriptors(timer));
  globalThis[name] = strict;
}
