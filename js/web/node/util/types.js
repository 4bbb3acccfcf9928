// `node:util/types`: what kind of built-in object a value is. Each check reads an internal slot
// through the prototype's own getter, so an object that only looks the part does not pass.

import { isProxy as hostIsProxy } from "ext:orilla_web/node_host.js";
import { isBrandedKey } from "ext:orilla_web/node/internal/key_brand.js";

const TypedArray = Object.getPrototypeOf(Uint8Array);
const typedArrayTag = Object.getOwnPropertyDescriptor(TypedArray.prototype, Symbol.toStringTag).get;
const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
const GeneratorFunction = Object.getPrototypeOf(function* () {}).constructor;
const AsyncGeneratorFunction = Object.getPrototypeOf(async function* () {}).constructor;
const MapIteratorPrototype = Object.getPrototypeOf(new Map().entries());
const SetIteratorPrototype = Object.getPrototypeOf(new Set().values());

/** Tags that objects of the language carry, each for one kind. */
const TAGS = new Set(
  (
    "ArrayBuffer BigInt DataView Map Promise Set SharedArrayBuffer Symbol WeakMap WeakSet " +
    "Uint8Array Uint8ClampedArray Uint16Array Uint32Array Int8Array Int16Array Int32Array " +
    "Float16Array Float32Array Float64Array BigInt64Array BigUint64Array"
  ).split(" "),
);

/**
 * Makes a check out of an operation that throws on every other kind of object. A throw is slow, so
 * what the object's tag already tells is taken from it.
 */
function brand(name, operation) {
  return (value) => {
    if (value === null || typeof value !== "object") return false;
    const tag = tagOf(value);
    if (tag === undefined) return objectTag(value) === `[object ${name}]`;
    if (tag !== name && TAGS.has(tag)) return false;
    try {
      operation(value);
      return true;
    } catch {
      return false;
    }
  };
}

/** The object's tag; not a string when its getter throws, so that nothing follows from it. */
function tagOf(value) {
  try {
    return value[Symbol.toStringTag];
  } catch {
    return null;
  }
}

function getter(prototype, name) {
  const { get } = Object.getOwnPropertyDescriptor(prototype, name);
  return (value) => Reflect.apply(get, value, []);
}

/** Looked up when it is first needed: there is no SharedArrayBuffer yet while a snapshot is made. */
function sharedBytes(value) {
  readSharedBytes ??= getter(SharedArrayBuffer.prototype, "byteLength");
  return readSharedBytes(value);
}
let readSharedBytes;

function method(prototype, name, ...args) {
  const fn = prototype[name];
  return (value) => Reflect.apply(fn, value, args);
}

const probe = {};
export const isMap = brand("Map", getter(Map.prototype, "size"));
export const isSet = brand("Set", getter(Set.prototype, "size"));
export const isWeakMap = brand("WeakMap", method(WeakMap.prototype, "has", probe));
export const isWeakSet = brand("WeakSet", method(WeakSet.prototype, "has", probe));
export const isDate = brand("Date", method(Date.prototype, "getTime"));
export const isArrayBuffer = brand("ArrayBuffer", getter(ArrayBuffer.prototype, "byteLength"));
export const isSharedArrayBuffer = brand("SharedArrayBuffer", (value) => sharedBytes(value));
export const isDataView = brand("DataView", getter(DataView.prototype, "buffer"));
export const isNumberObject = brand("Number", method(Number.prototype, "valueOf"));
export const isStringObject = brand("String", method(String.prototype, "valueOf"));
export const isBooleanObject = brand("Boolean", method(Boolean.prototype, "valueOf"));
export const isBigIntObject = brand("BigInt", method(BigInt.prototype, "valueOf"));
export const isSymbolObject = brand("Symbol", method(Symbol.prototype, "valueOf"));

const hasSource = brand("RegExp", getter(RegExp.prototype, "source"));

/** @param {unknown} value @returns {value is RegExp} */
export function isRegExp(value) {
  // The getter answers for the prototype too, which is not itself a regular expression.
  return value !== RegExp.prototype && hasSource(value);
}

// No getter shows a promise's slot, and calling `then` would mark a rejection as handled.
/** @param {unknown} value @returns {value is Promise<unknown>} */
export function isPromise(value) {
  return isInstance(value, Promise) && value !== Promise.prototype;
}

/** @param {unknown} value @returns {value is Error} */
export function isNativeError(value) {
  if (typeof Error.isError === "function") return Error.isError(value);
  return objectTag(value) === "[object Error]" && tagOf(value) === undefined;
}

/** @returns {string} nothing for an object whose getters or traps throw */
function objectTag(value) {
  try {
    return Object.prototype.toString.call(value);
  } catch {
    return "";
  }
}

function isInstance(value, { prototype }) {
  try {
    return Object.prototype.isPrototypeOf.call(prototype, value);
  } catch {
    return false; // a proxy's trap threw
  }
}

