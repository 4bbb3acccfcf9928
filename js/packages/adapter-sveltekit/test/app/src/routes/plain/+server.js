import { evaluated } from "#lib/trace.js";

evaluated("plain");

export async function GET() {
  const { text } = await import("#lib/late.js");
  return new Response(text);
}
