// Modules of Node that are there in name only. Server bundles import them for the sake of code that never runs here; so
// each name can be imported, functions throw when they are called, and classes when they are instantiated.

import { notSupported } from "ext:orilla_web/node/internal/errors.js";

/**
 * What a module that is there in name only is made of. Its file lists the names once, by taking them out of the first
 * object; the second gathers them for the default export.
 *
 * @param {string} module without `node:`
 * @param {string} advice why it is not there and what to use instead, for the error
 * @param {{ rejects?: boolean }} [options] whether functions return a rejected promise
 * @returns {[Record<string, any>, Record<string, any>]} a class for each name that begins with a capital, a function for
 *   each other one; and those that were asked for so far
 */
export function absent(module, advice, { rejects = false } = {}) {
  const made = {};
  const names = new Proxy(made, {
    get(_, name) {
      if (!Object.hasOwn(made, name)) {
        const isClass = /^[A-Z]/.test(name);
        if (isClass) made[name] = absentClass(module, name, advice);
        else
          made[name] = rejects ? rejecting(module, name, advice) : throwing(module, name, advice);
      }
      return made[name];
    },
  });
  return [names, made];
}

/**
 * An object of functions within such a module.
 *
 * @param {string} path of the object, with the module's name
 * @param {string} advice
 * @param {string[]} names
 * @returns {Record<string, () => never>}
 */
export function absentObject(path, advice, names) {
  return Object.fromEntries(names.map((name) => [name, throwing(path, name, advice)]));
}

function throwing(module, name, advice) {
  return {
    [name]() {
      throw notSupported(`${module}.${name}()`, advice);
    },
  }[name];
}

function rejecting(module, name, advice) {
  return {
    async [name]() {
      throw notSupported(`${module}.${name}()`, advice);
    },
  }[name];
}

/** Not a `class`: programs in the old style call `Base.call(this)`, and should be told the same. */
function absentClass(module, name, advice) {
  return {
    [name]: function () {
      throw notSupported(`new ${module}.${name}()`, advice);
    },
  }[name];
}

/**
 * A class of the platform that is compiled at its first use. To import a module that hands it on is none.
 *
 * @param {string} name on the global object
 */
export function lateClass(name) {
  const late = new Proxy(function () {}, {
    construct(_, args, newTarget) {
      const actual = globalThis[name];
      return Reflect.construct(actual, args, newTarget === late ? actual : newTarget);
    },
    get: (_, key) => globalThis[name][key],
    has: (_, key) => key in globalThis[name],
  });
  return late;
}
