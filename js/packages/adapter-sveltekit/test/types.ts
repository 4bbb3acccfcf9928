// Checked by `npm run types`, never run: how the adapter is configured, and what `event.platform` is.

import type { Adapter, RequestEvent } from "@sveltejs/kit";
import type { Platform } from "@orilla/platform";
import adapter from "@orilla/adapter-sveltekit";

export const plain: Adapter = adapter();

export const configured: Adapter = adapter({
  out: "build",
  name: "site",
  precompress: true,
  polyfill: true,
  envPrefix: "PUBLIC_",
  include: ["/*"],
  exclude: ["/static/*"],
  external: ["sharp"],
});

// @ts-expect-error no such option
adapter({ output: "build" });

export async function read(event: RequestEvent): Promise<string | null> {
  if (!event.platform) return null;
  const { env, ctx, getPlatform } = event.platform;
  ctx.waitUntil(Promise.resolve());
  const services: Platform = getPlatform();
  return services.KV.demo.get(env.KEY ?? "key");
}
