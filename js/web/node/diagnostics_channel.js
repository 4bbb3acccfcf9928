// `node:diagnostics_channel`: named channels on which libraries report what they do. A message on a
// channel that nobody subscribed to costs a look at an empty list.

import { invalidArgType } from "ext:orilla_web/node/internal/errors.js";
import { validateFunction } from "ext:orilla_web/node/internal/validate.js";

const channels = new Map();

/** A named channel; made by `channel`. */
export class Channel {
  #subscribers = [];
  #stores = new Map();

  /** @param {string | symbol} name */
  constructor(name) {
    this.name = name;
  }

  get hasSubscribers() {
    return this.#subscribers.length > 0 || this.#stores.size > 0;
  }

  /** @param {(message: unknown, name: string | symbol) => void} subscriber */
  subscribe(subscriber) {
    validateFunction(subscriber, "subscription");
    this.#subscribers = [...this.#subscribers, subscriber];
  }

  /** @param {Function} subscriber @returns {boolean} whether it was there */
  unsubscribe(subscriber) {
    const index = this.#subscribers.indexOf(subscriber);
    if (index === -1) return false;
    this.#subscribers = this.#subscribers.toSpliced(index, 1);
    return true;
  }

  /** @param {unknown} message; what a subscriber throws is reported, not passed on */
  publish(message) {
    for (const subscriber of this.#subscribers) {
      try {
        subscriber(message, this.name);
      } catch (error) {
        reportLater(error);
      }
    }
  }

  /**
   * @param {object} store an AsyncLocalStorage
   * @param {(message: unknown) => unknown} [transform]
   */
  bindStore(store, transform) {
    this.#stores.set(store, transform);
  }

  /** @param {object} store @returns {boolean} whether it was bound */
  unbindStore(store) {
    return this.#stores.delete(store);
  }

  /**
   * Publishes, then calls with every bound store set for the call.
   * @param {unknown} message
   * @param {Function} fn @param {unknown} [thisArg] @param {...unknown} args
   * @returns {unknown}
   */
  runStores(message, fn, thisArg, ...args) {
    let run = () => {
      this.publish(message);
      return Reflect.apply(fn, thisArg, args);
    };
    for (const [store, transform] of this.#stores) {
      const inner = run;
      run = () => {
        let value = message;
        try {
          if (transform) value = transform(message);
        } catch (error) {
          reportLater(error);
          return inner();
        }
        return store.run(value, inner);
      };
    }
    return run();
  }
}

function reportLater(error) {
  queueMicrotask(() => {
    throw error;
  });
}

/** @param {string | symbol} name @returns {Channel} the same one for the same name */
export function channel(name) {
  if (typeof name !== "string" && typeof name !== "symbol") {
    throw invalidArgType("channel", "of type string or symbol", name);
  }
  let found = channels.get(name);
  if (found === undefined) {
    found = new Channel(name);
    channels.set(name, found);
  }
  return found;
}

/** @param {string | symbol} name @param {Function} subscriber */
export function subscribe(name, subscriber) {
  channel(name).subscribe(subscriber);
}

/** @param {string | symbol} name @param {Function} subscriber @returns {boolean} */
export function unsubscribe(name, subscriber) {
  return channel(name).unsubscribe(subscriber);
}

/** @param {string | symbol} name @returns {boolean} */
export function hasSubscribers(name) {
  return channels.get(name)?.hasSubscribers ?? false;
}

const PHASES = ["start", "end", "asyncStart", "asyncEnd", "error"];

/** Five channels that tell of one operation: its start, its end, and how it failed. */
class TracingChannel {
  constructor(nameOrChannels) {
    for (const phase of PHASES) {
      this[phase] =
        typeof nameOrChannels === "string"
          ? channel(`tracing:${nameOrChannels}:${phase}`)
          : nameOrChannels[phase];
    }
  }

  get hasSubscribers() {
    return PHASES.some((phase) => this[phase]?.hasSubscribers);
  }

  subscribe(handlers) {
    for (const phase of PHASES) if (handlers[phase]) this[phase].subscribe(handlers[phase]);
  }

  unsubscribe(handlers) {
    const removed = PHASES.filter((phase) => handlers[phase]).map((phase) =>
      this[phase].unsubscribe(handlers[phase]),
    );
    return removed.every(Boolean);
  }

  traceSync(fn, context = {}, thisArg = undefined, ...args) {
    return this.#started(context, () => {
      const result = Reflect.apply(fn, thisArg, args);
      context.result = result;
      return result;
    });
  }

  tracePromise(fn, context = {}, thisArg = undefined, ...args) {
    return this.#started(context, () => {
      const promise = Promise.resolve(Reflect.apply(fn, thisArg, args));
      return promise.then(
        (result) => {
          context.result = result;
          this.#settled(context);
          return result;
        },
        (error) => {
          this.#failed(context, error);
          this.#settled(context);
          throw error;
        },
      );
    });
  }

  traceCallback(fn, position = -1, context = {}, thisArg = undefined, ...args) {
    const index = position < 0 ? args.length + position : position;
    const callback = args[index];
    validateFunction(callback, "callback");
    const channels = this;
    args[index] = function (error, result) {
      if (error) channels.#failed(context, error);
      else context.result = result;
      return channels.asyncStart.runStores(context, () => {
        try {
          return Reflect.apply(callback, this, arguments);
        } finally {
          channels.asyncEnd.publish(context);
        }
      });
    };
    return this.#started(context, () => Reflect.apply(fn, thisArg, args));
  }

  #started(context, call) {
    return this.start.runStores(context, () => {
      try {
        return call();
      } catch (error) {
        this.#failed(context, error);
        throw error;
      } finally {
        this.end.publish(context);
      }
    });
  }

  #settled(context) {
    this.asyncStart.publish(context);
    this.asyncEnd.publish(context);
  }

  #failed(context, error) {
    context.error = error;
    this.error.publish(context);
  }
}

/** @param {string | Record<string, Channel>} nameOrChannels @returns {TracingChannel} */
export function tracingChannel(nameOrChannels) {
  return new TracingChannel(nameOrChannels);
}

export default { Channel, channel, hasSubscribers, subscribe, tracingChannel, unsubscribe };
