import { env } from "$env/dynamic/private";
import { evaluated } from "./trace.js";

evaluated("greeting");

/** Read while the module is evaluated, as configuration often is. */
export const greeting = env.GREETING;
