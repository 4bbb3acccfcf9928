// Call sites that an app asks for while a snapshot is made. V8 cannot load one of its own from a snapshot, so the app's
// `Error.prepareStackTrace` is given objects that know the same answers.

const QUESTIONS = [
  "getThis",
  "getTypeName",
  "getFunction",
  "getFunctionName",
  "getMethodName",
  "getFileName",
  "getLineNumber",
  "getColumnNumber",
  "getEvalOrigin",
  "isToplevel",
  "isEval",
  "isNative",
  "isConstructor",
  "isAsync",
  "isPromiseAll",
  "getPromiseIndex",
  "getScriptNameOrSourceURL",
  "toString",
];

class KeptCallSite {
  #answers = new Map();

  /** @param {object} site V8's, with all that deno_core knows of it. */
  constructor(site) {
    for (const question of QUESTIONS) this.#answers.set(question, site[question]());
  }

  /**
   * @param {string} question
   * @returns {(this: KeptCallSite) => unknown} the method that answers it
   */
  static answering(question) {
    const method = {
      [question]() {
        return this.#answers.get(question);
      },
    };
    return method[question];
  }
}

for (const question of QUESTIONS) {
  const value = KeptCallSite.answering(question);
  Object.defineProperty(KeptCallSite.prototype, question, {
    value,
    writable: true,
    enumerable: false,
    configurable: true,
  });
}

/** Called by the host before it takes a stack down. Has the app's function be called with call sites that can be kept. */
export function keepCallSites() {
  const ErrorNow = globalThis.Error;
  const own = Object.getOwnPropertyDescriptor(ErrorNow ?? {}, "prepareStackTrace");
  const prepare = own?.value;
  if (typeof prepare !== "function") return;
  const withKept = (error, sites) => {
    Reflect.defineProperty(ErrorNow, "prepareStackTrace", own);
    const kept = sites.map((site) => new KeptCallSite(site));
    return Reflect.apply(prepare, ErrorNow, [error, kept]);
  };
  Reflect.defineProperty(ErrorNow, "prepareStackTrace", { ...own, value: withKept });
}
