import { existsSync } from "node:fs";
import { mock } from "node:test";

export const GET = () => new Response(`${existsSync(".")} ${typeof mock}`);
