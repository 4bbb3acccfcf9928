/** The contract between an app's `server.js` and the runtime. */

/** The app's environment: strings by name, taken from the host's environment and `--env-file`. */
export interface Env {
  readonly [name: string]: string | undefined;
}

/** What a handler may do beyond its answer. */
export interface ExecutionContext {
  /** Keeps the invocation alive until the promise settles, within the app's wall clock limit. */
  waitUntil(promise: Promise<unknown>): void;
  /** Accepted from apps written for other hosts. There is no origin behind the app: it does nothing. */
  passThroughOnException?(): void;
}

/** The default export of `server.js`. */
export interface ExportedHandler<AppEnv = Env> {
  fetch(request: Request, env: AppEnv, ctx: ExecutionContext): Response | Promise<Response>;
}

/** One end of a `WebSocketPair`: what it sends, the other end receives. */
export interface PairedWebSocket extends EventTarget {
  /** 0 before `accept()`, 1 open, 2 closing, 3 closed. */
  readonly readyState: number;
  onmessage: ((event: MessageEvent<string | ArrayBuffer>) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  onerror: ((event: Event) => void) | null;
  /** Begins to deliver events on this end. */
  accept(): void;
  /** Sends to the other end; both binary forms arrive as an `ArrayBuffer`. */
  send(data: string | ArrayBuffer | ArrayBufferView): void;
  /**
   * Closes both ends.
   *
   * @param code 1000 to 1014, or 3000 to 4999
   * @param reason at most 123 bytes of UTF-8
   */
  close(code?: number, reason?: string): void;
  addEventListener<Name extends keyof PairedWebSocketEvents>(
    name: Name,
    listener: (event: PairedWebSocketEvents[Name]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/** The events of a `PairedWebSocket`, by name. */
export interface PairedWebSocketEvents {
  message: MessageEvent<string | ArrayBuffer>;
  close: CloseEvent;
  error: Event;
}

declare global {
  /** Two joined sockets: a handler answers with one and talks to the client through the other. */
  const WebSocketPair: {
    new (): { readonly 0: PairedWebSocket; readonly 1: PairedWebSocket };
  };

  interface ResponseInit {
    /** With status 101: the end of a `WebSocketPair` that the client is joined to. */
    webSocket?: PairedWebSocket | null;
  }
}
