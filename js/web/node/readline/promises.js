// `node:readline/promises`, in name only.

import { absent } from "ext:orilla_web/node/internal/absent.js";

const [names, module] = absent("readline", "an app has no terminal; read a stream by its chunks");

export const { Interface, Readline, createInterface } = names;

export default module;
