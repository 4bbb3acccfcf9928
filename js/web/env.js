// The app's environment: what the host lets it see, as a frozen object for `fetch(request, env, ctx)` and as the live
// `process.env`. Names read while a snapshot is made are noted by the host, which loads that snapshot only where they
// still have the same values.
import { op_env_get, op_env_names } from "ext:core/ops";

/**
 * The environment as an object that reads through to the host. Writes stay in this isolate.
 * @returns {Record<string, string>}
 */
function liveEnv() {
  const written = { __proto__: null };
  const deleted = new Set();
  const read = (name) => {
    if (typeof name !== "string") return undefined;
    if (name in written) return written[name];
    return deleted.has(name) ? undefined : (op_env_get(name) ?? undefined);
  };
  return new Proxy(
    {},
    {
      get: (_, name) => read(name) ?? inherited(name),
      has: (_, name) => read(name) !== undefined,
      set(_, name, value) {
        if (typeof name !== "string")
          throw new TypeError("a name in the environment must be a string");
        written[name] = String(value);
        deleted.delete(name);
        return true;
      },
      deleteProperty(_, name) {
        delete written[name];
        deleted.add(name);
        return true;
      },
      ownKeys: () =>
        [...new Set([...op_env_names(), ...Object.keys(written)])].filter(
          (name) => !deleted.has(name),
        ),
      getOwnPropertyDescriptor(_, name) {
        const value = read(name);
        if (value === undefined) return undefined;
        return { value, writable: true, enumerable: true, configurable: true };
      },
      defineProperty(_, name, descriptor) {
        written[name] = String(descriptor.value);
        deleted.delete(name);
        return true;
      },
    },
  );
}

/** What objects can do, this one can. */
function inherited(name) {
  const member = Object.prototype[name];
  return typeof member === "function" ? member : undefined;
}

/** What `process.env` is. */
export const processEnv = liveEnv();

let bindings;

/** Forgets what {@link handlerEnv} made: another app comes. */
export function resetHandlerEnv() {
  bindings = undefined;
}

/**
 * The `env` argument of the app's handlers, made at the first request so that no snapshot holds a value of it.
 * @returns {Readonly<Record<string, string>>}
 */
export function handlerEnv() {
  if (bindings === undefined) {
    bindings = {};
    for (const name of op_env_names()) bindings[name] = op_env_get(name);
    Object.freeze(bindings);
  }
  return bindings;
}
