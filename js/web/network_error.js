// What keeps a request from its answer, as programs for Node look at it: errors with a code such as ECONNREFUSED. The client says
// it in words. Compiled at the first request that fails.
(function () {
  /** Numbers of Linux, which the client ends its words with. */
  const SYSTEM = {
    101: "ENETUNREACH",
    104: "ECONNRESET",
    110: "ETIMEDOUT",
    111: "ECONNREFUSED",
    113: "EHOSTUNREACH",
    32: "EPIPE",
  };

  /** What else it says, by Node's code for that. The first that fits counts. */
  const WORDS = {
    EAI_AGAIN: {
      words: /^(?:.*: )?dns error.*(?:temporary failure|try again)/i,
      errno: -3001,
      syscall: "getaddrinfo",
    },
    ENOTFOUND: { words: /^(?:.*: )?dns error/i, errno: -3008, syscall: "getaddrinfo" },
    ECONNRESET: {
      words: /connection closed before message completed|connection closed$/,
      errno: -104,
    },
    EPROTO: { words: /received corrupt message/, errno: -71 },
    CERT_HAS_EXPIRED: { words: /invalid peer certificate: Expired/ },
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: { words: /invalid peer certificate: UnknownIssuer/ },
    ERR_TLS_CERT_ALTNAME_INVALID: { words: /invalid peer certificate: .*NotValidForName/ },
  };

  /** Of the system's, what happens before there is a connection. */
  const CONNECT = ["ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH", "ETIMEDOUT"];

  /**
   * @param {Error} error of the client; gets a code and the properties that go with it, where Node has one
   * @param {URL} url of the request
   * @returns {Error} the same
   */
  function addCode(error, url) {
    const { code, errno, syscall } = meaning(error.message) ?? {};
    if (code === undefined) return error;
    Object.assign(error, errno === undefined ? { code } : { code, errno });
    const hostname = url.hostname.replace(/^\[|\]$/g, "");
    if (syscall === "getaddrinfo") {
      error.message = `getaddrinfo ${code} ${hostname}`;
      Object.assign(error, { syscall, hostname });
    } else if (syscall === "connect") {
      const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
      error.message = `connect ${code} ${hostname}:${port}`;
      Object.assign(error, { syscall, address: hostname, port });
    } else if (code === "ECONNRESET") {
      error.message = "socket hang up";
    }
    return error;
  }

  function meaning(message) {
    const [, number] = /\(os error (\d+)\)$/.exec(message) ?? [];
    if (number in SYSTEM) {
      const code = SYSTEM[number];
      return { code, errno: -number, syscall: CONNECT.includes(code) ? "connect" : undefined };
    }
    const [code, found] = Object.entries(WORDS).find(([, { words }]) => words.test(message)) ?? [];
    return found && { code, errno: found.errno, syscall: found.syscall };
  }

  return { addCode };
})();
