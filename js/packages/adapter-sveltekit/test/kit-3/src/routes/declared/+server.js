import { BUILT_BY, NICKNAME, TOKEN } from "$app/env/private";
import { PUBLIC_NAME } from "$app/env/public";
import { evaluated } from "#lib/trace.js";

evaluated("declared");

const text = [TOKEN, NICKNAME, BUILT_BY, PUBLIC_NAME].join(" ");

export const GET = () => new Response(text);
