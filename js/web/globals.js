// What an app finds on globalThis. Interfaces that a request is likely to meet are ready; the rest is compiled at the
// first look. Nothing here reaches the file system, a process or another app.
import { core, primordials } from "ext:core/mod.js";
import { console } from "ext:orilla_web/console.js";
import { Crypto, crypto, SubtleCrypto } from "ext:orilla_web/crypto.js";
import { counted, fetch } from "ext:orilla_web/fetch.js";
import { loadBuiltin } from "ext:orilla_web/node_host.js";
import { welcomeLateComers } from "ext:orilla_web/snapshot_guard.js";
import { Response } from "ext:orilla_web/response.js";
import { reportError } from "ext:orilla_web/uncaught.js";
import { conform } from "ext:orilla_web/web_idl.js";
import { WebSocketPair } from "ext:orilla_web/web_socket_pair.js";

const { ReflectConstruct } = primordials;
const script = (specifier) => core.loadExtScript(specifier);
const abort = script("ext:deno_web/03_abort_signal.js");
const base64 = script("ext:deno_web/05_base64.js");
const encoding = script("ext:deno_web/08_text_encoding.js");
const errors = script("ext:deno_web/01_dom_exception.js");
const event = script("ext:deno_web/02_event.js");
const file = script("ext:deno_web/09_file.js");
const formData = script("ext:deno_fetch/21_formdata.js");
const headers = script("ext:deno_fetch/20_headers.js");
const messages = script("ext:deno_web/13_message_port.js");
const performance = script("ext:deno_web/15_performance.js");
const request = script("ext:deno_fetch/23_request.js");
const streams = script("ext:deno_web/06_streams.js");
const timers = script("ext:deno_web/02_timers.js");
const url = script("ext:deno_web/00_url.js");

const ours = Symbol("Navigator");

class Navigator {
  #userAgent = "Orilla";
  #language = "en-US";
  #hardwareConcurrency = 1;

  constructor(key = undefined) {
    if (key !== ours) throw new TypeError("Illegal constructor");
  }

  get userAgent() {
    return this.#userAgent;
  }

  get language() {
    return this.#language;
  }

  get hardwareConcurrency() {
    return this.#hardwareConcurrency;
  }
}

// What Node's `util.promisify` looks for.
const promisified = Symbol.for("nodejs.util.promisify.custom");
const { clearTimeout, setTimeout } = timers;
Object.defineProperty(messages.structuredClone, "length", { value: 1, configurable: true });
Object.defineProperty(setTimeout, promisified, {
  value: (delay, value) => new Promise((resolve) => setTimeout(resolve, delay, value)),
});

const interfaces = {
  AbortController: abort.AbortController,
  AbortSignal: abort.AbortSignal,
  Blob: file.Blob,
  ByteLengthQueuingStrategy: streams.ByteLengthQueuingStrategy,
  CloseEvent: event.CloseEvent,
  CountQueuingStrategy: streams.CountQueuingStrategy,
  Crypto,
  CustomEvent: event.CustomEvent,
  DOMException: errors.DOMException,
  ErrorEvent: event.ErrorEvent,
  Event: event.Event,
  EventTarget: event.EventTarget,
  File: file.File,
  FormData: formData.FormData,
  Headers: headers.Headers,
  MessageChannel: messages.MessageChannel,
  MessageEvent: event.MessageEvent,
  MessagePort: messages.MessagePort,
  Navigator,
  Performance: performance.Performance,
  PerformanceEntry: performance.PerformanceEntry,
  PerformanceMark: performance.PerformanceMark,
  PerformanceMeasure: performance.PerformanceMeasure,
  PerformanceObserver: performance.PerformanceObserver,
  PerformanceObserverEntryList: performance.PerformanceObserverEntryList,
  ProgressEvent: event.ProgressEvent,
  PromiseRejectionEvent: event.PromiseRejectionEvent,
  QuotaExceededError: errors.QuotaExceededError,
  ReadableByteStreamController: streams.ReadableByteStreamController,
  ReadableStream: streams.ReadableStream,
  ReadableStreamBYOBReader: streams.ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest: streams.ReadableStreamBYOBRequest,
  ReadableStreamDefaultController: streams.ReadableStreamDefaultController,
  ReadableStreamDefaultReader: streams.ReadableStreamDefaultReader,
  Request: request.Request,
  Response,
  SubtleCrypto,
  TextDecoder: encoding.TextDecoder,
  TextDecoderStream: encoding.TextDecoderStream,
  TextEncoder: encoding.TextEncoder,
  TextEncoderStream: encoding.TextEncoderStream,
  TransformStream: streams.TransformStream,
  TransformStreamDefaultController: streams.TransformStreamDefaultController,
  URL: url.URL,
  URLSearchParams: url.URLSearchParams,
  WebSocketPair,
  WritableStream: streams.WritableStream,
  WritableStreamDefaultController: streams.WritableStreamDefaultController,
  WritableStreamDefaultWriter: streams.WritableStreamDefaultWriter,
};

const functions = {
  atob: base64.atob,
  btoa: base64.btoa,
  clearInterval: timers.clearInterval,
  clearTimeout: timers.clearTimeout,
  fetch,
  reportError,
  setInterval: timers.setInterval,
  setTimeout: timers.setTimeout,
  structuredClone: messages.structuredClone,
};

