/** A Hono app: middleware, parameters, JSON, a stream, and the key-value store. */

import { getPlatform } from "@orilla/platform";
import { Hono } from "hono";
import { cors } from "hono/cors";
import { etag } from "hono/etag";
import { HTTPException } from "hono/http-exception";
import { logger } from "hono/logger";
import { streamText } from "hono/streaming";

const MAX_COUNTDOWN = 10;

const app = new Hono();

app.use(logger());
app.use("/api/*", cors());
// etag() reads a whole answer before it sends it, so that streams stay without.
app.use("/api/greet/*", etag());

app.get("/api/greet/:name", (c) => c.json({ greeting: `Hello, ${c.req.param("name")}` }));

app.get("/api/countdown/:from{[0-9]+}", (c) => {
  const from = Math.min(Number(c.req.param("from")), MAX_COUNTDOWN);
  return streamText(c, async (stream) => {
    for (let left = from; left > 0; left--) {
      await stream.writeln(String(left));
      await stream.sleep(100);
    }
    await stream.writeln("go");
  });
});

app.get("/api/notes/:key", async (c) => {
  const text = await getPlatform().KV.notes.get(c.req.param("key"));
  if (text === null) throw new HTTPException(404, { message: "there is no such note" });
  return c.text(text);
});

app.put("/api/notes/:key", async (c) => {
  await getPlatform().KV.notes.put(c.req.param("key"), await c.req.text(), { ttl: 3600 });
  return c.body(null, 204);
});

app.notFound((c) => c.json({ error: `there is nothing at ${c.req.path}` }, 404));

app.onError((error, c) => {
  if (error instanceof HTTPException) return c.json({ error: error.message }, error.status);
  console.error(error);
  return c.json({ error: "something went wrong" }, 500);
});

export default app;
