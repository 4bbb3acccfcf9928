// Gives interfaces the shape that the standards' IDL gives them, where deno_web's and deno_fetch's classes have another:
// kinds of properties, lengths, names, tags, and the few members and checks they leave out. It is done once, when the
// base snapshot is made or an interface is first looked at. tests/conformance/winter_tc/ says what is right.
import { core } from "ext:core/mod.js";

const { Event, EventTarget } = core.loadExtScript("ext:deno_web/02_event.js");
const { Blob } = core.loadExtScript("ext:deno_web/09_file.js");

/** Members that have to be enumerable, and are not. */
const ENUMERABLE = {
  BroadcastChannel: ["close", "name", "postMessage"],
  CloseEvent: ["code", "reason", "wasClean"],
  Event: [
    ...["cancelBubble", "composed", "composedPath", "preventDefault", "stopImmediatePropagation"],
    "stopPropagation",
  ],
  EventSource: ["close", "readyState", "url", "withCredentials"],
  MessageEvent: ["source"],
  Navigator: ["hardwareConcurrency", "language", "userAgent"],
};

/** How many arguments are needed; `constructor` stands for the interface itself. */
const LENGTHS = {
  AbortController: { abort: 0 },
  FormData: { constructor: 0 },
  MessageEvent: { constructor: 1 },
  MessagePort: { close: 0 },
  PerformanceObserverEntryList: { constructor: 0 },
  PromiseRejectionEvent: { constructor: 2 },
  URLPattern: { constructor: 0, exec: 0, test: 0 },
};

/** Interfaces whose objects carry their tag, and whose prototypes do not. */
const UNTAGGED = new Set([
  ...["BroadcastChannel", "CloseEvent", "CustomEvent", "ErrorEvent", "EventSource", "MessageEvent"],
  ...["Navigator", "ProgressEvent", "PromiseRejectionEvent"],
]);

/** What takes the place of an interface's members, by interface. */
const MEMBERS = {
  CustomEvent: customEvent,
  EventTarget: eventTarget,
  FormData: formData,
  Performance: performance,
  Request: request,
};

/**
 * Puts an interface right.
 * @template {Function} T
 * @param {string} name
 * @param {T} constructor
 * @returns {T} The same.
 */
export function conform(name, constructor) {
  const { prototype } = constructor;
  for (const member of ENUMERABLE[name] ?? [])
    Object.defineProperty(prototype, member, { enumerable: true });
  for (const [member, length] of Object.entries(LENGTHS[name] ?? {}))
    Object.defineProperty(prototype[member], "length", { value: length, configurable: true });
  if (UNTAGGED.has(name)) {
    const tag = { value: name, writable: false, enumerable: false, configurable: true };
    Object.defineProperty(prototype, Symbol.toStringTag, tag);
  }
  if (name === "Event") defineConstants(constructor);
  if (name === "PerformanceObserver") keepEntryTypes(constructor);
  if (name === "URL") revokeBlobsOnly(constructor);
  if (name in MEMBERS) {
    // What stands in a literal has the kinds of property that IDL asks for.
    const members = MEMBERS[name](Object.getOwnPropertyDescriptors(prototype));
    Object.defineProperties(prototype, Object.getOwnPropertyDescriptors(members));
  }
  nameAccessors(prototype);
  return constructor;
}

/** Accessors that were made alike are all called `get` and `set`. */
function nameAccessors(prototype) {
  for (const [member, { get, set }] of Object.entries(
    Object.getOwnPropertyDescriptors(prototype),
  )) {
    if (get?.name === "get") Object.defineProperty(get, "name", { value: `get ${member}` });
    if (set?.name === "set") Object.defineProperty(set, "name", { value: `set ${member}` });
  }
}

function defineConstants({ NONE, CAPTURING_PHASE, AT_TARGET, BUBBLING_PHASE, prototype }) {
  const constants = { NONE, CAPTURING_PHASE, AT_TARGET, BUBBLING_PHASE };
  for (const [name, value] of Object.entries(constants)) {
    const constant = { value, writable: false, enumerable: true, configurable: false };
    Object.defineProperty(prototype, name, constant);
  }
}

function customEvent({ detail }) {
  return {
    get detail() {
      return detail.get.call(this) ?? null;
    },
  };
}

// A listener is something that can be called, or an object; undefined is none, like null. What is dispatched is an Event.
function eventTarget({ addEventListener, removeEventListener, dispatchEvent }) {
  const refuse = (method, what) => {
    throw new TypeError(`Failed to execute '${method}' on 'EventTarget': ${what}`);
  };
  return {
    addEventListener(type, callback, options = undefined) {
      if (arguments.length < 2) refuse("addEventListener", "2 arguments required");
      callback ??= null;
      if (typeof callback !== "function" && typeof callback !== "object")
        refuse("addEventListener", "the listener is not an object");
      addEventListener.value.call(this ?? globalThis, `${type}`, callback, options);
    },
    removeEventListener(type, callback, options = undefined) {
      if (arguments.length < 2) refuse("removeEventListener", "2 arguments required");
      removeEventListener.value.call(this ?? globalThis, `${type}`, callback ?? null, options);
    },
    dispatchEvent(event) {
      if (!(event instanceof Event)) refuse("dispatchEvent", "the argument is not an Event");
      return dispatchEvent.value.call(this ?? globalThis, event);
    },
  };
}

// Only what has bytes has a file's name.
function formData({ append, set }) {
  const add = (name, original) =>
    function (form, args) {
      if (args.length > 2 && !(args[1] instanceof Blob))
        throw new TypeError(`Failed to execute '${name}' on 'FormData': the value is not a Blob`);
      original.value.apply(form, args);
    };
  const [appendTo, setIn] = [add("append", append), add("set", set)];
  return {
    append(name, value, filename = undefined) {
      appendTo(this, arguments);
    },
    set(name, value, filename = undefined) {
      setIn(this, arguments);
    },
  };
}

function keepEntryTypes(PerformanceObserver) {
  const types = Object.freeze([...PerformanceObserver.supportedEntryTypes]);
  const members = {
    get supportedEntryTypes() {
      return types;
    },
  };
  Object.defineProperties(PerformanceObserver, Object.getOwnPropertyDescriptors(members));
}

// What is no URL of a blob can be revoked as well, and nothing happens.
function revokeBlobsOnly(URL) {
  const { canParse, revokeObjectURL } = URL;
  const members = {
    revokeObjectURL(url) {
      if (arguments.length === 0) revokeObjectURL();
      const text = `${url}`;
      if (canParse(text)) revokeObjectURL(text);
    },
  };
  Object.defineProperties(URL, Object.getOwnPropertyDescriptors(members));
}

// Entries come in the order of their start, those that start together in the order in which they were made.
function performance({ getEntries, getEntriesByName, getEntriesByType }) {
  const sorted = (entries) => entries.toSorted((a, b) => a.startTime - b.startTime);
  return {
    getEntries() {
      return sorted(getEntries.value.call(this));
    },
    getEntriesByName(name, type = undefined) {
      return sorted(getEntriesByName.value.apply(this, arguments));
    },
    getEntriesByType(type) {
      return sorted(getEntriesByType.value.apply(this, arguments));
    },
  };
}

// What a request has that no page made.
function request({ method }) {
  const check = (receiver) => void method.get.call(receiver);
  return {
    get destination() {
      check(this);
      return "";
    },
    get duplex() {
      check(this);
      return "half";
    },
    get isHistoryNavigation() {
      check(this);
      return false;
    },
    get isReloadNavigation() {
      check(this);
      return false;
    },
  };
}