/** Scripts and modules that are compiled when one of their names is first looked at. */
const lazyScripts = {
  "ext:deno_web/01_broadcast_channel.js": ["BroadcastChannel"],
  "ext:deno_web/01_urlpattern.js": ["URLPattern"],
  "ext:deno_web/10_filereader.js": ["FileReader"],
  "ext:orilla_web/crypto_engine.js": ["CryptoKey"],
  "ext:orilla_web/client.js": ["EventSource"],
  "ext:orilla_web/compression.js": ["CompressionStream", "DecompressionStream"],
};

const lazyModules = {
  "ext:orilla_web/web_socket.js": ["WebSocket"],
};

function shaped(name, constructor) {
  const conforming = conform(name, constructor);
  return name === "EventSource" ? counted(conforming) : conforming;
}

// Node's timers call back with the arguments after a macrotask; bundles written for Node expect these two.
function setImmediate(callback, ...args) {
  return setTimeout(callback, 0, ...args);
}

function clearImmediate(handle) {
  clearTimeout(handle);
}

// Timers are numbers, as on the web; Node's are objects, and its bundles call these without looking. No timer keeps anything
// alive here, so there is nothing to remember.
const ofTimers = {
  ref() {
    return this.valueOf();
  },
  unref() {
    return this.valueOf();
  },
  hasRef() {
    return true;
  },
};

/**
 * `SharedArrayBuffer`, without those that grow: V8 counts their bytes nowhere, and there is no other thread that they could be
 * shared with.
 */
function fixedSharedBuffers(SharedArrayBuffer) {
  const fixed = new Proxy(SharedArrayBuffer, {
    construct(target, [length, options], newTarget) {
      if (options?.maxByteLength !== undefined)
        throw new RangeError("a SharedArrayBuffer cannot have a maxByteLength here");
      return ReflectConstruct(target, [length], newTarget);
    },
  });
  SharedArrayBuffer.prototype.constructor = fixed;
  return fixed;
}

/** What no snapshot can hold. The host calls it at every boot, before the app can run. */
export function wake() {
  performance.setTimeOrigin();
  define("SharedArrayBuffer", core.propNonEnumerable(fixedSharedBuffers(SharedArrayBuffer)));
  welcomeLateComers();
  // Without this V8 ends the process when an app streams WebAssembly.
  core.setWasmStreamingCallback((source, stream) =>
    script("ext:orilla_web/client.js").handleWasmStreaming(source, stream),
  );
  // Its first call takes V8's own from under it, and puts it back as something else.
  queueMicrotask(() => {});
  define("queueMicrotask", core.propWritable(queueMicrotask));
}

/**
 * Puts the web platform on globalThis. `Deno` stays, because deno_core looks for it when it loads a snapshot; the host
 * hides it before the app runs.
 */
export function defineGlobals() {
  for (const [name, value] of Object.entries(interfaces)) {
    define(name, core.propNonEnumerable(conform(name, value)));
  }
  for (const [name, value] of Object.entries(functions)) {
    define(name, core.propWritable(value));
  }
  for (const [specifier, names] of Object.entries(lazyScripts)) {
    for (const name of names)
      define(
        name,
        lazy(name, () => shaped(name, script(specifier)[name])),
      );
  }
  for (const [specifier, names] of Object.entries(lazyModules)) {
    const load = core.createLazyLoader(specifier);
    for (const name of names)
      define(
        name,
        lazy(name, () => shaped(name, load()[name])),
      );
  }
  define(
    "process",
    lazy("process", () => loadBuiltin("process").default),
  );
  define(
    "Buffer",
    lazy("Buffer", () => loadBuiltin("buffer").Buffer),
  );
  for (const [name, method] of Object.entries(ofTimers))
    Object.defineProperty(Number.prototype, name, core.propNonEnumerable(method));
  define("console", core.propNonEnumerable(console));
  define("crypto", { get: () => crypto, enumerable: true, configurable: true });
  define("navigator", { get: () => navigator, enumerable: true, configurable: true });
  define("performance", core.propWritable(performance.performance));
  define("self", core.propWritable(globalThis));
  define("global", core.propNonEnumerable(globalThis));
  define("setImmediate", core.propNonEnumerable(setImmediate));
  define("clearImmediate", core.propNonEnumerable(clearImmediate));
  Object.setPrototypeOf(globalThis, event.EventTarget.prototype);
  event.setEventTargetData(globalThis);
  Object.defineProperty(globalThis, script("ext:deno_webidl/00_webidl.js").brand, {
    value: script("ext:deno_webidl/00_webidl.js").brand,
  });
  event.defineEventHandler(globalThis, "error", undefined, true);
  event.defineEventHandler(globalThis, "unhandledrejection");
  event.defineEventHandler(globalThis, "rejectionhandled");
  delete globalThis.__bootstrap;
}

const navigator = new Navigator(ours);

function define(name, descriptor) {
  Object.defineProperty(globalThis, name, descriptor);
}

function lazy(name, load) {
  return {
    get() {
      const value = load();
      define(name, { value, writable: true, enumerable: false, configurable: true });
      return value;
    },
    set(value) {
      define(name, { value, writable: true, enumerable: false, configurable: true });
    },
    enumerable: false,
    configurable: true,
  };
}
