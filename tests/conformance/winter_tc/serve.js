// The app: it runs an area of the suite when asked, and is its own peer.
import { areas, runArea } from "./harness.js";
import { answer } from "./peer.js";

export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname.startsWith("/peer/")) return await answer(request);
    if (pathname === "/areas") return Response.json(Object.keys(areas));
    return Response.json(await runArea(pathname.slice(1), { origin: searchParams.get("origin") }));
  },
};
