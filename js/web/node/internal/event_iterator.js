// An async iterator fed by callbacks: values wait in a queue, or readers do. The queue is bounded
// only by what its source emits, as Node's is, unless the source can be paused.

import { invalidArgType } from "ext:orilla_web/node/internal/errors.js";

const AsyncIteratorPrototype = Object.getPrototypeOf(
  Object.getPrototypeOf(async function* () {}).prototype,
);
const ended = () => ({ value: undefined, done: true });

/**
 * @typedef {object} Pressure when the source is to wait
 * @property {number} high pause above this many values
 * @property {number} low resume below this many
 * @property {() => void} pause
 * @property {() => void} resume
 */

/**
 * @template T
 * @param {(sink: { push(value: T): void, fail(error: unknown): void, end(): void }) => () => void}
 *   connect subscribes to the source and returns how to unsubscribe
 * @param {Pressure} [pressure] never when left out
 * @returns {AsyncIterableIterator<T>}
 */
export function eventIterator(connect, pressure = undefined) {
  const values = [];
  const readers = [];
  let failure = null;
  let done = false;
  let isPaused = false;

  const finish = () => {
    if (done) return;
    done = true;
    disconnect();
    for (const reader of readers.splice(0)) reader.resolve(ended());
  };
  const fail = (error) => {
    const reader = readers.shift();
    if (reader) reader.reject(error);
    else failure = { error };
    finish();
  };
  const disconnect = connect({
    push(value) {
      if (done) return;
      if (readers.length > 0) {
        readers.shift().resolve({ value, done: false });
        return;
      }
      values.push(value);
      if (pressure && !isPaused && values.length > pressure.high) {
        isPaused = true;
        pressure.pause();
      }
    },
    fail,
    end: finish,
  });

  return {
    __proto__: AsyncIteratorPrototype,
    next() {
      if (values.length > 0) {
        const value = values.shift();
        if (isPaused && values.length < pressure.low) {
          isPaused = false;
          pressure.resume();
        }
        return Promise.resolve({ value, done: false });
      }
      if (failure) {
        const { error } = failure;
        failure = null;
        return Promise.reject(error);
      }
      if (done) return Promise.resolve(ended());
      return new Promise((resolve, reject) => readers.push({ resolve, reject }));
    },
    return() {
      finish();
      return Promise.resolve(ended());
    },
    /** Ends it as an error of the source does: who reads next hears of it, not who calls. */
    throw(error) {
      if (!(error instanceof Error)) {
        throw invalidArgType("EventEmitter.AsyncIterator", "an instance of Error", error);
      }
      fail(error);
    },
  };
}
