// The properties by which streams show their state. They answer with nothing when asked of a
// prototype, which has no state.

/** @param {(this: any) => unknown} get @param {(this: any, value: any) => void} [set] */
const property = (get, set) => ({ get, set, enumerable: false, configurable: true });

export const readableProperties = {
  readable: property(
    function () {
      const state = this._readableState;
      if (!state || state.readable === false) return false;
      return !state.destroyed && !state.errorEmitted && !state.endEmitted;
    },
    function (value) {
      if (this._readableState) this._readableState.readable = Boolean(value);
    },
  ),
  readableDidRead: property(function () {
    return this._readableState?.dataEmitted;
  }),
  readableAborted: property(function () {
    const state = this._readableState;
    return (
      state &&
      state.readable !== false &&
      (state.destroyed || Boolean(state.errored)) &&
      !state.endEmitted
    );
  }),
  readableHighWaterMark: property(function () {
    return this._readableState?.highWaterMark;
  }),
  readableBuffer: property(function () {
    return this._readableState?.buffer;
  }),
  readableFlowing: property(
    function () {
      return this._readableState?.flowing;
    },
    function (value) {
      if (this._readableState) this._readableState.flowing = value;
    },
  ),
  readableLength: property(function () {
    return this._readableState?.length;
  }),
  readableObjectMode: property(function () {
    return this._readableState?.objectMode ?? false;
  }),
  readableEncoding: property(function () {
    return this._readableState?.encoding ?? null;
  }),
  readableEnded: property(function () {
    return this._readableState?.endEmitted ?? false;
  }),
};

export const writableProperties = {
  writable: property(
    function () {
      const state = this._writableState;
      if (!state || state.writable === false) return false;
      return !state.destroyed && !state.errored && !state.ending && !state.ended;
    },
    function (value) {
      if (this._writableState) this._writableState.writable = Boolean(value);
    },
  ),
  writableAborted: property(function () {
    const state = this._writableState;
    return (
      state &&
      state.writable !== false &&
      (state.destroyed || Boolean(state.errored)) &&
      !state.finished
    );
  }),
  writableBuffer: property(function () {
    return this._writableState?.buffered;
  }),
  writableCorked: property(function () {
    return this._writableState?.corked ?? 0;
  }),
  writableEnded: property(function () {
    return this._writableState?.ending ?? false;
  }),
  writableFinished: property(function () {
    return this._writableState?.finished ?? false;
  }),
  writableHighWaterMark: property(function () {
    return this._writableState?.highWaterMark;
  }),
  writableLength: property(function () {
    return this._writableState?.length;
  }),
  writableNeedDrain: property(function () {
    const state = this._writableState;
    return state ? !state.destroyed && !state.ending && state.needDrain : false;
  }),
  writableObjectMode: property(function () {
    return this._writableState?.objectMode ?? false;
  }),
};

/** Of one state or two: a Duplex is closed, failed or destroyed as a whole. */
export const lifeProperties = {
  destroyed: property(
    function () {
      const states = [this._readableState, this._writableState].filter(Boolean);
      return states.length > 0 && states.every((state) => state.destroyed);
    },
    function (value) {
      for (const state of [this._readableState, this._writableState]) {
        if (state) state.destroyed = value;
      }
    },
  ),
  closed: property(function () {
    return (this._writableState ?? this._readableState)?.closed ?? false;
  }),
  errored: property(function () {
    return (this._writableState ?? this._readableState)?.errored ?? null;
  }),
};
