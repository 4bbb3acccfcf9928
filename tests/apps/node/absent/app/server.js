import childProcess, * as childProcessNames from "node:child_process";
import { ChildProcess, spawn } from "node:child_process";
import cluster, * as clusterNames from "node:cluster";
import { isPrimary } from "node:cluster";
import console, * as consoleNames from "node:console";
import { Console } from "node:console";
import constants, * as constantsNames from "node:constants";
import { ENOENT } from "node:constants";
import dgram, * as dgramNames from "node:dgram";
import { createSocket } from "node:dgram";
import dns, * as dnsNames from "node:dns";
import { lookup, NODATA } from "node:dns";
import dnsPromises, * as dnsPromisesNames from "node:dns/promises";
import { Resolver } from "node:dns/promises";
import domain, * as domainNames from "node:domain";
import { create } from "node:domain";
import fs, * as fsNames from "fs";
import { existsSync, readFileSync, ReadStream } from "node:fs";
import fsPromises, * as fsPromisesNames from "node:fs/promises";
import { readFile } from "node:fs/promises";
import http, * as httpNames from "http";
import { Agent, createServer, ServerResponse, STATUS_CODES, WebSocket as HttpWebSocket } from "node:http";
import http2, * as http2Names from "node:http2";
import { sensitiveHeaders } from "node:http2";
import https, * as httpsNames from "node:https";
import { Agent as SecureAgent } from "node:https";
import inspector, * as inspectorNames from "node:inspector";
import { Session } from "node:inspector";
import inspectorPromises, * as inspectorPromisesNames from "node:inspector/promises";
import { url } from "node:inspector/promises";
import net, * as netNames from "node:net";
import { isIP, Socket } from "node:net";
import pathWin32, * as pathWin32Names from "node:path/win32";
import { basename } from "node:path/win32";
import punycode, * as punycodeNames from "node:punycode";
import { toASCII } from "node:punycode";
import readline, * as readlineNames from "node:readline";
import { createInterface } from "node:readline";
import readlinePromises, * as readlinePromisesNames from "node:readline/promises";
import { Readline } from "node:readline/promises";
import repl, * as replNames from "node:repl";
import { start } from "node:repl";
import sea, * as seaNames from "node:sea";
import { isSea } from "node:sea";
import sqlite, * as sqliteNames from "node:sqlite";
import { DatabaseSync } from "node:sqlite";
import sys, * as sysNames from "node:sys";
import { inspect } from "node:sys";
import tls, * as tlsNames from "node:tls";
import { TLSSocket } from "node:tls";
import traceEvents, * as traceEventsNames from "node:trace_events";
import { createTracing } from "node:trace_events";
import tty, * as ttyNames from "node:tty";
import { isatty } from "node:tty";
import v8, * as v8Names from "node:v8";
import { serialize } from "node:v8";
import vm, * as vmNames from "node:vm";
import { Script } from "node:vm";
import wasi, * as wasiNames from "node:wasi";
import { WASI } from "node:wasi";
import workerThreads, * as workerThreadsNames from "node:worker_threads";
import { BroadcastChannel as LateChannel, isMainThread, MessageChannel } from "node:worker_threads";
import zlib, * as zlibNames from "zlib";
import { crc32, gunzip, gzip, zstdCompressSync } from "node:zlib";
import { checkPrimeSync, createHmac, createSecretKey, KeyObject, X509Certificate } from "node:crypto";
import { builtinModules, createRequire, isBuiltin, Module, register } from "node:module";
import { userInfo } from "node:os";
import { win32 } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { promisify } from "node:util";

const require = createRequire("file:///app/server.js");

/** What was imported, as default and as namespace. */
const imported = {
  "child_process": [childProcess, childProcessNames],
  "cluster": [cluster, clusterNames],
  "console": [console, consoleNames],
  "constants": [constants, constantsNames],
  "dgram": [dgram, dgramNames],
  "dns": [dns, dnsNames],
  "dns/promises": [dnsPromises, dnsPromisesNames],
  "domain": [domain, domainNames],
  "fs": [fs, fsNames],
  "fs/promises": [fsPromises, fsPromisesNames],
  "http": [http, httpNames],
  "http2": [http2, http2Names],
  "https": [https, httpsNames],
  "inspector": [inspector, inspectorNames],
  "inspector/promises": [inspectorPromises, inspectorPromisesNames],
  "net": [net, netNames],
  "path/win32": [pathWin32, pathWin32Names],
  "punycode": [punycode, punycodeNames],
  "readline": [readline, readlineNames],
  "readline/promises": [readlinePromises, readlinePromisesNames],
  "repl": [repl, replNames],
  "sea": [sea, seaNames],
  "sqlite": [sqlite, sqliteNames],
  "sys": [sys, sysNames],
  "tls": [tls, tlsNames],
  "trace_events": [traceEvents, traceEventsNames],
  "tty": [tty, ttyNames],
  "v8": [v8, v8Names],
  "vm": [vm, vmNames],
  "wasi": [wasi, wasiNames],
  "worker_threads": [workerThreads, workerThreadsNames],
  "zlib": [zlib, zlibNames],
};

