import process from "node:process";

const atModuleScope = process.env.PUBLIC_GREETING;

const answers = {
  handler: (_, env) => [env.PUBLIC_GREETING, env.NEEDED, env.SECRET ?? null, Object.isFrozen(env)],
  process: () => [process.env.PUBLIC_GREETING, process.env.SECRET ?? null, "NEEDED" in process.env, atModuleScope],
  names: (_, env) => [Object.keys(env).sort(), Object.keys(process.env).sort()],
};

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    return Response.json(await answers[pathname.slice(1)](request, env));
  },
};
