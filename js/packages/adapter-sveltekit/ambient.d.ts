import type { Env, ExecutionContext, Platform as Services } from "@orilla/platform";

declare global {
  namespace App {
    /** What `event.platform` is on Orilla. */
    interface Platform {
      env: Env;
      ctx: ExecutionContext;
      getPlatform: () => Services;
    }
  }
}
