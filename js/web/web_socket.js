// WebSocket, an app's connection to a server, as https://websockets.spec.whatwg.org has it. The handshake and the frames are the
// host's; here are the states, the events and what waits to be sent. Compiled when an app first looks at it.
import { core } from "ext:core/mod.js";
import {
  op_subrequest,
  op_websocket_close,
  op_websocket_next,
  op_websocket_open,
  op_websocket_send_bytes,
  op_websocket_send_text,
  op_websocket_unsent,
} from "ext:core/ops";
import { refusal, traceHeaders } from "ext:orilla_web/fetch.js";

const webidl = core.loadExtScript("ext:deno_webidl/00_webidl.js");
const { URL } = core.loadExtScript("ext:deno_web/00_url.js");
const { DOMException } = core.loadExtScript("ext:deno_web/01_dom_exception.js");
const { CloseEvent, defineEventHandler, ErrorEvent, Event, EventTarget, MessageEvent } =
  core.loadExtScript("ext:deno_web/02_event.js");
const { btoa } = core.loadExtScript("ext:deno_web/05_base64.js");
const { Headers } = core.loadExtScript("ext:deno_fetch/20_headers.js");
const { Blob } = core.loadExtScript("ext:deno_web/09_file.js");

const STATES = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 };
const { CONNECTING, OPEN, CLOSING, CLOSED } = STATES;

/** Events that the host reports; any other is the end. */
const TEXT = 0,
  BINARY = 1,
  OPENED = 3;

/** Stands for a closing frame without a code. */
const NO_CODE = 1005;

/** A token of HTTP (RFC 9110, section 5.6.2). */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

const TOO_MUCH_WAITS = "more waits to be sent than may: the server reads too slowly";

export class WebSocket extends EventTarget {
  #state = CONNECTING;
  #url;
  #origin;
  #protocol = "";
  /** None are asked for. */
  #extensions = "";
  #binaryType = "blob";
  /** The host's handle. */
  #connection;
  /** Bytes that were sent when nothing could be, and those of blobs that are being read. */
  #kept = 0;
  /** What is sent after the blobs that are being read, if there are any. */
  #after = null;
  /** Why the connection ends badly, where that is known here. */
  #failure = undefined;

  /**
   * Begins to connect.
   * @param {string | URL} url `ws:`, `wss:`, `http:` or `https:`.
   * @param {string | string[] | { protocols?: string | string[], headers?: HeadersInit }} [protocols]
   */
  constructor(url, protocols = []) {
    super();
    const prefix = "Failed to construct 'WebSocket'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    const parsed = parse(webidl.converters.USVString(url, prefix, "Argument 1"));
    const options = optionsOf(protocols, prefix);
    this.#url = parsed.href;
    this.#origin = `${parsed.protocol}//${parsed.host}`;
    op_subrequest(false);
    const trace = options.headers.has("traceparent") ? [] : traceHeaders();
    const headers = [...trace, ...withUser(options.headers, parsed)];
    try {
      this.#connection = op_websocket_open(parsed.href, options.protocols.join(", "), headers);
    } catch (error) {
      throw refusal(error) ?? error;
    }
    this.#listen();
  }

  get url() {
    return this.#url;
  }

  get readyState() {
    return this.#state;
  }

  get bufferedAmount() {
    return this.#kept + op_websocket_unsent(this.#connection);
  }

  get extensions() {
    return this.#extensions;
  }

  get protocol() {
    return this.#protocol;
  }

  get binaryType() {
    return this.#binaryType;
  }

  set binaryType(type) {
    const before = this.#binaryType;
    type = `${type}`;
    this.#binaryType = type === "blob" || type === "arraybuffer" ? type : before;
  }

