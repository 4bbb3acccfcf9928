// What KeyObjects are told by, without loading what makes them.

/** Makes a class add its fields to an object that is there already. */
class Given {
  constructor(object) {
    return object;
  }
}

class Brand extends Given {
  #isKey;

  static isOn(value) {
    return typeof value === "object" && value !== null && #isKey in value;
  }
}

/** @param {object} key that is one from now on */
export function brandKey(key) {
  void new Brand(key);
}

/** @param {unknown} value @returns {boolean} whether it is one of the keys that were branded */
export function isBrandedKey(value) {
  return Brand.isOn(value);
}
