import { mock } from "node:test";

export const GET = () => new Response(typeof mock);
