// The standard streams of `node:process`, as far as programs that print or ask need them: what is written goes to the app's
// log, and there is nothing to read.

import { writeOutput } from "ext:orilla_web/node_host.js";
import { EventEmitter } from "node:events";
import { invalidArgType } from "ext:orilla_web/node/internal/errors.js";
import { nextTick } from "ext:orilla_web/node/internal/next_tick.js";

const decode = (bytes) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

/** An output stream. Each write is a line of the log. */
class Output extends EventEmitter {
  isTTY = false;
  writable = true;
  _isStdio = true;

  constructor(name, fd) {
    super();
    Object.defineProperty(this, "name", { value: name });
    this.fd = fd;
  }

  write(chunk, encoding, callback) {
    if (typeof encoding === "function") return this.write(chunk, undefined, encoding);
    if (typeof chunk !== "string" && !(chunk instanceof Uint8Array)) {
      throw invalidArgType("chunk", "of type string or an instance of Buffer or Uint8Array", chunk);
    }
    writeOutput(this.name, typeof chunk === "string" ? chunk : decode(chunk));
    if (callback) nextTick(callback);
    return true;
  }

  end(chunk, encoding, callback) {
    if (typeof chunk === "function") return this.end(undefined, undefined, chunk);
    if (chunk !== undefined && chunk !== null) this.write(chunk, encoding);
    if (callback) nextTick(callback);
    return this;
  }
}

/** An input stream at its end, which it tells whoever begins to read. */
class Input extends EventEmitter {
  fd = 0;
  isTTY = false;
  readable = true;
  readableEnded = false;

  on(name, listener) {
    super.on(name, listener);
    if (name === "data" || name === "readable") this.resume();
    return this;
  }

  addListener(name, listener) {
    return this.on(name, listener);
  }

  resume() {
    if (!this.readable) return this;
    this.readable = false;
    nextTick(() => {
      this.readableEnded = true;
      this.emit("end");
      this.emit("close");
    });
    return this;
  }

  read() {
    this.resume();
    return null;
  }

  pipe(destination, options) {
    if (options?.end !== false) this.once("end", () => destination.end());
    this.resume();
    return destination;
  }

  async *[Symbol.asyncIterator]() {
    this.resume();
  }

  pause() {
    return this;
  }

  setEncoding() {
    return this;
  }

  unpipe() {
    return this;
  }

  ref() {
    return this;
  }

  unref() {
    return this;
  }
}

export const stdin = new Input();
export const stdout = new Output("stdout", 1);
export const stderr = new Output("stderr", 2);
