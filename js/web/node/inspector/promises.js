// `node:inspector/promises`: the same names as `node:inspector`.

export * from "node:inspector";
export { default } from "node:inspector";
