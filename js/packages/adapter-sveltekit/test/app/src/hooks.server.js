import { evaluated } from "#lib/trace.js";

evaluated("hooks");

export async function handle({ event, resolve }) {
  const response = await resolve(event);
  response.headers.set("x-hook", "ran");
  return response;
}
