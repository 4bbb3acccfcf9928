// Whether what a server sent is what the app expects: Subresource Integrity, https://www.w3.org/TR/sri-2/. Compiled at the first
// request that asks for it.
(function () {
  const { op_hash_create, op_hash_digest, op_hash_update } = __bootstrap.core.ops;

  /** The digests there are, the weakest first. */
  const ALGORITHMS = ["sha256", "sha384", "sha512"];

  /**
   * The response, once all of it has come and has one of the digests. What names no digest that is known asks for nothing.
   *
   * @param {Response} response
   * @param {string} integrity of the request: `sha256-<base64>` and the like, separated by white space.
   * @returns {Promise<Response>}
   * @throws {TypeError} when it has another.
   */
  async function verified(response, integrity) {
    const { algorithm, digests } = strongest(integrity);
    if (digests.length === 0) return response;
    const hash = op_hash_create(algorithm);
    op_hash_update(hash, await response.clone().bytes());
    if (digests.includes(op_hash_digest(hash).toBase64({ omitPadding: true }))) return response;
    await response.body?.cancel();
    throw new TypeError(
      `Failed to fetch ${response.url}: it has not the ${algorithm} digest that 'integrity' asks for`,
    );
  }

  /** The strongest algorithm that is named, and the digests for it, in base64 without padding. */
  function strongest(integrity) {
    let [algorithm, digests] = ["", []];
    for (const [, name, digest = ""] of integrity.matchAll(/(?<!\S)(\w+)(?:-([^\s?]*))?\S*/g)) {
      const named = name.toLowerCase();
      const stronger = ALGORITHMS.indexOf(named) - ALGORITHMS.indexOf(algorithm);
      if (!ALGORITHMS.includes(named) || stronger < 0) continue;
      if (stronger > 0) [algorithm, digests] = [named, []];
      digests.push(digest.replaceAll("-", "+").replaceAll("_", "/").replace(/=+$/, ""));
    }
    return { algorithm, digests };
  }

  return { verified };
})();