  /**
   * Sends a message. Where more waits to be sent than may, the connection fails.
   * @param {string | Blob | ArrayBuffer | ArrayBufferView} data
   */
  send(data) {
    const prefix = "Failed to execute 'send' on 'WebSocket'";
    if (!(#state in this)) throw new TypeError("Illegal invocation");
    webidl.requiredArguments(arguments.length, 1, prefix);
    const state = this.#state;
    const message = messageOf(data, prefix);
    if (state === CONNECTING)
      throw new DOMException("The WebSocket is not open yet", "InvalidStateError");
    if (state !== OPEN) this.#kept += sizeOf(message);
    else if (message instanceof Blob) this.#sendBlob(message);
    else if (this.#after === null) this.#send(message);
    else this.#sendLater(typeof message === "string" ? message : message.slice());
  }

  /**
   * Closes the connection after what was sent before.
   * @param {number} [code] 1000, or 3000 to 4999.
   * @param {string} [reason] At most 123 bytes.
   */
  close(code = undefined, reason = undefined) {
    const prefix = "Failed to execute 'close' on 'WebSocket'";
    if (!(#state in this)) throw new TypeError("Illegal invocation");
    if (code !== undefined)
      code = webidl.converters["unsigned short"](code, prefix, "Argument 1", { clamp: true });
    if (reason !== undefined) reason = webidl.converters.USVString(reason, prefix, "Argument 2");
    if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999))
      throw new DOMException(`${code} is not a code to close with`, "InvalidAccessError");
    if (reason !== undefined && core.encode(reason).length > 123)
      throw new DOMException("The reason is longer than 123 bytes", "SyntaxError");
    if (this.#state >= CLOSING) return;
    this.#state = CLOSING;
    const close = () =>
      op_websocket_close(this.#connection, code ?? (reason ? 1000 : NO_CODE), reason ?? "");
    if (this.#after === null) close();
    else this.#after.then(close);
  }

  #send(message) {
    const sent =
      typeof message === "string"
        ? op_websocket_send_text(this.#connection, message)
        : op_websocket_send_bytes(this.#connection, message);
    if (sent) return;
    this.#failure = TOO_MUCH_WAITS;
    if (this.#state === OPEN) this.#state = CLOSING;
  }

  #sendBlob(blob) {
    this.#kept += blob.size;
    this.#sendLater(blob.bytes(), blob.size);
  }

  /** Sends what there will be when all that comes before it is sent. */
  #sendLater(message, kept = 0) {
    const before = this.#after;
    const after = (async () => {
      await before;
      try {
        this.#send(await message);
      } catch (error) {
        this.#failure = `a blob could not be read: ${error.message}`;
        op_websocket_close(this.#connection, NO_CODE, "");
      }
      this.#kept -= kept;
      if (this.#after === after) this.#after = null;
    })();
    this.#after = after;
  }

  async #listen() {
    for (;;) {
      const event = await op_websocket_next(this.#connection);
      if (event.kind === TEXT) this.#receive(event.text);
      else if (event.kind === BINARY)
        this.#receive(this.#binaryType === "blob" ? new Blob([event.bytes]) : event.bytes.buffer);
      else if (event.kind === OPENED) this.#opened(event.text);
      else return this.#ended(event);
    }
  }

  #opened(protocol) {
    if (this.#state !== CONNECTING) return;
    this.#state = OPEN;
    this.#protocol = protocol;
    this.dispatchEvent(new Event("open"));
  }

  #receive(data) {
    if (this.#state !== OPEN) return;
    this.dispatchEvent(new MessageEvent("message", { data, origin: this.#origin }));
  }

  #ended({ code, reason, clean }) {
    this.#state = CLOSED;
    const wasClean = clean && this.#failure === undefined;
    if (!wasClean)
      this.dispatchEvent(new ErrorEvent("error", { message: this.#failure ?? reason }));
    const close = wasClean ? { code, reason, wasClean } : { code: 1006, wasClean };
    this.dispatchEvent(new CloseEvent("close", close));
  }
}

for (const name of ["open", "error", "close", "message"])
  defineEventHandler(WebSocket.prototype, name);
for (const [name, value] of Object.entries(STATES)) {
  for (const holder of [WebSocket, WebSocket.prototype])
    Object.defineProperty(holder, name, { value, enumerable: true });
}
for (const name of [
  ...["url", "readyState", "bufferedAmount", "extensions", "protocol", "binaryType", "send"],
  "close",
])
  Object.defineProperty(WebSocket.prototype, name, { enumerable: true });
Object.defineProperty(WebSocket.prototype, Symbol.toStringTag, {
  value: "WebSocket",
  configurable: true,
});

/** The address of a server, with the scheme of WebSockets. */
function parse(text) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "http:") url.protocol = "ws:";
  if (url?.protocol === "https:") url.protocol = "wss:";
  if (url?.protocol !== "ws:" && url?.protocol !== "wss:")
    throw new DOMException(`'${text}' is not the URL of a WebSocket`, "SyntaxError");
  // What is empty counts as well.
  if (url.href.includes("#"))
    throw new DOMException("The URL of a WebSocket has no fragment", "SyntaxError");
  return url;
}

/** The headers with the user that the URL names, which it does no longer. */
function withUser(headers, url) {
  const { username, password } = url;
  if (username === "" && password === "") return headers;
  url.username = url.password = "";
  const bytes = core.encode(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`);
  if (!headers.has("authorization"))
    headers.set("authorization", `Basic ${btoa(String.fromCharCode(...bytes))}`);
  return headers;
}

/** The subprotocols and headers that a WebSocket is to be asked for with. */
function optionsOf(given, prefix) {
  const isObject = typeof given === "object" && given !== null;
  const isList = isObject && typeof given[Symbol.iterator] === "function";
  const { protocols = [], headers } = isObject && !isList ? given : { protocols: given };
  const names =
    typeof protocols === "object" && protocols !== null
      ? webidl.converters["sequence<DOMString>"](protocols, prefix, "Argument 2")
      : [webidl.converters.DOMString(protocols, prefix, "Argument 2")];
  const known = new Set(names.map((name) => name.toLowerCase()));
  if (known.size < names.length || !names.every((name) => TOKEN.test(name)))
    throw new DOMException("Subprotocols are different tokens", "SyntaxError");
  return { protocols: names, headers: new Headers(headers) };
}

/** What is to be sent, before anyone can change it: text, a Blob, or a view of the bytes. */
function messageOf(data, prefix) {
  if (data instanceof Blob) return data;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (ArrayBuffer.isView(data))
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return webidl.converters.USVString(data, prefix, "Argument 1");
}

function sizeOf(message) {
  if (message instanceof Blob) return message.size;
  return typeof message === "string" ? core.encode(message).length : message.byteLength;
}
