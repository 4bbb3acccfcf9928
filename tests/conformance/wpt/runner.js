// Runs one file of the Web Platform Tests in this isolate, as a worker of a browser would: testharness.js, the scripts
// that the file names, and the file itself are evaluated in global scope, fetched from `base`, where all files are.

const DEADLINE_MS = 20_000;
const LONG_MS = 40_000;
const STATUS = ["PASS", "FAIL", "TIMEOUT", "NOTRUN", "PRECONDITION_FAILED"];
const evaluate = globalThis.eval;

export default {
  async fetch(request) {
    const { searchParams } = new URL(request.url);
    return Response.json(await run(new URL(searchParams.get("file"), searchParams.get("base"))));
  },
};

/**
 * @param {URL} file
 * @returns {Promise<{ error: string | null, tests: { name: string, status: string, message: string | null }[] }>}
 *   `error` is what kept the file from coming to its end.
 */
async function run(file) {
  try {
    const harness = await text(new URL("/resources/testharness.js", file));
    const { scripts, deadline } = await read(file);
    evaluate(harness);
    standInForAWorker(file);
    const completed = new Promise((resolve) => {
      globalThis.add_completion_callback((tests, { status, message }) =>
        resolve({ error: status === 0 ? null : String(message), tests: tests.map(result) }),
      );
    });
    // One script, because what `const` declares in one evaluation is not seen in the next.
    evaluate(scripts.join("\n;\n"));
    return await Promise.race([completed, endAfter(deadline)]);
  } catch (error) {
    return { error: String(error), tests: [] };
  }
}

/** The sources to evaluate, the file's own last, and how long it may take. */
async function read(file) {
  const source = await text(file);
  const meta = [...source.matchAll(/^\/\/ META: (\w+)=(.*)$/gm)].map(([, key, value]) => [
    key,
    value.trim(),
  ]);
  const named = meta
    .filter(([key]) => key === "script")
    .map(([, path]) => text(new URL(path, file)));
  const long = meta.some(([key, value]) => key === "timeout" && value === "long");
  return {
    scripts: [...(await Promise.all(named)), source],
    deadline: long ? LONG_MS : DEADLINE_MS,
  };
}

const fetchOfTheHost = globalThis.fetch;

async function text(url) {
  const response = await fetchOfTheHost(url);
  if (!response.ok) throw new Error(`${url.pathname}: ${response.status}`);
  return await response.text();
}

/** What tests find in a browser's worker and not in an app: where they are, what they are in, relative addresses. */
function standInForAWorker(file) {
  const { href, origin, protocol, host, hostname, port, pathname, search, hash } = file;
  globalThis.location = { href, origin, protocol, host, hostname, port, pathname, search, hash };
  globalThis.location.toString = () => href;
  const no = () => false;
  globalThis.DedicatedWorkerGlobalScope = class {
    static [Symbol.hasInstance] = (value) => value === globalThis;
  };
  globalThis.GLOBAL = { isWindow: no, isWorker: no, isShadowRealm: no };
  const absolute = (input) =>
    typeof input === "string" || input instanceof URL ? (URL.parse(input, href) ?? input) : input;
  const withAbsolute = {
    construct: (of, [input, ...more], as) => construct(of, [absolute(input), ...more], as),
  };
  const { construct } = Reflect;
  globalThis.fetch = (input, init) => fetchOfTheHost(absolute(input), init);
  for (const name of ["Request", "EventSource", "WebSocket"]) {
    globalThis[name] = new Proxy(globalThis[name], withAbsolute);
    globalThis[name].prototype.constructor = globalThis[name];
  }
}

function result({ name, status, message }) {
  return { name, status: STATUS[status], message };
}

async function endAfter(milliseconds) {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  return { error: "it did not come to its end", tests: [] };
}