function prototypeOf(value) {
  if (value === null || typeof value !== "object") return undefined;
  try {
    return Object.getPrototypeOf(value);
  } catch {
    return undefined;
  }
}

/** @param {unknown} value @returns {boolean} */
export function isProxy(value) {
  return hostIsProxy(value);
}

/** @returns {boolean} always false: no value of that kind reaches an app */
export function isExternal() {
  return false;
}

/** @param {unknown} value @returns {boolean} */
export function isAsyncFunction(value) {
  return isInstance(value, AsyncFunction) || isInstance(value, AsyncGeneratorFunction);
}

/** @param {unknown} value @returns {boolean} */
export function isGeneratorFunction(value) {
  return isInstance(value, GeneratorFunction) || isInstance(value, AsyncGeneratorFunction);
}

/** @param {unknown} value @returns {boolean} */
export function isGeneratorObject(value) {
  return (
    value !== null &&
    typeof value === "object" &&
    (isInstance(value, GeneratorFunction.prototype) ||
      objectTag(value) === "[object AsyncGenerator]")
  );
}

/** @param {unknown} value @returns {boolean} */
export function isMapIterator(value) {
  return prototypeOf(value) === MapIteratorPrototype;
}

/** @param {unknown} value @returns {boolean} */
export function isSetIterator(value) {
  return prototypeOf(value) === SetIteratorPrototype;
}

/** @param {unknown} value @returns {boolean} */
export function isModuleNamespaceObject(value) {
  return (
    value !== null &&
    typeof value === "object" &&
    prototypeOf(value) === null &&
    tagOf(value) === "Module" &&
    !isProxy(value) &&
    !Object.isExtensible(value)
  );
}

/** @param {unknown} value @returns {boolean} */
export function isArgumentsObject(value) {
  return (
    value !== null &&
    typeof value === "object" &&
    tagOf(value) === undefined &&
    objectTag(value) === "[object Arguments]"
  );
}

/** @param {unknown} value @returns {boolean} */
export function isBoxedPrimitive(value) {
  return (
    isNumberObject(value) ||
    isStringObject(value) ||
    isBooleanObject(value) ||
    isBigIntObject(value) ||
    isSymbolObject(value)
  );
}

/** @param {unknown} value @returns {boolean} */
export function isAnyArrayBuffer(value) {
  return isArrayBuffer(value) || isSharedArrayBuffer(value);
}

/** @param {unknown} value @returns {value is ArrayBufferView} */
export function isArrayBufferView(value) {
  return ArrayBuffer.isView(value);
}

/** @param {unknown} value @returns {boolean} */
export function isTypedArray(value) {
  return typedArrayName(value) !== undefined;
}

/** @param {unknown} value @returns {string | undefined} the class of a typed array */
function typedArrayName(value) {
  return Reflect.apply(typedArrayTag, value, []);
}

const is = (name) => (value) => typedArrayName(value) === name;
export const isUint8Array = is("Uint8Array");
export const isUint8ClampedArray = is("Uint8ClampedArray");
export const isUint16Array = is("Uint16Array");
export const isUint32Array = is("Uint32Array");
export const isInt8Array = is("Int8Array");
export const isInt16Array = is("Int16Array");
export const isInt32Array = is("Int32Array");
export const isFloat16Array = is("Float16Array");
export const isFloat32Array = is("Float32Array");
export const isFloat64Array = is("Float64Array");
export const isBigInt64Array = is("BigInt64Array");
export const isBigUint64Array = is("BigUint64Array");

/** @param {unknown} value @returns {value is CryptoKey} */
export function isCryptoKey(value) {
  return typeof CryptoKey === "function" && isInstance(value, CryptoKey);
}

/** @param {unknown} value @returns {boolean} whether it is one of `node:crypto`'s keys */
export function isKeyObject(value) {
  return isBrandedKey(value);
}

export default {
  isAnyArrayBuffer,
  isArgumentsObject,
  isArrayBuffer,
  isArrayBufferView,
  isAsyncFunction,
  isBigInt64Array,
  isBigIntObject,
  isBigUint64Array,
  isBooleanObject,
  isBoxedPrimitive,
  isCryptoKey,
  isDataView,
  isDate,
  isExternal,
  isFloat16Array,
  isFloat32Array,
  isFloat64Array,
  isGeneratorFunction,
  isGeneratorObject,
  isInt16Array,
  isInt32Array,
  isInt8Array,
  isKeyObject,
  isMap,
  isMapIterator,
  isModuleNamespaceObject,
  isNativeError,
  isNumberObject,
  isPromise,
  isProxy,
  isRegExp,
  isSet,
  isSetIterator,
  isSharedArrayBuffer,
  isStringObject,
  isSymbolObject,
  isTypedArray,
  isUint16Array,
  isUint32Array,
  isUint8Array,
  isUint8ClampedArray,
  isWeakMap,
  isWeakSet,
};
