// Checked by `npm run typecheck`, never run: what an app may write, and what its types must refuse.

import {
  getPlatform,
  PlatformError,
  type Env,
  type ExecutionContext,
  type ExportedHandler,
  type KvKey,
  type KvListResult,
  type KvNamespace,
} from "@orilla/platform";
import { defineConfig } from "@orilla/platform/config";

/** Fails to compile unless both types are the same. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <_Proof extends true>(): void => {};

const platform = getPlatform();

export async function namespaces(): Promise<void> {
  const sessions: KvNamespace = platform.KV.sessions;
  const value = await sessions.get("user:1");
  same<Same<typeof value, string | null>>();

  await platform.KV.demo.put("key", "value");
  await platform.KV["with-dash"].put("key", "value", { ttl: 60 });
  await platform.KV.demo.put("key", "value", { expirationTtl: 60 });
  await platform.KV.demo.put("key", "value", { expiration: 1_900_000_000 });
  await platform.KV.demo.delete("key");

  // @ts-expect-error a value is a string: objects are stringified by the app
  await platform.KV.demo.put("key", { a: 1 });
  // @ts-expect-error the option is spelt `ttl`
  await platform.KV.demo.put("key", "value", { tll: 60 });
  // @ts-expect-error a namespace is not replaced
  platform.KV.demo = sessions;
}

export async function pages(): Promise<string[]> {
  const names: string[] = [];
  let cursor: string | undefined;
  do {
    const page: KvListResult = await platform.KV.demo.list({ prefix: "todo:", limit: 50, cursor });
    same<Same<typeof page.keys, KvKey[]>>();
    same<Same<typeof page.result_info.cursor, string | undefined>>();
    names.push(...page.result.map((key) => key.name));
    cursor = page.result_info.cursor;
  } while (cursor);
  return names;
}

export async function byArgument(): Promise<void> {
  const value: string | null = await platform.kv.get("demo", "key");
  await platform.kv.put("demo", "key", value ?? "", { ttl: 60 });
  const { keys } = await platform.kv.list("demo", { prefix: "k" });
  await platform.kv.delete("demo", keys[0].name);
  // @ts-expect-error the namespace comes first
  await platform.kv.get("key");
}

export function code(error: unknown): string {
  return error instanceof PlatformError ? error.code : "UNKNOWN";
}

export default {
  async fetch(request, env, ctx) {
    same<Same<typeof request, Request>>();
    same<Same<typeof env, Env>>();
    same<Same<typeof ctx, ExecutionContext>>();
    ctx.waitUntil(pages());
    const [client, server] = Object.values(new WebSocketPair());
    server.accept();
    server.addEventListener("message", ({ data }) => server.send(data));
    server.addEventListener("close", ({ code }) => console.log(code));
    return new Response(null, { status: 101, webSocket: client });
  },
} satisfies ExportedHandler;

interface Bindings {
  TOKEN: string;
}
export const typed: ExportedHandler<Bindings> = {
  fetch: (_request, env) => new Response(env.TOKEN),
};

// @ts-expect-error a handler answers with a Response
export const wrong: ExportedHandler = { fetch: () => "hello" };

const config = defineConfig({
  limits: { wall_ms: 5000, heap_mb: 128 },
  env: { required: ["TOKEN"] },
  auth: { resources: [{ name: "todos", actions: ["read"] }] },
});
same<Same<typeof config.limits.wall_ms, 5000>>();

// @ts-expect-error limits are numbers
defineConfig({ limits: { wall_ms: "5s" } });
// @ts-expect-error no such block
defineConfig({ databse: {} });
