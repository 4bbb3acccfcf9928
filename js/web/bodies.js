// What bodies are made from and read as, where deno_fetch has it otherwise than the standards. Loaded before the scripts of
// deno_fetch that take it from there.
(function () {
  const { core } = __bootstrap;
  const webidl = core.loadExtScript("ext:deno_webidl/00_webidl.js");
  const formData = core.loadExtScript("ext:deno_fetch/21_formdata.js");

  formData.parseFormData = (body, boundary) =>
    core.loadExtScript("ext:orilla_web/multipart.js").parse(body, boundary);
  core.loadExtScript("ext:deno_fetch/22_body.js");

  // An array is the text that it is elsewhere, and so is all else that can be iterated, as in Node. What is iterated
  // asynchronously is a stream.
  for (const name of ["BodyInit_DOMString", "BodyInit_DOMString?"]) {
    const convert = webidl.converters[name];
    webidl.converters[name] = (value, prefix, context, options) => {
      if (typeof value === "string") return value;
      const body = convert(value, prefix, context, options);
      return isSequence(body) && body.value[Symbol.asyncIterator] == null ? `${value}` : body;
    };
  }

  function isSequence(body) {
    return body?.[webidl.AsyncSequence] === webidl.AsyncSequence;
  }
})();
