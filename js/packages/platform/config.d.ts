/** Types for an app's configuration file, `orilla.config.js` or `orilla.config.ts`. */

/** A block whose exact shape belongs to a service that defines it. */
export interface ConfigBlock {
  readonly [key: string]: unknown;
}

/** What the app asks for; the host may allow less, and refuses a manifest that asks for more. */
export interface LimitsConfig {
  /** Milliseconds an invocation may last, `waitUntil` included. Default 30,000. */
  wall_ms?: number;
  /** Milliseconds of CPU time of one invocation. Default 10,000. */
  cpu_ms?: number;
  /** Mebibytes of JavaScript heap of one isolate. Default 128. */
  heap_mb?: number;
  /** Mebibytes of ArrayBuffers of one isolate. Default 128. */
  array_buffer_mb?: number;
  /** Bytes of a request body. Default 10 MiB. */
  request_body_bytes?: number;
  /** Bytes of a response body. Default 1 GiB. */
  response_body_bytes?: number;
  /** Bytes of all names and values of a response's headers. Default 64 KiB. */
  response_header_bytes?: number;
  /** Requests that run at the same time in one isolate. Default 64. */
  concurrent_requests?: number;
  /** Requests that wait for a place in an isolate. Default 256. */
  queued_requests?: number;
  /** Milliseconds a request waits for a place. Default 5,000. */
  queue_wait_ms?: number;
  /** Requests one invocation may send with `fetch`, redirects included. Default 200. */
  subrequests?: number;
  /** WebSockets open at the same time in one isolate. Default 1,000. */
  websockets?: number;
}

/** Which variables of the host's environment reach the app. */
export interface EnvConfig {
  /** Those whose names start with this. Default `PUBLIC_`. */
  prefix?: string;
  /** Those without which the app does not start, whatever their names. */
  required?: readonly string[];
}

/** What the runtime may do with the app. */
export interface FeaturesConfig {
  /** Whether the app may start from a snapshot of its initialised state. Default `true`. */
  snapshot?: boolean;
}

/** An app's configuration; every block is optional, and each is copied into `manifest.json`. */
export interface OrillaConfig {
  limits?: LimitsConfig;
  env?: EnvConfig;
  features?: FeaturesConfig;
  /** Sign-in, groups, relations and the policies of resources. */
  auth?: ConfigBlock;
  /** Collections and their indexes, vector indexes included. */
  database?: ConfigBlock;
  /** What happens to uploaded files: thumbnails, resizing, transcoding. */
  transforms?: ConfigBlock;
  /** Channels and who may join them. */
  realtime?: ConfigBlock;
  /** Handlers of changes, messages and schedules. */
  events?: ConfigBlock;
  /** Durable workflows and their triggers. */
  workflows?: ConfigBlock;
}

/** Hands back the configuration as it is, checked against its types. */
export declare function defineConfig<const Config extends OrillaConfig>(config: Config): Config;
