// What stands for the connection of a request of `node:http`. Programs set its timeout and other options and wait for its
// events. It is open from the start, and no byte goes through it.

import { EventEmitter } from "node:events";
import { clearTimeout, setTimeout } from "node:timers";
import { validateFunction, validateNumber } from "ext:orilla_web/node/internal/validate.js";

export class ClientSocket extends EventEmitter {
  #owner;
  #timer;
  connecting = false;
  destroyed = false;
  readable = true;
  writable = true;
  readyState = "open";
  timeout = 0;

  /** @param {{ destroy(error?: Error): void }} owner the request @param {boolean} isSecure */
  constructor(owner, isSecure) {
    super();
    this.#owner = owner;
    if (isSecure) Object.assign(this, { encrypted: true, authorized: true });
  }

  /** @param {number} milliseconds without anything; 0 for as long as it takes @param {() => void} [callback] */
  setTimeout(milliseconds, callback) {
    validateNumber(milliseconds, "msecs", 0);
    if (callback !== undefined) {
      validateFunction(callback, "callback");
      if (milliseconds === 0) this.removeListener("timeout", callback);
      else this.once("timeout", callback);
    }
    this.timeout = milliseconds;
    this.touch();
    return this;
  }

  /** Something was sent or has come: the time begins anew. */
  touch() {
    clearTimeout(this.#timer);
    if (this.timeout === 0 || this.destroyed) return;
    this.#timer = setTimeout(() => this.emit("timeout"), this.timeout);
  }

  setKeepAlive() {
    return this;
  }

  setNoDelay() {
    return this;
  }

  ref() {
    return this;
  }

  unref() {
    return this;
  }

  address() {
    return {};
  }

  getPeerCertificate() {
    return {};
  }

  /** Ends the request. @param {Error} [error] */
  destroy(error) {
    if (!this.destroyed) this.#owner.destroy(error);
    return this;
  }

  /** The request has ended. */
  close() {
    if (this.destroyed) return;
    Object.assign(this, {
      destroyed: true,
      readable: false,
      writable: false,
      readyState: "closed",
    });
    clearTimeout(this.#timer);
    this.emit("close", false);
  }
}
