// What the stream tests look at.

/** @returns {Promise<void>} after the events that are due now */
export const turn = () => new Promise((resolve) => setImmediate(resolve));

const EVENTS = [
  "end",
  "close",
  "finish",
  "prefinish",
  "drain",
  "error",
  "pipe",
  "unpipe",
  "pause",
  "resume",
];

/** Notes every event of the stream except `readable`: to listen for that would change its mode. */
export function record(stream, label, log, types = EVENTS) {
  for (const type of types) {
    stream.on(type, (value) => log.push(`${label} ${type}${value?.code ?? value?.message ?? ""}`));
  }
  return stream;
}

/** What the stream says of itself. */
export const state = (stream) => ({
  ...pick(
    stream,
    "readable readableFlowing readableLength readableEnded readableAborted readableDidRead",
  ),
  ...pick(
    stream,
    "writable writableLength writableEnded writableFinished writableNeedDrain writableCorked",
  ),
  ...pick(stream, "destroyed closed"),
  errored: stream.errored?.message ?? stream.errored,
});
const pick = (object, names) =>
  Object.fromEntries(names.split(" ").map((name) => [name, object[name]]));
