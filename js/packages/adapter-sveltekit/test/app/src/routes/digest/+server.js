import digest from "digest-in-commonjs";

export const GET = () => new Response(digest("orilla"));
