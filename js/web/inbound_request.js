// The request as it arrives: what deno_fetch's Request reads from, filled from the host only when asked. A handler that
// looks at nothing but the URL costs no header and no body.
import { core } from "ext:core/mod.js";
import {
  op_request_body_bytes,
  op_request_body_cancel,
  op_request_body_read,
  op_request_body_text,
  op_request_header,
  op_request_headers,
} from "ext:core/ops";

const { InnerBody } = core.loadExtScript("ext:deno_fetch/22_body.js");
const { ReadableStream } = core.loadExtScript("ext:deno_web/06_streams.js");

/** How the body stands when the request is dispatched; the host uses the same numbers. */
export const BODY_NONE = 0,
  BODY_BUFFERED = 1,
  BODY_STREAM = 2;

/** Implements deno_fetch's InnerRequest for a request of the host. */
export class InboundRequest {
  /**
   * @param {number} id The invocation.
   * @param {string} method
   * @param {string} url Absolute.
   * @param {0 | 1 | 2} bodyKind
   */
  constructor(id, method, url, bodyKind) {
    this.id = id;
    this.method = method;
    this.href = url;
    this.bodyKind = bodyKind;
    this.pairs = undefined;
    this.innerBody = undefined;
    this.redirectMode = "follow";
    this.redirectCount = 0;
    this.clientRid = null;
    this.blobUrlEntry = null;
    /** Called when the client goes away or the invocation is cut off. */
    this.cancelled = null;
  }

  url() {
    return this.href;
  }

  currentUrl() {
    return this.href;
  }

  get headerList() {
    if (this.pairs === undefined) {
      const flat = op_request_headers(this.id);
      this.pairs = [];
      for (let i = 0; i < flat.length; i += 2) this.pairs.push([flat[i], flat[i + 1]]);
    }
    return this.pairs;
  }

  set headerList(pairs) {
    this.pairs = pairs;
  }

  /** One header by name, values joined, without building the list. */
  header(name) {
    return op_request_header(this.id, name) ?? null;
  }

  get body() {
    if (this.innerBody === undefined) this.innerBody = this.openBody();
    return this.innerBody;
  }

  set body(body) {
    this.innerBody = body;
  }

  openBody() {
    if (this.bodyKind === BODY_NONE) return null;
    if (this.bodyKind === BODY_BUFFERED) {
      const bytes = op_request_body_bytes(this.id);
      const body = new InnerBody({ body: bytes, consumed: false });
      body.length = bytes.byteLength;
      return body;
    }
    return new InnerBody(streamBody(this.id));
  }

  /** The body as text where nobody has touched it yet, else null; `Request.json()` asks for it. */
  consumeTextBody() {
    if (this.bodyKind !== BODY_BUFFERED || this.innerBody !== undefined) return null;
    const text = op_request_body_text(this.id);
    this.innerBody = new InnerBody({ body: "", consumed: true });
    return text;
  }

  /** deno_fetch's Request calls this when somebody first looks at `request.signal`. */
  onCancel(callback) {
    this.cancelled = callback;
  }
}

function streamBody(id) {
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      const chunk = await op_request_body_read(id);
      if (chunk === null) {
        controller.close();
        controller.byobRequest?.respond(0);
      } else {
        controller.enqueue(chunk);
      }
    },
    cancel() {
      op_request_body_cancel(id);
    },
  });
}
