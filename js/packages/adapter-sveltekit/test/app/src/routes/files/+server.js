import { existsSync } from "node:fs";

export const GET = () => new Response(String(existsSync(".")));
