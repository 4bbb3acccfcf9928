// The interfaces of ECMA-429, and the few beyond it that apps find here too: each with its members as the standards'
// IDL has them. A method or constructor is written with the number of arguments it needs, `abort/0`.

const words = (text) => text.split(/\s+/).filter(Boolean);

/**
 * One interface. `of` is its constructor's number of arguments, or null where it cannot be constructed.
 * @param {number | null} of
 * @param {{ parent?: string, get?: string, set?: string, call?: string, promise?: string, static?: string,
 *   constants?: string, iterates?: string }} members `get` is read-only, `set` is not; `promise` names methods that
 *   return one.
 */
const describe = (of, members = {}) => ({
  of,
  parent: members.parent ?? null,
  get: words(members.get ?? ""),
  set: words(members.set ?? ""),
  call: words(members.call ?? ""),
  promise: words(members.promise ?? ""),
  static: words(members.static ?? ""),
  constants: words(members.constants ?? ""),
  iterates: members.iterates ?? null,
});

const body = {
  get: "body bodyUsed",
  promise: "arrayBuffer/0 blob/0 bytes/0 formData/0 json/0 text/0",
};
const pair = { get: "readable writable" };

/** ECMA-429, 2025. */
export const minimum = {
  AbortController: describe(0, { get: "signal", call: "abort/0" }),
  AbortSignal: describe(null, {
    parent: "EventTarget",
    static: "abort/0 any/1 timeout/1",
    get: "aborted reason",
    set: "onabort",
    call: "throwIfAborted/0",
  }),
  Blob: describe(0, {
    get: "size type",
    call: "slice/0 stream/0",
    promise: "arrayBuffer/0 bytes/0 text/0",
  }),
  ByteLengthQueuingStrategy: describe(1, { get: "highWaterMark size" }),
  CompressionStream: describe(1, pair),
  CountQueuingStrategy: describe(1, { get: "highWaterMark size" }),
  Crypto: describe(null, { get: "subtle", call: "getRandomValues/1 randomUUID/0" }),
  CryptoKey: describe(null, { get: "algorithm extractable type usages" }),
  CustomEvent: describe(1, { parent: "Event", get: "detail", call: "initCustomEvent/1" }),
  DecompressionStream: describe(1, pair),
  DOMException: describe(0, {
    get: "code message name",
    constants: `INDEX_SIZE_ERR=1 DOMSTRING_SIZE_ERR=2 HIERARCHY_REQUEST_ERR=3 WRONG_DOCUMENT_ERR=4
      INVALID_CHARACTER_ERR=5 NO_DATA_ALLOWED_ERR=6 NO_MODIFICATION_ALLOWED_ERR=7 NOT_FOUND_ERR=8 NOT_SUPPORTED_ERR=9
      INUSE_ATTRIBUTE_ERR=10 INVALID_STATE_ERR=11 SYNTAX_ERR=12 INVALID_MODIFICATION_ERR=13 NAMESPACE_ERR=14
      INVALID_ACCESS_ERR=15 VALIDATION_ERR=16 TYPE_MISMATCH_ERR=17 SECURITY_ERR=18 NETWORK_ERR=19 ABORT_ERR=20
      URL_MISMATCH_ERR=21 QUOTA_EXCEEDED_ERR=22 TIMEOUT_ERR=23 INVALID_NODE_TYPE_ERR=24 DATA_CLONE_ERR=25`,
  }),
  ErrorEvent: describe(1, { parent: "Event", get: "colno error filename lineno message" }),
  Event: describe(1, {
    get: `bubbles cancelable composed currentTarget defaultPrevented eventPhase srcElement target timeStamp type`,
    set: "cancelBubble returnValue",
    call: "composedPath/0 initEvent/1 preventDefault/0 stopImmediatePropagation/0 stopPropagation/0",
    constants: "NONE=0 CAPTURING_PHASE=1 AT_TARGET=2 BUBBLING_PHASE=3",
  }),
  EventTarget: describe(0, { call: "addEventListener/2 dispatchEvent/1 removeEventListener/2" }),
  File: describe(2, { parent: "Blob", get: "lastModified name" }),
  FormData: describe(0, {
    call: "append/2 delete/1 get/1 getAll/1 has/1 set/2",
    iterates: "entries",
  }),
  Headers: describe(0, {
    call: "append/2 delete/1 get/1 getSetCookie/0 has/1 set/2",
    iterates: "entries",
  }),
  MessageChannel: describe(0, { get: "port1 port2" }),
  MessageEvent: describe(1, {
    parent: "Event",
    get: "data lastEventId origin ports source",
    call: "initMessageEvent/1",
  }),
  MessagePort: describe(null, {
    parent: "EventTarget",
    set: "onmessage onmessageerror",
    call: "close/0 postMessage/1 start/0",
  }),
  Performance: describe(null, {
    parent: "EventTarget",
    get: "timeOrigin",
    call: `clearMarks/0 clearMeasures/0 getEntries/0 getEntriesByName/1 getEntriesByType/1 mark/1 measure/1 now/0
      toJSON/0`,
  }),
  PromiseRejectionEvent: describe(2, { parent: "Event", get: "promise reason" }),
  ReadableByteStreamController: describe(null, {
    get: "byobRequest desiredSize",
    call: "close/0 enqueue/1 error/0",
  }),
  ReadableStream: describe(0, {
    static: "from/1",
    get: "locked",
    call: "getReader/0 pipeThrough/1 tee/0",
    promise: "cancel/0 pipeTo/1",
    iterates: "async",
  }),
  ReadableStreamBYOBReader: describe(1, { call: "releaseLock/0", promise: "cancel/0 read/1" }),
  ReadableStreamBYOBRequest: describe(null, {
    get: "view",
    call: "respond/1 respondWithNewView/1",
  }),
  ReadableStreamDefaultController: describe(null, {
    get: "desiredSize",
    call: "close/0 enqueue/0 error/0",
  }),
  ReadableStreamDefaultReader: describe(1, { call: "releaseLock/0", promise: "cancel/0 read/0" }),
  Request: describe(1, {
    get: `${body.get} cache credentials destination duplex headers integrity isHistoryNavigation isReloadNavigation
      keepalive method mode redirect referrer referrerPolicy signal url`,
    call: "clone/0",
    promise: body.promise,
  }),
  Response: describe(0, {
    static: "error/0 json/1 redirect/1",
    get: `${body.get} headers ok redirected status statusText type url`,
    call: "clone/0",
    promise: body.promise,
  }),
  SubtleCrypto: describe(null, {
    promise: `decrypt/3 deriveBits/2 deriveKey/5 digest/2 encrypt/3 exportKey/2 generateKey/3 importKey/5 sign/3
      unwrapKey/7 verify/4 wrapKey/4`,
  }),
  TextDecoder: describe(0, { get: "encoding fatal ignoreBOM", call: "decode/0" }),
  TextDecoderStream: describe(0, { get: `encoding fatal ignoreBOM ${pair.get}` }),
  TextEncoder: describe(0, { get: "encoding", call: "encode/0 encodeInto/2" }),
  TextEncoderStream: describe(0, { get: `encoding ${pair.get}` }),
  TransformStream: describe(0, pair),
  TransformStreamDefaultController: describe(null, {
    get: "desiredSize",
    call: "enqueue/0 error/0 terminate/0",
  }),
  URL: describe(1, {
    static: "canParse/1 createObjectURL/1 parse/1 revokeObjectURL/1",
    get: "origin searchParams",
    set: "hash host hostname href password pathname port protocol search username",
    call: "toJSON/0 toString/0",
  }),
  URLPattern: describe(0, {
    get: "hasRegExpGroups hash hostname password pathname port protocol search username",
    call: "exec/0 test/0",
  }),
  URLSearchParams: describe(0, {
    get: "size",
    call: "append/2 delete/1 get/1 getAll/1 has/1 set/2 sort/0 toString/0",
    iterates: "entries",
  }),
  "WebAssembly.Exception": describe(2, { call: "getArg/2 is/1" }),
  "WebAssembly.Global": describe(1, { set: "value", call: "valueOf/0" }),
  "WebAssembly.Instance": describe(1, { get: "exports" }),
  "WebAssembly.Memory": describe(1, { get: "buffer", call: "grow/1" }),
  "WebAssembly.Module": describe(1, { static: "customSections/2 exports/1 imports/1" }),
  "WebAssembly.Table": describe(1, { get: "length", call: "get/1 grow/1 set/1" }),
  "WebAssembly.Tag": describe(1),
  WritableStream: describe(0, { get: "locked", call: "getWriter/0", promise: "abort/0 close/0" }),
  WritableStreamDefaultController: describe(null, { get: "signal", call: "error/0" }),
  WritableStreamDefaultWriter: describe(1, {
    get: "desiredSize",
    call: "releaseLock/0",
    promise: "abort/0 close/0 write/0",
  }),
};

