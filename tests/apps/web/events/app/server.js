const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const answers = {
  async order() {
    const order = [];
    setTimeout(() => order.push("timer"), 0);
    queueMicrotask(() => order.push("microtask"));
    order.push("now");
    await sleep(1);
    return order;
  },
  async timers() {
    let ticks = 0;
    const interval = setInterval(() => ticks++, 1);
    while (ticks < 3) await sleep(1);
    clearInterval(interval);
    const cancelled = setTimeout(() => (ticks = -1), 1);
    clearTimeout(cancelled);
    const { clearTimeout: clear, setTimeout: set } = { clearTimeout, setTimeout };
    const library = { clear, set };
    library.clear(library.set(() => (ticks = -2), 1));
    const quiet = setTimeout(() => (ticks = -3), 1).unref();
    const kept = quiet.ref().hasRef();
    clearTimeout(quiet);
    await sleep(5);
    return [ticks >= 3, await new Promise((resolve) => setTimeout(resolve, 1, "argument")), kept, typeof quiet];
  },
  async abort() {
    const controller = new AbortController();
    const seen = [];
    controller.signal.addEventListener("abort", () => seen.push(controller.signal.reason.message), { once: true });
    controller.abort(new Error("enough"));
    const timeout = AbortSignal.timeout(1);
    const any = AbortSignal.any([new AbortController().signal, timeout]);
    await new Promise((resolve) => any.addEventListener("abort", resolve));
    return [seen, controller.signal.aborted, any.reason.name, AbortSignal.abort().reason.name];
  },
  clone() {
    const source = { date: new Date(0), map: new Map([[1, new Set([2])]]), bytes: new Uint8Array([3]), re: /x/g };
    source.self = source;
    const copy = structuredClone(source);
    let refused = "";
    try {
      structuredClone(() => {});
    } catch (error) {
      refused = error.name;
    }
    const { buffer } = new Uint8Array(8);
    structuredClone(buffer, { transfer: [buffer] });
    return [copy.self === copy, copy.date.getTime(), [...copy.map.get(1)], [...copy.bytes], copy.re.flags, refused, buffer.byteLength];
  },
  events() {
    const target = new EventTarget();
    const seen = [];
    target.addEventListener("x", { handleEvent: (event) => seen.push(event.detail) });
    target.addEventListener("x", (event) => event.preventDefault());
    const allowed = target.dispatchEvent(new CustomEvent("x", { detail: 7, cancelable: true }));
    return [seen, allowed];
  },
  async channel() {
    const { port1, port2 } = new MessageChannel();
    const received = new Promise((resolve) => (port2.onmessage = (event) => resolve(event.data)));
    port1.postMessage({ a: [1] });
    const data = await received;
    port1.close();
    return data;
  },
  performance() {
    const before = performance.now();
    performance.mark("m");
    const near = Math.abs(performance.timeOrigin + before - Date.now()) < 60_000;
    return [performance.now() >= before, performance.getEntriesByName("m").length, near];
  },
  globals() {
    const hidden = ["Deno", "__bootstrap", "bootstrap", "__dirname", "require", "Bun"];
    const reachable = Object.getOwnPropertyNames(globalThis).filter((name) => /^op_|^ext|core|deno|orilla/i.test(name));
    return [hidden.filter((name) => name in globalThis), reachable, navigator.userAgent, self === globalThis];
  },
  async forbiddenImports() {
    const names = ["ext:core/ops", "ext:core/mod.js", "ext:orilla_web/env.js", "node:test", "file:///etc/passwd", "./other.js"];
    return await Promise.all(names.map((name) => import(name).then(() => name, () => "refused")));
  },
};

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    return Response.json(await answers[pathname.slice(1)](request, env, ctx));
  },
};
