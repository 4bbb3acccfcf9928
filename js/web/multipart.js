// Reads multipart/form-data: RFC 7578, with names as HTML has browsers write them. Takes a body as a whole or not at all.
// Compiled when a body is first read as such.
(function () {
  const { core } = __bootstrap;
  const { formDataFromEntries } = core.loadExtScript("ext:deno_fetch/21_formdata.js");
  const { File } = core.loadExtScript("ext:deno_web/09_file.js");
  const { TextDecoder } = core.loadExtScript("ext:deno_web/08_text_encoding.js");

  /** Most bytes of a part's headers. */
  const MAX_PART_HEADER_BYTES = 16 << 10;

  const CR = 13,
    LF = 10,
    SPACE = 32,
    TAB = 9,
    DASH = 45;

  const HEADER = /^([^\s:]+)[ \t]*:(.*)$/s;
  const DISPOSITION = /^form-data[ \t]*(?=;|$)/i;
  // A backslash stands for itself, as browsers write it.
  const PARAMETER = /;[ \t]*([^\s=;"]+)[ \t]*=[ \t]*(?:"([^"]*)"|([^\s=;"]+))[ \t]*/y;

  /** What browsers write for the characters that would end a name. */
  const ESCAPES = { "%0A": "\n", "%0D": "\r", "%22": '"' };

  /** A body of several parts, and the lines in it that delimit them. */
  class Multipart {
    #body;
    #delimiter;

    constructor(body, boundary) {
      this.#body = body;
      this.#delimiter = core.encode(`--${boundary}`);
    }

    /** The first delimiter; what stands before it is nobody's. */
    first() {
      return this.#delimiterAt(0, 0) ?? this.delimiterAfter(0);
    }

    /** The next delimiter: where the line break before it is, where it ends, and whether it is the last. */
    delimiterAfter(from) {
      for (let at = from; ;) {
        const end = this.#lineEnd(at);
        const delimiter = this.#delimiterAt(end + 2, end);
        if (delimiter !== undefined) return delimiter;
        at = end + 2;
      }
    }

    /** The lines from `from` up to an empty one, as one text, and where that ends. */
    headers(from) {
      for (let at = from; ;) {
        const end = this.#lineEnd(at);
        if (end - from > MAX_PART_HEADER_BYTES)
          throw malformed(`the headers of a part have more than ${MAX_PART_HEADER_BYTES} bytes`);
        if (end === at) return { lines: this.#body.subarray(from, end), end: end + 2 };
        at = end + 2;
      }
    }

    #lineEnd(from) {
      let at = this.#body.indexOf(CR, from);
      while (at >= 0 && this.#body[at + 1] !== LF) at = this.#body.indexOf(CR, at + 1);
      if (at < 0) throw malformed("it ends before its last delimiter");
      return at;
    }

    #delimiterAt(at, start) {
      const body = this.#body;
      if (this.#delimiter.some((byte, i) => body[at + i] !== byte)) return undefined;
      let end = at + this.#delimiter.length;
      const isLast = body[end] === DASH && body[end + 1] === DASH;
      if (isLast) end += 2;
      while (body[end] === SPACE || body[end] === TAB) end += 1;
      const isLine = body[end] === CR && body[end + 1] === LF;
      return isLine || (isLast && end === body.length)
        ? { start, end: end + 2, isLast }
        : undefined;
    }
  }

  /**
   * The form that a body holds.
   * @param {Uint8Array} body
   * @param {string | undefined} boundary as its content type has it
   * @returns {FormData}
   * @throws {TypeError} when it is not well formed.
   */
  function parse(body, boundary) {
    if (!boundary) throw malformed("its content type names no boundary");
    const text = new TextDecoder("utf-8", { ignoreBOM: true });
    const multipart = new Multipart(body, boundary);
    const entries = [];
    for (let delimiter = multipart.first(); !delimiter.isLast;) {
      const { lines, end } = multipart.headers(delimiter.end);
      const next = multipart.delimiterAfter(end - 2);
      entries.push(entry(text, text.decode(lines), body.subarray(end, next.start)));
      delimiter = next;
    }
    return formDataFromEntries(entries);
  }

  function entry(text, lines, content) {
    const headers = headersOf(lines);
    const { name, filename } = parameters(headers.get("content-disposition") ?? "");
    if (name === undefined) throw malformed("a part has no name");
    if (filename === undefined) return { name, value: text.decode(content) };
    const type = headers.get("content-type") ?? "text/plain";
    return { name, value: new File([content], filename, { type }) };
  }

  function headersOf(lines) {
    const headers = new Map();
    for (const line of lines.split("\r\n")) {
      if (line === "") continue;
      const header = HEADER.exec(line);
      if (header === null) throw malformed("a line of a part's headers is none");
      headers.set(header[1].toLowerCase(), header[2].trim());
    }
    return headers;
  }

  /** What a Content-Disposition says beside `form-data`. */
  function parameters(disposition) {
    const kind = DISPOSITION.exec(disposition);
    if (kind === null) throw malformed("a part is not said to be form-data");
    const found = { __proto__: null };
    for (let at = kind[0].length; at < disposition.length; at = PARAMETER.lastIndex) {
      PARAMETER.lastIndex = at;
      const parameter = PARAMETER.exec(disposition);
      if (parameter === null) throw malformed("the names of a part are not well formed");
      const [, key, quoted, token] = parameter;
      found[key.toLowerCase()] ??= (quoted ?? token).replace(/%(?:0A|0D|22)/g, (c) => ESCAPES[c]);
    }
    return found;
  }

  function malformed(what) {
    return new TypeError(`The body is no multipart/form-data: ${what}`);
  }

  return { parse };
})();