// As clients of Node do when they are imported.
const agent = new SecureAgent({ keepAlive: true });
class OwnAgent extends Agent {}
class OwnMessage extends ServerResponse {}
const readText = promisify(fs.readFile);

function codeOf(call) {
  try {
    return typeof call();
  } catch ({ code, message }) {
    return `${code}: ${message.slice(0, message.indexOf(" is not"))}`;
  }
}

const answers = {
  /** The modules that are not what `createRequire` and `process` give, or that lack a name. */
  all: () =>
    Object.entries(imported)
      .filter(([name, [given, names]]) => {
        const isOne = given === names.default && given === require(name) && given === process.getBuiltinModule(name);
        return !isOne || !isBuiltin(`node:${name}`) || Object.keys(names).length < 2;
      })
      .map(([name]) => name),
  builtin: () => [isBuiltin("fs"), isBuiltin("node:test"), builtinModules.includes("http"), builtinModules.includes("test")],
  throwing: () => [
    codeOf(() => readFileSync("/etc/passwd")),
    codeOf(() => spawn("ls")),
    codeOf(() => new Socket()),
    codeOf(() => new OwnMessage()),
    codeOf(() => createServer()),
    codeOf(() => new DatabaseSync(":memory:")),
    codeOf(() => zstdCompressSync("x")),
    codeOf(() => createSocket("udp4")),
    codeOf(() => new X509Certificate("certificate")),
    codeOf(() => checkPrimeSync(7n)),
    codeOf(() => Module.runMain()),
    codeOf(() => register("./hooks.js")),
    codeOf(() => userInfo()),
    codeOf(() => monitorEventLoopDelay()),
  ],
  rejecting: () =>
    Promise.all(
      [fsPromises.readFile("/etc/passwd"), readText("/etc/passwd"), dnsPromises.lookup("example.com")].map((promise) =>
        promise.then(
          () => "read",
          ({ code }) => code,
        ),
      ),
    ),
  real: () => [
    existsSync("/"),
    STATUS_CODES[418],
    new OwnAgent() instanceof Agent && agent.keepAlive && agent.protocol,
    isIP("::1"),
    isatty(1),
    isPrimary && isMainThread && !isSea(),
    win32.join("C:\\a", "..", "b"),
    basename("C:\\x.txt"),
    toASCII("mañana.com"),
    ENOENT,
    NODATA,
    sys.inspect === inspect,
    console.warn === globalThis.console.warn,
  ],
  secret() {
    const key = createSecretKey("key", "utf8");
    return [createHmac("sha1", key).update("message").digest("base64"), key instanceof KeyObject, key.type];
  },
  output: () => new Promise((resolve) => fs.write(1, "a line by number\n", (error, bytes) => resolve([error, bytes]))),
  async late() {
    const [first, second] = [new LateChannel("late"), new LateChannel("late")];
    const { port1, port2 } = new MessageChannel();
    port1.close();
    port2.close();
    const isOne = first instanceof globalThis.BroadcastChannel && first instanceof LateChannel;
    first.close();
    second.close();
    return [isOne, HttpWebSocket.OPEN, HttpWebSocket.prototype === WebSocket.prototype];
  },
  async zlib() {
    const packed = await promisify(gzip)("hello ".repeat(100));
    const error = await promisify(gunzip)("no gzip").catch((error) => error);
    return [packed.length < 60, String(await promisify(gunzip)(packed)).length, error.code, error.errno, crc32("hello")];
  },
  async brotli() {
    const packed = await promisify(zlib.brotliCompress)("hello ".repeat(100));
    return [packed.length < 60, String(await promisify(zlib.brotliDecompress)(packed)).length];
  },
};

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    return Response.json(await answers[pathname.slice(1)]());
  },
};
