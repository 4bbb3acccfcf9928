// What `import { getPlatform } from "@orilla/platform"` gives an app inside the runtime.
import { PlatformError } from "ext:orilla_web/errors.js";
import { DB } from "ext:orilla_platform/database.js";
import { KV, kv } from "ext:orilla_platform/kv.js";

const platform = Object.freeze({ KV, kv, DB, database: DB });

/**
 * The platform's services. Made once; calling it costs nothing.
 */
export function getPlatform() {
  return platform;
}

export { PlatformError };
