// Runs before everything else here: what stands in for ops of deno_web and parts of deno_fetch before their scripts take them.
import { core } from "ext:core/mod.js";

core.loadExtScript("ext:orilla_web/posting.js");
core.loadExtScript("ext:orilla_web/bodies.js");
