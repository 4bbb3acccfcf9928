// WebSocketPair: two ends of a socket. A handler keeps one and returns the other in a 101 Response; from then on the
// host carries that end's frames to the client.
import { core } from "ext:core/mod.js";
import {
  op_websocket_close,
  op_websocket_next,
  op_websocket_send_bytes,
  op_websocket_send_text,
} from "ext:core/ops";
import { PlatformError } from "ext:orilla_web/errors.js";

const { CloseEvent, defineEventHandler, Event, EventTarget, MessageEvent } = core.loadExtScript(
  "ext:deno_web/02_event.js",
);

const CONNECTING = 0,
  OPEN = 1,
  CLOSING = 2,
  CLOSED = 3;

/** Frames the host reports. */
const TEXT = 0,
  BINARY = 1;

/** Messages an end holds before it is accepted; one more closes the pair. */
const MAX_QUEUED = 1024;

let allowed = false;

/** One end of a pair. */
class PairedWebSocket extends EventTarget {
  /** @type {PairedWebSocket} */ peer;
  /** The host's handle of the client's connection, on the end that was returned. */
  connection = null;
  accepted = false;
  queue = [];
  #readyState = CONNECTING;
  /** Whether what came before accept() is being delivered: what comes now has to wait for that. */
  #drains = false;
  #finish;

  constructor() {
    if (!allowed) throw new TypeError("Illegal constructor");
    super();
    this.finished = new Promise((resolve) => (this.#finish = resolve));
  }

  get readyState() {
    return this.#readyState;
  }

  /** Begins to deliver events on this end. */
  accept() {
    if (this.connection !== null) {
      throw new PlatformError(
        "WEBSOCKET_RETURNED",
        "this end went to the client; accept() the other end of the pair",
      );
    }
    if (this.accepted) return;
    this.accepted = true;
    this.#readyState = OPEN;
    this.#drains = true;
    queueMicrotask(() => {
      for (let event; (event = this.queue.shift()) !== undefined;) this.#deliver(event);
      this.#drains = false;
    });
  }

  /**
   * Sends to the other end.
   * @param {string | ArrayBuffer | ArrayBufferView} data
   */
  send(data) {
    if (!this.accepted)
      throw new PlatformError(
        "WEBSOCKET_NOT_ACCEPTED",
        "call accept() on the socket before send()",
      );
    if (this.#readyState !== OPEN)
      throw new DOMException("The WebSocket is closed", "InvalidStateError");
    const message = typeof data === "string" ? data : bytesOf(data);
    const { connection } = this.peer;
    if (connection === null)
      this.peer.receive({ data: typeof message === "string" ? message : message.slice().buffer });
    else if (typeof message === "string") this.#check(op_websocket_send_text(connection, message));
    else this.#check(op_websocket_send_bytes(connection, message));
  }

  /**
   * Closes both ends.
   * @param {number} [code] 1000, or 3000 to 4999.
   * @param {string} [reason] At most 123 bytes.
   */
  close(code = undefined, reason = "") {
    if (
      code !== undefined &&
      code !== 1000 &&
      !(code >= 3000 && code <= 4999) &&
      !(code >= 1001 && code <= 1014)
    ) {
      throw new DOMException(`${code} is not a close code an app may send`, "InvalidAccessError");
    }
    if (new TextEncoder().encode(reason).byteLength > 123) {
      throw new DOMException("The close reason is longer than 123 bytes", "SyntaxError");
    }
    if (this.#readyState >= CLOSING) return;
    this.#readyState = CLOSING;
    if (this.peer.connection !== null)
      op_websocket_close(this.peer.connection, code ?? 1000, reason);
    else this.peer.receive({ close: { code: code ?? 1005, reason, wasClean: true } });
    this.ended({ code: code ?? 1005, reason, wasClean: true });
  }

  /** An event from the other end. */
  receive(event) {
    if (this.accepted && !this.#drains) return this.#deliver(event);
    if (this.queue.length >= MAX_QUEUED)
      throw new PlatformError("WEBSOCKET_QUEUE_FULL", "accept() the socket first");
    this.queue.push(event);
  }

  #deliver(event) {
    if (event.close !== undefined) this.ended(event.close);
    else if (this.#readyState === OPEN)
      this.dispatchEvent(new MessageEvent("message", { data: event.data }));
  }

  /** The end of the connection, told once. */
  ended({ code, reason, wasClean }) {
    if (this.#readyState === CLOSED) return;
    this.#readyState = CLOSED;
    if (!wasClean) this.dispatchEvent(new Event("error"));
    this.dispatchEvent(new CloseEvent("close", { code, reason, wasClean }));
    this.#finish();
    this.peer.#finish();
  }

  #check(accepted) {
    if (accepted) return;
    this.ended({ code: 1013, reason: "the client reads too slowly", wasClean: false });
    throw new PlatformError(
      "WEBSOCKET_SEND_QUEUE_FULL",
      "the client reads more slowly than the app sends; the connection is closed",
    );
  }
}

for (const name of ["message", "close", "error"])
  defineEventHandler(PairedWebSocket.prototype, name);
for (const [name, value] of Object.entries({ CONNECTING, OPEN, CLOSING, CLOSED })) {
  Object.defineProperty(PairedWebSocket.prototype, name, { value });
}

/** A pair of connected sockets: `const [client, server] = Object.values(new WebSocketPair())`. */
export class WebSocketPair {
  constructor() {
    allowed = true;
    this[0] = new PairedWebSocket();
    this[1] = new PairedWebSocket();
    allowed = false;
    this[0].peer = this[1];
    this[1].peer = this[0];
  }
}

const sockets = new WeakMap();

/**
 * Remembers the socket that was given to a Response.
 * @param {Response} response
 * @param {PairedWebSocket} socket
 */
export function setSocketOf(response, socket) {
  if (!(socket instanceof PairedWebSocket)) {
    throw new TypeError("`webSocket` must be one end of a WebSocketPair");
  }
  sockets.set(response, socket);
}

/**
 * The socket a Response carries.
 * @param {Response} response
 * @returns {PairedWebSocket | undefined}
 */
export function socketOf(response) {
  return sockets.get(response);
}

/**
 * Connects a returned end to the client: what the client sends arrives at the other end.
 * @param {PairedWebSocket} socket
 * @param {number} connection
 */
export async function attachToClient(socket, connection) {
  socket.connection = connection;
  for (const event of socket.queue) {
    if (event.close !== undefined)
      op_websocket_close(connection, event.close.code, event.close.reason);
    else if (typeof event.data === "string") op_websocket_send_text(connection, event.data);
    else op_websocket_send_bytes(connection, new Uint8Array(event.data));
  }
  socket.queue = [];
  for (;;) {
    const event = await op_websocket_next(connection);
    if (event.kind === TEXT) deliver(socket, event.text);
    else if (event.kind === BINARY) deliver(socket, event.bytes.buffer);
    else {
      const { code, reason, clean } = event;
      socket.peer.accepted = true;
      socket.peer.receive({ close: { code, reason, wasClean: clean } });
      return;
    }
  }
}

/** Hands a client's message over. Where too many wait for `accept()` the client is disconnected. */
function deliver(socket, data) {
  try {
    socket.peer.receive({ data });
  } catch {
    op_websocket_close(socket.connection, 1013, "the app does not take the messages");
  }
}

function bytesOf(data) {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (ArrayBuffer.isView(data))
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  throw new TypeError("send() takes a string, an ArrayBuffer or a view of one");
}
