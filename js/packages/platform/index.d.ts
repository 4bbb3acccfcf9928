/** The services of an Orilla app, and the types of its `server.js`. */

import type { Database } from "./database.js";
import type { KvNamespaces, KvService } from "./kv.js";

export type * from "./database.js";
export type * from "./kv.js";
export type * from "./worker.js";

/** An error with a stable code, as every platform service throws it. */
export declare class PlatformError extends Error {
  constructor(code: string, message: string);
  readonly name: "PlatformError";
  /** Stable, upper case, for programs: `KV_VALUE_TOO_LARGE`. */
  readonly code: string;
}

/** The services of the running app. All of them see only this app's data. */
export interface Platform {
  /** Key-value namespaces by name: `platform.KV.sessions.get("user:1")`. */
  readonly KV: KvNamespaces;
  /** The same store, with the namespace as an argument: `platform.kv.get("sessions", "user:1")`. */
  readonly kv: KvService;
  /** Documents in collections: `platform.DB.find("users", { age: { $gte: 18 } })`, `platform.DB.users.find(…)`. */
  readonly DB: Database;
  /** The same as `DB`. */
  readonly database: Database;
}

/**
 * The services of the running app.
 *
 * It may be called at module scope; the services themselves need a request.
 *
 * @throws {PlatformError} `PLATFORM_NOT_IN_RUNTIME` outside the Orilla runtime
 */
export declare function getPlatform(): Platform;
