// A Transform whose state is made when somebody first asks for it. Hashes and ciphers are streams too, of which most users know
// nothing, and that costs more than hashing a few bytes.

import { Transform } from "ext:orilla_web/node/internal/stream/duplex.js";

/** Where a stream keeps the options that it is made with. */
export const kStreamOptions = Symbol("kStreamOptions");

/** @constructor a base class that does nothing until it is used as a stream */
export function LazyTransform() {}
Object.setPrototypeOf(LazyTransform.prototype, Transform.prototype);

for (const name of ["_readableState", "_writableState"]) {
  Object.defineProperty(LazyTransform.prototype, name, {
    get() {
      Transform.call(this, this[kStreamOptions]);
      return this[name];
    },
    set(value) {
      Object.defineProperty(this, name, {
        value,
        writable: true,
        enumerable: true,
        configurable: true,
      });
    },
    configurable: true,
  });
}
