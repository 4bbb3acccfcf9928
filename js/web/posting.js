// Stands in for ops of deno_web's message ports and broadcast channels. What is posted waits in the host until it is received, and counts there only
// if it lies in a buffer that is the app's own, not in one that an op made. Loaded before the message ports are.
(function () {
  const { core, primordials } = __bootstrap;
  const { Uint8Array } = primordials;
  const { ops } = core;
  const { op_message_port_post_message: post, op_message_port_post_message_raw: postRaw } = ops;

  ops.op_message_port_post_message = (port, message) =>
    post(port, { ...message, data: new Uint8Array(message.data) });
  // Channels of the same isolate hear of it otherwise, and there are no others.
  ops.op_broadcast_send = () => {};
  ops.op_message_port_post_message_raw = (port, data) => postRaw(port, new Uint8Array(data));
})();
