/** What this adapter throws: a build that cannot go on, with a stable code and what to do about it. */
export class AdapterError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   */
  constructor(code, message) {
    super(`${code}: ${message}`);
    this.name = "AdapterError";
    this.code = code;
  }
}
