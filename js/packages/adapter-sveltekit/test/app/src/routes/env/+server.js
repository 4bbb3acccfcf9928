import { greeting } from "#lib/greeting.js";

export const GET = () => new Response(greeting);
