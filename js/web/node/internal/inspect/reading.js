// How `inspect` looks at values without letting them interfere: past proxies, whose traps are code,
// and past getters that throw.

import { getProxyDetails, isProxy } from "ext:orilla_web/node_host.js";

/**
 * @param {unknown} value
 * @returns {unknown} what the proxies around it stand for; null when one of them is revoked
 */
export function behindProxies(value) {
  let found = value;
  while (isProxy(found)) [found] = getProxyDetails(found);
  return found;
}

/**
 * @param {any} object not null or undefined
 * @param {string | symbol} key
 * @returns {any} the property; undefined when reading it throws
 */
export function read(object, key) {
  try {
    return object[key];
  } catch {
    return undefined;
  }
}

/**
 * @param {object} object
 * @param {string} key
 * @returns {string | undefined} the property when it is a primitive, as text
 */
export function readText(object, key) {
  const value = read(object, key);
  const isText = value !== null && value !== undefined && Object(value) !== value;
  return isText ? String(value) : undefined;
}

/** @param {object} prototype @param {string} key @returns {(object: object) => any} */
export function intrinsic(prototype, key) {
  const { get } = Object.getOwnPropertyDescriptor(prototype, key);
  return (object) => get.call(object);
}
