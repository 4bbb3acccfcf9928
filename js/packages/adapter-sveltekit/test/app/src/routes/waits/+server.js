import { evaluated } from "#lib/trace.js";

const ready = await Promise.resolve("ready");
evaluated("waits");

export const GET = () => new Response(ready);
