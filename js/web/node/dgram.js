// `node:dgram`, in name only.

import { absent } from "ext:orilla_web/node/internal/absent.js";

const [names, module] = absent("dgram", "an app has no network beside fetch and WebSocket");

export const { Socket, createSocket } = names;

export default module;
