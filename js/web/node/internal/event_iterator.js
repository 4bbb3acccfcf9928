// An async iterator fed by callbacks: values wait in a queue, or readers do. Bounded only by what
// its source emits, as Node's is: the source decides when to stop listening.

/**
 * @template T
 * @param {(sink: { push(value: T): void, fail(error: unknown): void, end(): void }) => () => void}
 *   connect subscribes to the source and returns how to unsubscribe
 * @returns {AsyncIterableIterator<T>}
 */
export function eventIterator(connect) {
  const values = [];
  const readers = [];
  let failure = null;
  let done = false;

  const finish = () => {
    if (done) return;
    done = true;
    disconnect();
    for (const reader of readers.splice(0)) reader.resolve({ value: undefined, done: true });
  };
  const disconnect = connect({
    push(value) {
      if (readers.length > 0) readers.shift().resolve({ value, done: false });
      else values.push(value);
    },
    fail(error) {
      const reader = readers.shift();
      if (reader) reader.reject(error);
      else failure = { error };
      finish();
    },
    end: () => finish(),
  });

  return {
    next() {
      if (values.length > 0) return Promise.resolve({ value: values.shift(), done: false });
      if (failure) {
        const { error } = failure;
        failure = null;
        return Promise.reject(error);
      }
      if (done) return Promise.resolve({ value: undefined, done: true });
      return new Promise((resolve, reject) => readers.push({ resolve, reject }));
    },
    return() {
      finish();
      return Promise.resolve({ value: undefined, done: true });
    },
    throw(error) {
      finish();
      return Promise.reject(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
