// Runs before everything else here: what stands in for ops of deno_web before its scripts take them.
import { core } from "ext:core/mod.js";

core.loadExtScript("ext:orilla_web/posting.js");
