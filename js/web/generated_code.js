// Code that an app makes out of text is the app's, whoever calls for it. V8 takes the function that calls `eval` for the place where
// the text stands, and from where the host's own modules stand more can be imported than an app may have. So this stands between:
// a script that may import what an app may. It runs before any app, and its name is not one of the host's modules. `eval` is thereby
// always the indirect one, which sees no local variables.
(() => {
  const { apply, construct } = Reflect;
  const ours = {
    __proto__: null,
    apply: (target, receiver, args) => apply(target, receiver, args),
    construct: (target, args, newTarget) => construct(target, args, newTarget),
  };
  const replace = (holder, name) => {
    const descriptor = Object.getOwnPropertyDescriptor(holder, name);
    Object.defineProperty(holder, name, {
      ...descriptor,
      value: new Proxy(descriptor.value, ours),
    });
    return holder[name];
  };
  const evaluate = replace(globalThis, "eval");
  for (const sample of [async () => {}, function* () {}, async function* () {}])
    replace(Object.getPrototypeOf(sample), "constructor");
  const ofFunction = replace(Function.prototype, "constructor");
  Object.defineProperty(globalThis, "Function", { value: ofFunction });

  // Timers take text as well. None of the four cares whose method it is called as.
  for (const name of ["clearTimeout", "clearInterval"]) {
    const stop = globalThis[name];
    const timer = {
      [name](handle = 0) {
        return stop(handle);
      },
    }[name];
    const { prototype, ...own } = Object.getOwnPropertyDescriptors(stop);
    globalThis[name] = Object.defineProperties(timer, own);
  }
  for (const name of ["setTimeout", "setInterval"]) {
    const start = globalThis[name];
    const timer = {
      [name](callback, delay = undefined, ...args) {
        const call = typeof callback === "function" ? callback : textOf(callback);
        return start(call, delay, ...args);
      },
    }[name];
    const { prototype, ...own } = Object.getOwnPropertyDescriptors(start);
    globalThis[name] = Object.defineProperties(timer, own);
  }

  function textOf(callback) {
    const text = `${callback}`;
    return () => void evaluate(text);
  }
})();
