// Resolves our modules' imports as the runtime does: `ext:orilla_web/…` to files here, and `node:`
// to our own modules when one of ours asks. What the tests import stays Node's.

const root = new URL("../", import.meta.url);
const prefix = "ext:orilla_web/node/";

/** @type {import("node:module").ResolveHook} */
export async function resolve(specifier, context, next) {
  if (specifier === "ext:orilla_web/node_host.js") return found(new URL("test/node_host.js", root));
  if (specifier.startsWith(prefix)) return found(new URL(specifier.slice(prefix.length), root));
  const parent = context.parentURL ?? "";
  const isOurs = parent.startsWith(root.href) && !parent.startsWith(new URL("test/", root).href);
  if (isOurs && specifier.startsWith("node:"))
    return found(new URL(`${specifier.slice(5)}.js`, root));
  return next(specifier, context);
}

function found(url) {
  return { url: url.href, format: "module", shortCircuit: true };
}