/** What else there is. */
export const beyond = {
  BroadcastChannel: describe(1, {
    parent: "EventTarget",
    get: "name",
    set: "onmessage onmessageerror",
    call: "close/0 postMessage/1",
  }),
  CloseEvent: describe(1, { parent: "Event", get: "code reason wasClean" }),
  EventSource: describe(1, {
    parent: "EventTarget",
    get: "readyState url withCredentials",
    set: "onerror onmessage onopen",
    call: "close/0",
    constants: "CONNECTING=0 OPEN=1 CLOSED=2",
  }),
  FileReader: describe(0, {
    parent: "EventTarget",
    get: "error readyState result",
    set: "onabort onerror onload onloadend onloadstart onprogress",
    call: "abort/0 readAsArrayBuffer/1 readAsBinaryString/1 readAsDataURL/1 readAsText/1",
    constants: "EMPTY=0 LOADING=1 DONE=2",
  }),
  Navigator: describe(null, { get: "hardwareConcurrency language userAgent" }),
  PerformanceEntry: describe(null, { get: "duration entryType name startTime", call: "toJSON/0" }),
  PerformanceMark: describe(1, { parent: "PerformanceEntry", get: "detail" }),
  PerformanceMeasure: describe(null, { parent: "PerformanceEntry", get: "detail" }),
  PerformanceObserver: describe(1, { call: "disconnect/0 observe/0 takeRecords/0" }),
  ProgressEvent: describe(1, { parent: "Event", get: "lengthComputable loaded total" }),
  QuotaExceededError: describe(0, { parent: "DOMException", get: "quota requested" }),
  WebSocket: describe(1, {
    parent: "EventTarget",
    get: "bufferedAmount extensions protocol readyState url",
    set: "binaryType onclose onerror onmessage onopen",
    call: "close/0 send/1",
    constants: "CONNECTING=0 OPEN=1 CLOSING=2 CLOSED=3",
  }),
};
